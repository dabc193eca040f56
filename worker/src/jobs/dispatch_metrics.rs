//! `dispatch_metrics`: one `collect_metrics` for every live instance.

use celery::prelude::*;
use domain::tasks::TaskCall;
use serde_json::{Value, json};

use super::dispatch_heartbeats::to_live_instances;
use super::task;

/// The task; the next tick makes up for a failed one.
#[celery::task(
    name = "dispatch_metrics",
    acks_late = true,
    max_retries = 0,
    hard_time_limit = 60
)]
pub async fn dispatch_metrics() -> TaskResult<Value> {
    task::run(|context| async move {
        let sent = to_live_instances(
            &context,
            context.monitoring.metrics_interval,
            TaskCall::CollectMetrics,
        )
        .await?;
        Ok(json!({"sent": sent}))
    })
    .await
}
