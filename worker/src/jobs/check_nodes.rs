//! `check_nodes`: one `check_node` for every node, and a sweep of what was left on it. A node that no worker
//! could check is said to be inactive.

use std::time::Duration;

use celery::prelude::*;
use domain::change::Change;
use domain::ids::NodeId;
use domain::node::NodeStatus;
use domain::tasks::TaskCall;
use entities::repo::assignment;
use entities::repo::fleet;
use entities::repo::node_checks::{self, NodeCheck};
use serde_json::{Value, json};
use tracing::{info, instrument};

use super::{JobError, task};
use crate::context::Context;
use crate::events;

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
    let served = context.served_hosts().await?;
    let (mut sent, mut unserved) = (0, 0);
    let mut after: Option<NodeId> = None;
    loop {
        let page = fleet::list_nodes(&context.db, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(json!({"sent": sent, "unserved": unserved}));
        };
        after = Some(last.id.clone());
        let mut signatures = Vec::with_capacity(page.len());
        for node in page {
            match &node.host {
                Some(host) if !served.contains(host) => {
                    give_up(context, &node.id, host).await?;
                    unserved += 1;
                }
                host => signatures.push(
                    context
                        .signature(&TaskCall::CheckNode(node.id), host.as_deref())
                        .expires_in(STALE_AFTER),
                ),
            }
        }
        sent += signatures.len();
        context.celery.send_many(&signatures).await?;
    }
}

/// Nobody would take the check, so it is answered here: placement must not go on choosing the node.
async fn give_up(context: &Context, id: &NodeId, host: &str) -> Result<(), JobError> {
    let check = NodeCheck::unserved(host);
    if !node_checks::record(&context.db, id, check, context.now()).await? {
        return Ok(());
    }
    info!(node.id = %id, host, "the node is inactive: no worker runs on its host");
    let node = assignment::find_node(&context.db, id).await?;
    if let Some(org) = node.and_then(|node| node.org_id.parse().ok()) {
        let change = Change::NodeChanged {
            node_id: id.clone(),
            status: NodeStatus::Inactive,
        };
        events::publish(&context.redis, &org, &[change]).await;
    }
    Ok(())
}
