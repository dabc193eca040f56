//! `check_nodes`: one `check_node` for every node, and a sweep of what was left on it.

use std::time::Duration;

use celery::prelude::*;
use domain::ids::NodeId;
use domain::tasks::TaskCall;
use entities::repo::fleet;
use serde_json::{Value, json};
use tracing::instrument;

use super::{JobError, task};
use crate::context::Context;

/// As many as are sent in one pipeline.
const PAGE: u64 = 500;
/// A check that nobody could run for this long is not worth running: the next tick sends another.
const STALE_AFTER: Duration = Duration::from_mins(1);

/// The task; the next tick makes up for a failed one.
#[celery::task(name = "check_nodes", acks_late = true, max_retries = 0, hard_time_limit = 60)]
pub async fn check_nodes() -> TaskResult<Value> {
    task::run(|context| async move { run(&context).await }).await
}

/// Sends the checks.
#[instrument(skip_all)]
pub async fn run(context: &Context) -> Result<Value, JobError> {
    let mut sent = 0;
    let mut after: Option<NodeId> = None;
    loop {
        let page = fleet::list_nodes(&context.db, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(json!({"sent": sent}));
        };
        after = Some(last.id.clone());
        let signatures: Vec<_> = page
            .into_iter()
            .map(|node| {
                context
                    .signature(&TaskCall::CheckNode(node.id), node.host.as_deref())
                    .expires_in(STALE_AFTER)
            })
            .collect();
        sent += signatures.len();
        context.celery.send_many(&signatures).await?;
    }
}
