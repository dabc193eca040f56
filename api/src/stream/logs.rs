//! An instance's log while it is written. The api asks a worker to follow it and hands on what the worker
//! puts into the viewer's Redis stream; it never talks to an engine itself. The viewer's lease, renewed
//! here, keeps the worker at it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, LogStreamId, OrgId, UserId};
use domain::logs::{BATCH_FIELD, LogBatch, LogEnd};
use domain::permissions::Permission;
use domain::redis_keys::{self, LOGS_LEASE_TTL};
use domain::tasks::TaskCall;
use entities::repo::members;
use futures::Stream;
use redis::AsyncCommands as _;
use tokio::time::{Instant, timeout};

use super::entry_id::EntryId;
use super::hub::{Signal, Subscription};
use super::places::Place;
use super::{OPENING, OpenError, next_recheck};
use crate::access::{OrgAccess, authenticate};
use crate::context::Context;
use crate::error::{ApiError, chain};
use crate::queue::signature;

/// Logs that one user follows at once.
pub const MAX_PER_USER: usize = 10;
/// Viewers of one instance's log at once; each has a worker read the log for itself.
pub const MAX_PER_INSTANCE: usize = 20;
/// How often the lease is renewed.
const RENEW: Duration = Duration::from_secs(5);
/// How long a worker may take to begin; its message is not worth running any later.
const BEGINNING: Duration = Duration::from_secs(15);
/// A worker that follows says something every five seconds.
const SILENCE: Duration = Duration::from_secs(12);

/// What is followed, on whose behalf.
pub struct Wanted {
    /// The caller's access token.
    pub token: String,
    /// The instance.
    pub instance: InstanceId,
    /// The host whose workers alone reach the instance's node, if it is tied to one.
    pub host: Option<String>,
    /// Whether there is a container at all.
    pub has_container: bool,
    /// How many earlier lines come first.
    pub tail: u32,
    /// After the line of which time to go on, if some were seen.
    pub after: Option<DateTime<Utc>>,
}

struct Viewer {
    context: Context,
    token: String,
    org: OrgId,
    user: UserId,
    id: LogStreamId,
    subscription: Subscription,
    last: EntryId,
    renew_at: Instant,
    silent_until: Instant,
    has_begun: bool,
    recheck_at: Instant,
    _places: (Place<UserId>, Place<InstanceId>),
}

enum Step {
    Told(LogBatch),
    /// The last that is told.
    Ends(LogEnd),
    /// The server stops, or the caller may no longer look.
    Over,
}

/// Opens a stream of an instance's lines. It ends after a batch with an end.
pub async fn open(
    context: &Context,
    access: &OrgAccess,
    wanted: Wanted,
) -> Result<impl Stream<Item = LogBatch> + Send + 'static, ApiError> {
    let user = &access.caller.id;
    let places = context.streams.open_log(user, &wanted.instance);
    let places = places.ok_or_else(|| ApiError::too_many(RENEW.as_secs()))?;
    let state = if wanted.has_container {
        let id = LogStreamId::new();
        let subscription = begin(context, &id, &wanted).await.map_err(|error| {
            tracing::warn!(error = %chain(&error), instance.id = %wanted.instance, "a log could not be followed");
            ApiError::unavailable()
        })?;
        let now = Instant::now();
        Some(Viewer {
            context: context.clone(),
            token: wanted.token,
            org: access.org_id.clone(),
            user: user.clone(),
            id,
            subscription,
            last: EntryId::default(),
            renew_at: now + RENEW,
            silent_until: now + BEGINNING,
            has_begun: false,
            recheck_at: next_recheck(),
            _places: places,
        })
    } else {
        None
    };
    let nothing_to_follow = state.is_none();
    let first = nothing_to_follow.then(|| ending(LogEnd::Ended));
    let lines = futures::stream::unfold(state, |viewer| async move {
        let mut viewer = viewer?;
        match viewer.next().await {
            Step::Told(batch) => {
                let is_last = batch.end.is_some();
                Some((batch, (!is_last).then_some(viewer)))
            }
            Step::Ends(end) => Some((ending(end), None)),
            Step::Over => None,
        }
    });
    Ok(futures::StreamExt::chain(futures::stream::iter(first), lines))
}

