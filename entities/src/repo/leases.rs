//! What a job does with its lease besides taking and returning it, and the times at which states are
//! looked at again.

use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use domain::instance::{DesiredState, InstanceState};
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::lifecycle::Lease;
use crate::StoreError;
use crate::model::runner_instances::{Column, Entity, Model};

/// Extends a lease that is still held on an instance that is still in one of these states. `false` means
/// that the holder must stop: another run took over, or a person wants something else by now.
pub async fn renew_in(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    states: &[InstanceState],
    lease: &Lease<'_>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let renewed = Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(lease.until))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::State.is_in(states.iter().map(|state| state.as_str())))
        .filter(Column::LeaseToken.eq(lease.token))
        .filter(Column::LeaseUntil.gte(now))
        .exec(db)
        .await?;
    Ok(renewed.rows_affected == 1)
}

/// Moves a state's deadline to `until`: something is known to take longer, such as a job that a draining
/// runner has to finish. Nothing happens when the state is no longer that one.
pub async fn postpone(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    state: InstanceState,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::StateDeadline, Expr::value(until))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::State.eq(state.as_str()))
        .exec(db)
        .await?;
    Ok(())
}

/// A failed instance whose clean-up is done needs no further one.
pub async fn end_clean_up(db: &impl ConnectionTrait, id: &InstanceId) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::StateDeadline, Expr::value(Option::<DateTime<Utc>>::None))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::State.eq(InstanceState::Failed.as_str()))
        .exec(db)
        .await?;
    Ok(())
}

/// Writes why an instance is in its state without a step; `false` means that the lease was lost.
pub async fn explain(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    lease_token: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let written = Entity::update_many()
        .col_expr(Column::StateReason, Expr::value(reason))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::LeaseToken.eq(lease_token))
        .filter(Column::LeaseUntil.gte(now))
        .exec(db)
        .await?;
    Ok(written.rows_affected == 1)
}

/// Failed instances that something is left of: a registration at GitHub, a clean-up that was put off to the state's
/// deadline, or a wish to be removed. Only those whose next attempt is due and that nobody holds a lease of.
pub async fn list_unfinished_failures(
    db: &impl ConnectionTrait,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, StoreError> {
    let left = Condition::any()
        .add(Column::GithubRunnerId.is_not_null())
        .add(Column::StateDeadline.is_not_null())
        .add(Column::DesiredState.eq(DesiredState::Removed.as_str()));
    let due = Condition::any()
        .add(Column::StateDeadline.is_null())
        .add(Column::StateDeadline.lte(now));
    let free = Condition::any()
        .add(Column::LeaseUntil.is_null())
        .add(Column::LeaseUntil.lt(now));
    let rows = Entity::find()
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::State.eq(InstanceState::Failed.as_str()))
        .filter(left)
        .filter(due)
        .filter(free)
        .order_by_asc(Column::Uid)
        .limit(limit)
        .all(db)
        .await?;
    Ok(rows)
}

/// Forgets a lease that has run out: its holder may write nothing any more anyway.
pub async fn forget_expired(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::LeaseToken, Expr::value(Option::<String>::None))
        .col_expr(Column::LeaseUntil, Expr::value(Option::<DateTime<Utc>>::None))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::LeaseUntil.lt(now))
        .exec(db)
        .await?;
    Ok(())
}
