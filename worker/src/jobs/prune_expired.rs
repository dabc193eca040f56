//! `prune_expired`: removes what has no other end.

use celery::prelude::*;
use chrono::TimeDelta;
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

/// Removes expired refresh tokens, long removed instances, and entries of workers that are gone.
#[instrument(skip_all)]
pub async fn run(context: &Context) -> Result<Value, JobError> {
    let now = context.now();
    let (mut tokens, mut instances) = (0, 0);
    for _ in 0..PORTIONS {
        let portion = housekeeping::prune_refresh_tokens(&context.db, now - TOKENS_KEPT, PORTION).await?;
        tokens += portion;
        if portion < PORTION {
            break;
        }
    }
    for _ in 0..PORTIONS {
        let portion = housekeeping::prune_removed_instances(&context.db, now - REMOVED_KEPT, PORTION).await?;
        instances += portion;
        if portion < PORTION {
            break;
        }
    }
    let workers = presence::forget_gone(&context.redis, now).await?;
    Ok(json!({"refresh_tokens": tokens, "instances": instances, "workers": workers}))
}
