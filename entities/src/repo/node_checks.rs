//! What a worker found out about a node.

use chrono::{DateTime, Utc};
use domain::ids::NodeId;
use domain::node::NodeStatus;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::StoreError;
use crate::model::nodes::{Column, Entity};

/// The outcome of one check of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeCheck {
    /// Whether it takes runners.
    pub status: NodeStatus,
    /// Why not; `None` for an active node.
    pub reason: Option<String>,
    /// What its engine says of itself; `None` keeps the last known facts.
    pub facts: Option<Value>,
    /// The named checks with their results.
    pub checks: Value,
}

impl NodeCheck {
    /// The outcome for a node whose host no worker runs on: nobody would take the check.
    pub fn unserved(host: &str) -> Self {
        let message = format!("No worker runs on host {host}");
        let fix = format!("Start runner-pilot-worker there, or with WORKER_HOSTNAME=runner-pilot@{host}.");
        Self {
            status: NodeStatus::Inactive,
            reason: Some(format!("{message}. {fix}")),
            facts: None,
            checks: json!([{"name": "worker", "ok": false, "message": message, "fix": fix}]),
        }
    }
}

/// Writes a check's outcome; `true` if the node's status or its reason is another one now.
pub async fn record(
    db: &impl ConnectionTrait,
    id: &NodeId,
    check: NodeCheck,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let NodeCheck {
        status,
        reason,
        facts,
        checks,
    } = check;
    let Some(before) = super::assignment::find_node(db, id).await? else {
        return Ok(false);
    };
    let changed = before.status != status.as_str() || before.status_reason != reason;
    let mut update = Entity::update_many()
        .col_expr(Column::Status, Expr::value(status.as_str()))
        .col_expr(Column::StatusReason, Expr::value(reason))
        .col_expr(Column::Checks, Expr::value(checks))
        .col_expr(Column::LastCheckedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::IsDeleted.eq(false));
    if let Some(facts) = facts {
        update = update.col_expr(Column::Facts, Expr::value(facts));
    }
    if changed {
        update = update.col_expr(Column::UpdatedAt, Expr::value(now));
    }
    Ok(update.exec(db).await?.rows_affected == 1 && changed)
}
