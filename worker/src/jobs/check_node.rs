//! `check_node`: connects to a node, runs the named checks, refreshes its facts and status.

use celery::prelude::*;
use domain::change::Change;
use domain::ids::NodeId;
use domain::node::NodeStatus;
use entities::model::nodes;
use entities::repo::assignment;
use entities::repo::node_checks::{self, NodeCheck};
use serde_json::{Value, json};
use tracing::{info, instrument};

use super::{JobError, sweep_node, task};
use crate::context::Context;
use crate::events;
use crate::node_access;
use crate::nodes::{self as driver, NodeReport};

/// The task. It comes again by itself, so it is tried once more only.
#[celery::task(name = "check_node", acks_late = true, max_retries = 1, hard_time_limit = 120)]
pub async fn check_node(node_id: String) -> TaskResult<Value> {
    let id = task::id::<NodeId>(&node_id)?;
    task::run(|context| async move { run(&context, &id).await }).await
}

/// Checks one node. Its instances are left alone whatever comes out: a node that does not answer keeps
/// what runs on it.
#[instrument(skip_all, fields(node.id = %id))]
pub async fn run(context: &Context, id: &NodeId) -> Result<Value, JobError> {
    let Some(node) = assignment::find_node(&context.db, id).await? else {
        context.engines.forget(id);
        return Ok(json!({"skipped": "there is no such node"}));
    };
    let check = examine(context, &node).await?;
    let (status, reason) = (check.status, check.reason.clone());
    if node_checks::record(&context.db, id, check, context.now()).await? {
        info!(node.status = status.as_str(), reason, "the node's status changed");
        if let Ok(org) = node.org_id.parse() {
            let change = Change::NodeChanged {
                node_id: id.clone(),
                status,
            };
            events::publish(&context.redis, &org, &[change]).await;
        }
    }
    let swept = match status {
        NodeStatus::Active => sweep_node::run(context, &node).await?,
        NodeStatus::Inactive => 0,
    };
    Ok(json!({"status": status, "reason": reason, "swept": swept}))
}

async fn examine(context: &Context, node: &nodes::Model) -> Result<NodeCheck, JobError> {
    let target = match node_access::target_of(node, &context.keyring, context.reach()) {
        Ok(target) => target,
        Err(error) => {
            let check = json!([{
                "name": "settings", "ok": false, "message": error.to_string(), "fix": "Save the node again.",
            }]);
            return Ok(NodeCheck {
                status: NodeStatus::Inactive,
                reason: Some(error.to_string()),
                facts: None,
                checks: check,
            });
        }
    };
    let report = driver::check(&target, &context.install_id, &*context.clock).await;
    let value =
        |part: Result<Value, serde_json::Error>| part.map_err(|error| JobError::fail(error.to_string()));
    let (status, reason) = verdict(&report);
    Ok(NodeCheck {
        status,
        reason,
        facts: report
            .facts
            .as_ref()
            .map(|facts| value(serde_json::to_value(facts)))
            .transpose()?,
        checks: value(serde_json::to_value(&report.checks))?,
    })
}

/// Active if every check is good; else the first bad one says why and what to do.
fn verdict(report: &NodeReport) -> (NodeStatus, Option<String>) {
    if report.is_ok() {
        return (NodeStatus::Active, None);
    }
    let reason = report.checks.iter().find(|check| !check.ok).map(|check| {
        let message = check.message.trim_end_matches('.');
        match &check.fix {
            // A refused connection's message ends with its own advice; it is not given twice.
            Some(fix) if !message.contains(fix.trim_end_matches('.')) => format!("{message}. {fix}"),
            Some(_) | None => format!("{message}."),
        }
    });
    (NodeStatus::Inactive, reason)
}
