//! `prune_monitoring`: removes samples past their retention.

use celery::prelude::*;
use entities::repo::samples;
use serde_json::{Value, json};
use tracing::{info, instrument};

use super::{JobError, task};
use crate::context::Context;

/// As many rows as go in one statement, so that SQLite's single writer is never held for long.
const PORTION: u64 = 1_000;
/// As many portions as one run takes; the next run, an hour later, goes on.
const PORTIONS: usize = 1_000;

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

/// Removes what is older than `METRICS_RETENTION_DAYS`.
#[instrument(skip_all)]
pub async fn run(context: &Context) -> Result<Value, JobError> {
    let before = context.now() - context.monitoring.retention;
    let mut removed = 0;
    for _ in 0..PORTIONS {
        let portion = samples::prune(&context.db, before, PORTION).await?;
        removed += portion;
        if portion < PORTION {
            break;
        }
        tokio::task::yield_now().await;
    }
    if removed > 0 {
        info!(removed, "old samples were removed");
    }
    Ok(json!({"removed": removed}))
}
