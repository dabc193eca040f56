//! Instances as people see and direct them. Every lookup names the whole chain: organisation, runner,
//! instance. What moves an instance on is in [`super::lifecycle`].

use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, NodeId, OrgId, RunnerId};
use domain::instance::{DesiredState, InstanceState};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use super::fleet::states_where;
use crate::StoreError;
use crate::model::runner_instances::{Column, Entity, Model};

fn of(org: &OrgId, runner: &RunnerId) -> Select<Entity> {
    Entity::find()
        .filter(Column::RunnerId.eq(runner.as_str()))
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
}

/// An instance of a runner of an organisation.
pub async fn find(
    db: &impl ConnectionTrait,
    org: &OrgId,
    runner: &RunnerId,
    id: &InstanceId,
) -> Result<Option<Model>, StoreError> {
    Ok(of(org, runner)
        .filter(Column::Uid.eq(id.as_str()))
        .one(db)
        .await?)
}

/// The same, locked until the transaction ends.
pub async fn lock(
    txn: &DatabaseTransaction,
    org: &OrgId,
    runner: &RunnerId,
    id: &InstanceId,
) -> Result<Option<Model>, StoreError> {
    Ok(of(org, runner)
        .filter(Column::Uid.eq(id.as_str()))
        .lock_exclusive()
        .one(txn)
        .await?)
}

/// Every instance of a runner that is not removed yet, locked until the transaction ends.
pub async fn lock_all(
    txn: &DatabaseTransaction,
    org: &OrgId,
    runner: &RunnerId,
) -> Result<Vec<Model>, StoreError> {
    Ok(of(org, runner)
        .order_by_asc(Column::Uid)
        .lock_exclusive()
        .all(txn)
        .await?)
}

/// How many instances of a runner take up room.
pub async fn count_taking_room(db: &impl ConnectionTrait, runner: &RunnerId) -> Result<u64, StoreError> {
    Ok(Entity::find()
        .filter(Column::RunnerId.eq(runner.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::State.is_in(states_where(InstanceState::takes_room)))
        .count(db)
        .await?)
}

/// Sets what a person wants of an instance that is on its way out already; `false` when it is not any more.
pub async fn set_desired(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    states: &[InstanceState],
    desired: DesiredState,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::DesiredState, Expr::value(desired.as_str()))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::State.is_in(states.iter().map(|state| state.as_str())))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Readies an instance without a container for a new start on a node: its attempts count anew.
pub async fn assign_node(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    node: &NodeId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::NodeId, Expr::value(node.as_str()))
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .exec(db)
        .await?;
    Ok(())
}
