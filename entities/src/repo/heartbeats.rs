//! Instances that nobody has looked at for so long that nothing is known of them any more.

use chrono::{DateTime, Utc};
use domain::ids::InstanceId;
use domain::instance::{InstanceState, InstanceStatus};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::fleet::states_where;
use crate::StoreError;
use crate::model::runner_instances::{Column, Entity, Model};

/// Up to `limit` live instances whose last heartbeat was before a time although they count as connected, the
/// longest silent first.
pub async fn list_silent(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::State.is_in(states_where(InstanceState::is_live)))
        .filter(Column::Status.ne(InstanceStatus::Offline.as_str()))
        .filter(Column::LastHeartbeat.lt(before))
        .order_by_asc(Column::LastHeartbeat)
        .limit(limit)
        .all(db)
        .await?)
}

/// Writes down that such an instance is offline, unless a heartbeat came meanwhile; the row as it is then.
/// When it was last heard of stays.
pub async fn mark_offline(
    db: &impl ConnectionTrait,
    id: &InstanceId,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Model>, StoreError> {
    let marked = Entity::update_many()
        .col_expr(Column::Status, Expr::value(InstanceStatus::Offline.as_str()))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::Status.ne(InstanceStatus::Offline.as_str()))
        .filter(Column::LastHeartbeat.lt(before))
        .exec(db)
        .await?;
    if marked.rows_affected == 0 {
        return Ok(None);
    }
    super::lifecycle::find(db, id).await
}
