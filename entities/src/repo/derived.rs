//! What follows from instances: a runner's status, and how often it failed lately.

use chrono::{DateTime, Utc};
use domain::ids::RunnerId;
use domain::instance::{InstanceState, InstanceStatus};
use domain::runner::RunnerStatus;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

use super::fleet::states_where;
use crate::StoreError;
use crate::model::{runner_instances, runners};

/// Brings a runner's status in line with its instances': busy while one of them runs a job. The answer is
/// the new status if it changed. One statement per outcome, so that two workers that see different
/// instances change cannot leave a wrong status behind.
pub async fn refresh_runner_status(
    db: &impl ConnectionTrait,
    id: &RunnerId,
    now: DateTime<Utc>,
) -> Result<Option<RunnerStatus>, StoreError> {
    let busy = || {
        Query::select()
            .column(runner_instances::Column::RunnerId)
            .from(runner_instances::Entity)
            .and_where(Expr::col(runner_instances::Column::RunnerId).eq(id.as_str()))
            .and_where(Expr::col(runner_instances::Column::IsDeleted).eq(false))
            .and_where(Expr::col(runner_instances::Column::Status).eq(InstanceStatus::Busy.as_str()))
            .and_where(Expr::col(runner_instances::Column::State).is_in(states_where(InstanceState::is_live)))
            .to_owned()
    };
    for (status, condition) in [
        (RunnerStatus::Busy, runners::Column::Uid.in_subquery(busy())),
        (RunnerStatus::Idle, runners::Column::Uid.not_in_subquery(busy())),
    ] {
        let updated = runners::Entity::update_many()
            .col_expr(runners::Column::Status, Expr::value(status.as_str()))
            .col_expr(runners::Column::UpdatedAt, Expr::value(now))
            .filter(runners::Column::Uid.eq(id.as_str()))
            .filter(runners::Column::Status.ne(status.as_str()))
            .filter(condition)
            .exec(db)
            .await?;
        if updated.rows_affected == 1 {
            return Ok(Some(status));
        }
    }
    Ok(None)
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
