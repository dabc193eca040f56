//! `prune_monitoring`: removes samples past their retention, and rolls up what is older than a day.

use celery::prelude::*;
use chrono::TimeDelta;
use entities::repo::{housekeeping, rollup};
use serde_json::{Value, json};
use tracing::{info, instrument};

use super::{JobError, task};
use crate::context::Context;

/// As many rows as go in one statement, so that SQLite's single writer is never held for long.
const PORTION: u64 = 1_000;
/// As many portions as one run takes; the next run, an hour later, goes on.
const PORTIONS: usize = 1_000;

/// For so long each sample is kept as it was taken.
const KEPT_AS_TAKEN: TimeDelta = TimeDelta::hours(24);

/// The task; the next tick makes up for a failed one.
#[celery::task(
    name = "prune_monitoring",
    acks_late = true,
    max_retries = 0,
    hard_time_limit = 600
)]
pub async fn prune_monitoring() -> TaskResult<Value> {
    task::run(|context| async move { run(&context).await }).await
}

/// Removes what is older than `METRICS_RETENTION_DAYS`; what is older than a day becomes means of five minutes.
#[instrument(skip_all)]
pub async fn run(context: &Context) -> Result<Value, JobError> {
    let before = context.now() - context.monitoring.retention;
    let mut removed = 0;
    for _ in 0..PORTIONS {
        let portion = housekeeping::prune_samples(&context.db, before, PORTION).await?;
        removed += portion;
        if portion < PORTION {
            break;
        }
        tokio::task::yield_now().await;
    }
    if removed > 0 {
        info!(removed, "old samples were removed");
    }
    let rolled_up = roll_up(context).await?;
    Ok(json!({"removed": removed, "rolled_up": rolled_up}))
}

/// Whole hours only: no sample of theirs comes any more.
async fn roll_up(context: &Context) -> Result<u64, JobError> {
    let end = rollup::hour_of(context.now() - KEPT_AS_TAKEN);
    let Some(mut hour) = rollup::first_hour(&context.db).await? else {
        return Ok(0);
    };
    let mut spared = 0;
    while hour < end {
        spared += rollup::roll_up_hour(&context.db, hour, context.now()).await?;
        hour += TimeDelta::hours(1);
    }
    if spared > 0 {
        info!(spared, "old samples were rolled up");
    }
    Ok(spared)
}
