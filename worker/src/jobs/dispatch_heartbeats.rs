//! `dispatch_heartbeats`: one `send_heartbeat` for every live instance.

use std::time::Duration;

use celery::prelude::*;
use domain::ids::InstanceId;
use domain::tasks::TaskCall;
use entities::repo::fleet;
use serde_json::{Value, json};
use tracing::instrument;

use super::{JobError, task};
use crate::context::Context;

/// As many as are sent in one pipeline.
const PAGE: u64 = 500;

/// The task; the next tick makes up for a failed one.
#[celery::task(
    name = "dispatch_heartbeats",
    acks_late = true,
    max_retries = 0,
    hard_time_limit = 60
)]
pub async fn dispatch_heartbeats() -> TaskResult<Value> {
    task::run(|context| async move {
        let sent = to_live_instances(
            &context,
            context.monitoring.heartbeat_interval,
            TaskCall::SendHeartbeat,
        )
        .await?;
        Ok(json!({"sent": sent}))
    })
    .await
}

/// Sends a task for every live instance, a page at a time. Each expires with its period, so that ticks
/// which nobody could serve do not pile up; a host that no worker runs on gets none.
#[instrument(skip_all)]
pub async fn to_live_instances(
    context: &Context,
    period: Duration,
    call: impl Fn(InstanceId) -> TaskCall,
) -> Result<usize, JobError> {
    let served = context.served_hosts().await?;
    let mut sent = 0;
    let mut after: Option<InstanceId> = None;
    loop {
        let page = fleet::list_live(&context.db, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(sent);
        };
        after = Some(last.id.clone());
        let signatures: Vec<_> = page
            .into_iter()
            .filter(|addressed| addressed.host.as_ref().is_none_or(|host| served.contains(host)))
            .map(|addressed| {
                context
                    .signature(&call(addressed.id), addressed.host.as_deref())
                    .expires_in(period)
            })
            .collect();
        sent += signatures.len();
        context.celery.send_many(&signatures).await?;
    }
}
