//! `prune_expired`: removes what has no other end.

use celery::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use entities::StoreError;
use entities::repo::housekeeping;
use serde_json::{Value, json};
use tracing::instrument;

use super::{JobError, task};
use crate::context::Context;
use crate::presence;

/// How long an expired refresh token is kept: its reuse must still be recognised as a theft.
const TOKENS_KEPT: TimeDelta = TimeDelta::days(7);
/// How long a removed instance's timeline can be read.
const REMOVED_KEPT: TimeDelta = TimeDelta::days(90);
/// As many rows as go in one statement.
const PORTION: u64 = 500;
/// As many portions as one run takes; the next run, an hour later, goes on.
const PORTIONS: usize = 100;

/// The task; the next tick makes up for a failed one.
#[celery::task(
    name = "prune_expired",
    acks_late = true,
    max_retries = 0,
    hard_time_limit = 600
)]
pub async fn prune_expired() -> TaskResult<Value> {
    task::run(|context| async move { run(&context).await }).await
}

/// Removes expired refresh tokens, long removed instances, history past its retention, and entries of workers
/// that are gone.
#[instrument(skip_all)]
pub async fn run(context: &Context) -> Result<Value, JobError> {
    let (db, now) = (&context.db, context.now());
    let history = now - context.monitoring.history;
    let tokens = all(now - TOKENS_KEPT, |before| {
        housekeeping::prune_refresh_tokens(db, before, PORTION)
    });
    let tokens = tokens.await?;
    let instances = all(now - REMOVED_KEPT, |before| {
        housekeeping::prune_removed_instances(db, before, PORTION)
    });
    let instances = instances.await?;
    let lines = all(history, |before| {
        housekeeping::prune_audit_log(db, before, PORTION)
    })
    .await?;
    let entries = all(history, |before| {
        housekeeping::prune_timelines(db, before, PORTION)
    })
    .await?;
    let invitations = all(history, |before| {
        housekeeping::prune_invitations(db, before, PORTION)
    })
    .await?;
    let workers = presence::forget_gone(&context.redis, now).await?;
    Ok(
        json!({"refresh_tokens": tokens, "instances": instances, "audit_log": lines, "timelines": entries,
        "invitations": invitations, "workers": workers}),
    )
}

/// Portion after portion, so that SQLite's single writer is never held for long.
async fn all<Pruning>(
    before: DateTime<Utc>,
    prune: impl Fn(DateTime<Utc>) -> Pruning,
) -> Result<u64, StoreError>
where
    Pruning: Future<Output = Result<u64, StoreError>>,
{
    let mut removed = 0;
    for _ in 0..PORTIONS {
        let portion = prune(before).await?;
        removed += portion;
        if portion < PORTION {
            break;
        }
    }
    Ok(removed)
}
