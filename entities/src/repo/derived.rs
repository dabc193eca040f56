//! What follows from instances: a runner's status, and how often it failed lately.

use chrono::{DateTime, Utc};
use domain::ids::RunnerId;
use domain::instance::{InstanceState, InstanceStatus};
use domain::runner::RunnerStatus;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::assignment;
use super::fleet::states_where;
use crate::StoreError;
use crate::model::{runner_instances, runners};

/// Brings a runner's status in line with its instances': busy while one of them that is
/// not yet being taken down runs a job.
/// The answer is the new status if it changed. To be called after the change of an instance is committed.
///
/// The runner's row is locked before its instances are looked at: of two that see different instances
/// change, the later one sees both changes, whichever wrote first.
pub async fn refresh_runner_status(
    db: &DatabaseConnection,
    id: &RunnerId,
    now: DateTime<Utc>,
) -> Result<Option<RunnerStatus>, StoreError> {
    let txn = crate::begin(db).await?;
    let Some(runner) = assignment::lock_runner(&txn, id).await? else {
        return Ok(None);
    };
    let busy = runner_instances::Entity::find()
        .filter(runner_instances::Column::RunnerId.eq(id.as_str()))
        .filter(runner_instances::Column::IsDeleted.eq(false))
        .filter(runner_instances::Column::Status.eq(InstanceStatus::Busy.as_str()))
        .filter(runner_instances::Column::State.is_in(states_where(may_run_a_job)))
        .limit(1)
        .count(&txn)
        .await?;
    let status = if busy > 0 {
        RunnerStatus::Busy
    } else {
        RunnerStatus::Idle
    };
    if runner.status()? == status {
        return Ok(None);
    }
    runners::Entity::update_many()
        .col_expr(runners::Column::Status, Expr::value(status.as_str()))
        .col_expr(runners::Column::UpdatedAt, Expr::value(now))
        .filter(runners::Column::Uid.eq(id.as_str()))
        .exec(&txn)
        .await?;
    txn.commit().await?;
    Ok(Some(status))
}

/// Also before a container was seen: whoever reports for a runner may be ahead of the workers.
fn may_run_a_job(state: InstanceState) -> bool {
    state.takes_room() && state != InstanceState::Stopping
}

/// How many instances of a runner have failed since a time and are still failed, and when the last did.
pub async fn failures_since(
    db: &impl ConnectionTrait,
    id: &RunnerId,
    since: DateTime<Utc>,
) -> Result<(u64, Option<DateTime<Utc>>), StoreError> {
    let failed = runner_instances::Entity::find()
        .filter(runner_instances::Column::RunnerId.eq(id.as_str()))
        .filter(runner_instances::Column::IsDeleted.eq(false))
        .filter(runner_instances::Column::State.eq(InstanceState::Failed.as_str()))
        .filter(runner_instances::Column::StateChangedAt.gte(since));
    let count = failed.clone().count(db).await?;
    let last = failed
        .order_by_desc(runner_instances::Column::StateChangedAt)
        .one(db)
        .await?
        .map(|row| row.state_changed_at);
    Ok((count, last))
}