fn ending(end: LogEnd) -> LogBatch {
    LogBatch {
        end: Some(end),
        ..LogBatch::default()
    }
}

/// Listens first, then shows that somebody looks, then has a worker begin.
async fn begin(context: &Context, id: &LogStreamId, wanted: &Wanted) -> Result<Subscription, OpenError> {
    let hub = context.streams.hub(context);
    let mut subscription = hub.subscribe(redis_keys::logs(id)).await?;
    timeout(OPENING, subscription.ready()).await?;
    renew(context, id).await?;
    let call = TaskCall::FollowLogs(wanted.instance.clone(), id.clone(), wanted.tail, wanted.after);
    let task = signature(&call, wanted.host.as_deref()).ignore_result(true);
    timeout(OPENING, context.tasks.send(&task)).await??;
    Ok(subscription)
}

async fn renew(context: &Context, id: &LogStreamId) -> redis::RedisResult<()> {
    let key = redis_keys::logs_lease(id);
    context
        .redis
        .clone()
        .set_ex(key, "1", LOGS_LEASE_TTL.as_secs())
        .await
}

impl Viewer {
    async fn next(&mut self) -> Step {
        let stopping = self.context.shutdown.token();
        loop {
            if stopping.is_cancelled() {
                return Step::Over;
            }
            let now = Instant::now();
            if now >= self.recheck_at {
                if !self.may_look().await {
                    return Step::Over;
                }
                self.recheck_at = next_recheck();
            }
            if now >= self.renew_at {
                self.renew_at = now + RENEW;
                // Redis being away is told by the hub; the worker then ends by itself.
                let _ = renew(&self.context, &self.id).await;
            }
            if now >= self.silent_until {
                return Step::Ends(if self.has_begun {
                    LogEnd::WorkerStopped
                } else {
                    LogEnd::NoWorker
                });
            }
            let wake = self.recheck_at.min(self.renew_at).min(self.silent_until);
            tokio::select! {
                () = stopping.cancelled() => return Step::Over,
                () = tokio::time::sleep_until(wake) => {}
                signal = self.subscription.next() => match signal {
                    Signal::Entry(id, entry) if id > self.last => {
                        if id != self.last.next_batch() {
                            return Step::Ends(LogEnd::Overrun);
                        }
                        self.last = id;
                        let begins = !std::mem::replace(&mut self.has_begun, true);
                        self.silent_until = Instant::now() + SILENCE;
                        let batch = entry.get(BATCH_FIELD).and_then(|json: String| parse(&json, begins));
                        if let Some(batch) = batch {
                            return Step::Told(batch);
                        }
                    }
                    // Already told.
                    Signal::Entry(..) => {}
                    // The worker's silence ends the stream if that goes on.
                    Signal::Stalled => {}
                    Signal::Lost(_) => return Step::Ends(LogEnd::Overrun),
                }
            }
        }
    }

    async fn may_look(&self) -> bool {
        let signed_in = authenticate(&self.context, &self.token).await.is_ok();
        let membership = members::membership(&self.context.db, &self.org, &self.user).await;
        signed_in
            && membership.is_ok_and(|membership| {
                membership.is_some_and(|membership| membership.rights.allow(Permission::ViewLogs))
            })
    }
}

/// Whoever can write to Redis can write anything. An empty batch says that a worker has begun; later ones
/// only break the silence.
fn parse(json: &str, begins: bool) -> Option<LogBatch> {
    let batch: LogBatch = serde_json::from_str(json).ok()?;
    (begins || batch != LogBatch::default()).then_some(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_batch_is_told_and_later_ones_with_something_in_them() {
        assert_eq!(parse("{}", false), None);
        assert_eq!(parse("{}", true), Some(LogBatch::default()));
        assert_eq!(parse("rubbish", true), None);
        assert_eq!(
            parse(r#"{"lines":["a"]}"#, false).map(|batch| batch.lines.len()),
            Some(1)
        );
        assert_eq!(
            parse(r#"{"end":"ended"}"#, false).and_then(|batch| batch.end),
            Some(LogEnd::Ended)
        );
    }
}
