//! `fetch_logs`: the last lines of an instance's log, as the task's result.

use celery::prelude::*;
use domain::ids::InstanceId;
use entities::repo::assignment;
use process::telemetry::redact;
use tracing::instrument;

use super::{JobError, task};
use crate::context::Context;

/// The most lines that are read at once.
const MAX_LINES: u32 = 5_000;
/// The most bytes that a result may hold.
const MAX_BYTES: usize = 1 << 20;

/// The task. Somebody waits for its result, so there is no second try.
#[celery::task(name = "fetch_logs", acks_late = true, max_retries = 0, hard_time_limit = 15)]
pub async fn fetch_logs(runner_instance_id: String, lines: u32) -> TaskResult<String> {
    let id = task::id::<InstanceId>(&runner_instance_id)?;
    task::run(|context| async move { run(&context, &id, lines).await }).await
}

/// Reads the log; empty when there is no container. What looks like a secret is masked: jobs may print
/// anything.
#[instrument(skip_all, fields(instance.id = %id))]
pub async fn run(context: &Context, id: &InstanceId, lines: u32) -> Result<String, JobError> {
    let assignment = assignment::find(&context.db, id)
        .await?
        .ok_or_else(|| JobError::fail("there is no such instance"))?;
    let engine = context.engine(&assignment.node).await?;
    let Some(found) = engine.find_by_instance(&context.install_id, id).await? else {
        return Ok(String::new());
    };
    let log = engine
        .tail_logs(&found.container, lines.clamp(1, MAX_LINES), MAX_BYTES)
        .await?;
    Ok(redact(&log).into_owned())
}
