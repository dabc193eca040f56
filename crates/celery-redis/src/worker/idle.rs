//! Waits for messages without polling, and holds the first one after a single trip.
//!
//! The worker sends `BLMOVE list list RIGHT RIGHT` with the take script behind it, in one pipeline. Moving the last
//! element of a list to where it was changes nothing, so the first command only waits until the list has an
//! element; the server then goes on with the script in the same turn and answers both together. A blocking pop
//! would need no second command, but the message would be nowhere but in its reply.
//!
//! `CLIENT REPLY SKIP` before it keeps the element out of the reply: it would travel twice, and in full even if it is
//! too large to be executed. That hides errors as well, so after a wait that ended at once and in vain the next one is
//! not silent.
//!
//! `BLMOVE` waits at one list only, that of the last message. The others are watched by `CLIENT TRACKING`: when one
//! of them changes, `CLIENT UNBLOCK` over another connection lets the same script run; that is a trip more.
//! Several idle workers are all woken by one message; all but one find nothing and wait again.

use std::time::Duration;

use redis::{RedisError, Value, aio::MultiplexedConnection};
use tokio::time::Instant;

use crate::{
    link::{RESPONSE_TIMEOUT, in_time},
    worker::fetch::{Fetcher, Look, Signs},
};

/// An idle worker looks this often without being told to: it proves that the connection still lives.
const UPKEEP: Duration = Duration::from_secs(25);
/// How long to wait before unblocking again a connection that was not blocked yet.
const NOT_YET: Duration = Duration::from_millis(2);
/// A wait that ends sooner, without being told to, and finds nothing may not have been one.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Whether the element that a wait ends with is kept out of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// The server does not let this worker do that.
    Never,
    Yes,
    /// Not the next time: an error may have been hidden.
    NotNow,
}

impl Fetcher {
    /// Whether the server lets this worker keep replies away.
    pub(super) async fn may_be_silent(&self) -> Silence {
        let mut probe = redis::pipe();
        probe.cmd("CLIENT").arg("REPLY").arg("ON");
        match self.link.query::<()>(&probe).await {
            Ok(()) => Silence::Yes,
            Err(error) => {
                tracing::info!(error = %error, "messages travel twice to this worker while it is idle");
                Silence::Never
            }
        }
    }

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
        // Before the wait, so that nothing stands between the message and its way to us: what changes later is told.
        self.watch(&mut pipeline);
        let silent = self.silence == Silence::Yes;
        if silent {
            pipeline.cmd("CLIENT").arg("REPLY").arg("SKIP");
        }
        pipeline
            .cmd("BLMOVE")
            .arg(&[&likely, &likely])
            .arg(&["RIGHT", "RIGHT"])
            .arg(UPKEEP.as_secs());
        self.ask(&mut pipeline, room, Some(&likely));
        let mut waiting = connection.clone();
        let (began, mut told) = (Instant::now(), false);
        let count = if silent { 3 } else { 4 };
        let mut waiting = std::pin::pin!(waiting.send_packed_commands(&pipeline, 0, count));
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
                told = true;
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
        let mut replies = replies?.into_iter();
        let (_, more, last) = (replies.next(), replies.next(), replies.next_back());
        if let Some(Value::ServerError(error)) = replies.next() {
            // A key of another type, or a right that is missing: what else there is can still be served.
            tracing::warn!(error = ?error, list = likely, "cannot wait at a list");
            self.client_id = None;
        }
        let look = self
            .read(connection, last.unwrap_or(Value::Nil), more.unwrap_or(Value::Nil))
            .await?;
        if self.silence != Silence::Never {
            let doubtful = !told && look.taken.is_empty() && began.elapsed() < AT_ONCE;
            self.silence = if doubtful { Silence::NotNow } else { Silence::Yes };
        }
        Ok(look)
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
