//! Waits for messages without polling, and holds the first one after a single trip.
//!
//! The worker waits with `BLMOVE` for the next message of a list; Redis moves it into the worker's list of arrivals and
//! answers in the same turn. A blocking pop would be as quick, but the message would be nowhere but in its reply.
//!
//! `BLMOVE` waits at one list only, that of the last message. The others are watched by `CLIENT TRACKING`: when one
//! of them changes, `CLIENT UNBLOCK` over another connection ends the wait, and the take script looks into all.

use std::time::Duration;

use redis::{RedisError, Value, aio::MultiplexedConnection};

use crate::{
    link::{RESPONSE_TIMEOUT, in_time},
    refusal::is_transient_code,
    worker::{
        fetch::{Fetcher, Signs},
        job::Arrived,
        take::{Look, bytes},
    },
};

/// An idle worker looks this often without being told to, or every quarter of the visibility timeout: it proves that the
/// connection still lives, and that what arrived is not old.
pub(super) const UPKEEP: Duration = Duration::from_secs(25);
/// How long to wait before unblocking again a connection that was not blocked yet.
const NOT_YET: Duration = Duration::from_millis(2);

impl Fetcher {
    /// Whether the server lets this worker wait at a list: it must be able to end the wait, too.
    pub(super) async fn may_wait(&self, id: i64) -> bool {
        match self.unblock(id).await {
            Ok(_) => true,
            Err(error) => {
                tracing::info!(error = %error, "waiting for messages without blocking, for that could not be ended");
                false
            }
        }
    }

    /// Ends the wait of a connection; returns whether it waited.
    async fn unblock(&self, id: i64) -> Result<bool, RedisError> {
        let mut unblock = redis::pipe();
        unblock.cmd("CLIENT").arg("UNBLOCK").arg(id);
        let (unblocked,): (bool,) = self.link.query(&unblock).await?;
        Ok(unblocked)
    }

    /// Waits until something may be in the lists; brings the message that the wait ended with.
    pub(super) async fn wait(
        &mut self,
        connection: &mut MultiplexedConnection,
        signs: &Signs,
    ) -> Result<Look, RedisError> {
        let (Some(id), Some(likely)) = (self.client_id, self.likely.clone()) else {
            self.news(signs, true).await;
            return Ok(Look::again());
        };
        let mut pipeline = redis::pipe();
        // Before the wait, so that nothing stands between the message and its way to us: what changes later is told.
        self.watch(&mut pipeline);
        // Nobody would look into the list of a worker that is struck off, for it stood still for long.
        pipeline
            .cmd("ZADD")
            .arg(&self.workers)
            .arg("NX")
            .arg(self.server_clock.now())
            .arg(&self.consumer);
        // Before the wait as well: what comes later, the next wait tells.
        pipeline.cmd("LLEN").arg(&likely);
        pipeline
            .cmd("BLMOVE")
            .arg(&[&likely, &self.arrivals])
            .arg(&["RIGHT", "LEFT"])
            .arg(self.patience.as_secs_f64());
        let mut waiting = connection.clone();
        let mut waiting = std::pin::pin!(waiting.send_packed_commands(&pipeline, 0, 5));
        let limit = tokio::time::timeout(self.patience + RESPONSE_TIMEOUT, async {
            tokio::select! {
                biased;
                replies = &mut waiting => Some(replies),
                () = self.news(signs, false) => None,
            }
        });
        let replies = match limit.await {
            Ok(Some(replies)) => replies,
            Ok(None) => {
                in_time(RESPONSE_TIMEOUT, async {
                    tokio::select! {
                        replies = &mut waiting => replies,
                        Err(error) = self.insist(id) => Err(error),
                    }
                })
                .await
            }
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        };
        let Ok([_, elsewhere, _, here, moved]) = <[Value; 5]>::try_from(replies?) else {
            return Ok(Look::again());
        };
        let raw = match moved {
            Value::Nil => return Ok(Look::again()),
            Value::ServerError(error) if is_transient_code(error.code()) => return Err(error.into()),
            Value::ServerError(error) => {
                // A key of another type, or a right that is missing: what else there is can still be served.
                tracing::warn!(error = ?error, list = likely, "cannot wait at a list");
                self.client_id = None;
                return Ok(Look::again());
            }
            raw => bytes(raw),
        };
        let queue = self.queue_of(&likely).and_then(|queue| self.queues.get(queue));
        // What a server does not tell may be there.
        let count = |told| redis::from_redis_value::<u64>(told).unwrap_or(u64::MAX);
        Ok(Look {
            messages: vec![Arrived {
                queue: queue.cloned(),
                raw,
            }],
            more: count(elsewhere) > 0 || count(here) > 1,
        })
    }

    /// Unblocks until it has worked: what was sent last may not have been read first.
    async fn insist(&self, id: i64) -> Result<(), RedisError> {
        while !self.unblock(id).await? {
            tokio::time::sleep(NOT_YET).await;
        }
        std::future::pending().await
    }

    /// Waits until there is a reason to look: a watched list changed, or this worker is wanted elsewhere.
    async fn news(&mut self, signs: &Signs, upkeep: bool) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = signs.lost.cancelled() => return,
                () = self.room.recalled() => return,
                Ok(()) = self.sources.changed() => return self.sources.mark_changed(),
                () = signs.news.notified() => if signs.changed() { return },
                () = tokio::time::sleep(UPKEEP), if upkeep => return,
            }
        }
    }
}
