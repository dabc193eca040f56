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
    link::{RESPONSE_TIMEOUT, in_time, is_transient_code},
    worker::{
        fetch::{Fetcher, Look, Signs},
        job::Arrived,
        take::bytes,
    },
};

/// An idle worker looks this often without being told to: it proves that the connection still lives.
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
        let more = Look {
            more: true,
            ..Look::default()
        };
        let (Some(id), Some(likely)) = (self.client_id, self.likely.clone()) else {
            self.news(signs, true).await;
            return Ok(more);
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
        pipeline
            .cmd("BLMOVE")
            .arg(&[&likely, &self.arrivals])
            .arg(&["RIGHT", "LEFT"])
            .arg(UPKEEP.as_secs());
        pipeline.cmd("TIME").cmd("LLEN").arg(&likely);
        let mut waiting = connection.clone();
        let mut waiting = std::pin::pin!(waiting.send_packed_commands(&pipeline, 0, 6));
        let limit = tokio::time::timeout(UPKEEP + RESPONSE_TIMEOUT, async {
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
        let Ok([_, elsewhere, _, moved, time, left]) = <[Value; 6]>::try_from(replies?) else {
            return Ok(more);
        };
        let raw = match moved {
            Value::Nil => return Ok(more),
            Value::ServerError(error) if is_transient_code(error.code()) => return Err(error.into()),
            Value::ServerError(error) => {
                // A key of another type, or a right that is missing: what else there is can still be served.
                tracing::warn!(error = ?error, list = likely, "cannot wait at a list");
                self.client_id = None;
                return Ok(more);
            }
            raw => bytes(raw),
        };
        let queue = self.queue_of(&likely).and_then(|queue| self.queues.get(queue));
        let (seconds, micros): (String, String) = redis::from_redis_value(time)?;
        let waiting: [u64; 2] = [
            redis::from_redis_value(elsewhere)?,
            redis::from_redis_value(left)?,
        ];
        Ok(Look {
            at: format!("{seconds}.{micros:0>6}").into(),
            messages: vec![Arrived {
                queue: queue.cloned(),
                raw,
            }],
            more: waiting != [0, 0],
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
