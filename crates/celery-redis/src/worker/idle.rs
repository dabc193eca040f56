//! Waits for messages without polling, and holds the first one after a single trip.
//!
//! The worker sends `BLMOVE list list RIGHT RIGHT` with the take script behind it, in one pipeline. Moving the last
//! element of a list to where it was changes nothing, so the first command only waits until the list has an
//! element; the server then goes on with the script in the same turn and answers both together. A blocking pop
//! would need no second command, but the message would be nowhere but in its reply.
//!
//! `BLMOVE` waits at one list only, that of the last message. The others are watched by `CLIENT TRACKING`: when one
//! of them changes, `CLIENT UNBLOCK` over another connection lets the same script run; that is a trip more.
//! Several idle workers are all woken by one message; all but one find nothing and wait again.

use std::time::Duration;

use redis::{RedisError, Value, aio::MultiplexedConnection};

use crate::{
    link::{RESPONSE_TIMEOUT, in_time},
    worker::fetch::{Fetcher, Look, Signs},
};

/// An idle worker looks this often without being told to: it proves that the connection still lives.
const UPKEEP: Duration = Duration::from_secs(25);
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

    /// Waits until something may be in the lists, then takes up to `room` messages.
    pub(super) async fn wait_and_take(
        &mut self,
        connection: &mut MultiplexedConnection,
        room: usize,
        signs: &Signs,
    ) -> Result<Look, RedisError> {
        let (Some(id), Some(likely)) = (self.client_id, self.likely.clone()) else {
            self.news(signs, true).await;
            return Ok(Look {
                taken: Vec::new(),
                more: true,
            });
        };
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        pipeline
            .cmd("BLMOVE")
            .arg(&[&likely, &likely])
            .arg(&["RIGHT", "RIGHT"])
            .arg(UPKEEP.as_secs());
        self.ask(&mut pipeline, room);
        let mut waiting = connection.clone();
        let mut waiting = std::pin::pin!(pipeline.query_async::<(Value, Value, Value, Value)>(&mut waiting));
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
        let (waited, reply, _, more) = replies?;
        if let Value::ServerError(error) = waited {
            // A key of another type, or a right that is missing: what else there is can still be served.
            tracing::warn!(error = ?error, list = likely, "cannot wait at a list");
            self.client_id = None;
        }
        self.read(connection, reply, more).await
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
