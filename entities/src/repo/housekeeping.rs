//! Removal of rows that have no other end.

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::StoreError;
use crate::model::{
    audit_log, instance_events, invitations, jobs, monitoring, refresh_tokens, runner_instances,
};

/// Removes at most `limit` refresh tokens that expired before a time, and says how many.
pub async fn prune_refresh_tokens(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StoreError> {
    let uids: Vec<String> = refresh_tokens::Entity::find()
        .select_only()
        .column(refresh_tokens::Column::Uid)
        .filter(refresh_tokens::Column::ExpiresAt.lt(before))
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    if uids.is_empty() {
        return Ok(0);
    }
    Ok(refresh_tokens::Entity::delete_many()
        .filter(refresh_tokens::Column::Uid.is_in(uids))
        .exec(db)
        .await?
        .rows_affected)
}

/// Removes at most `limit` instances that were removed before a time, with their timelines and samples,
/// and says how many. An instance that a job's history names stays.
pub async fn prune_removed_instances(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StoreError> {
    let named_by_jobs = Query::select()
        .column(jobs::Column::RunnerInstanceId)
        .from(jobs::Entity)
        .and_where(Expr::col(jobs::Column::RunnerInstanceId).is_not_null())
        .to_owned();
    let uids: Vec<String> = runner_instances::Entity::find()
        .select_only()
        .column(runner_instances::Column::Uid)
        .filter(runner_instances::Column::IsDeleted.eq(true))
        .filter(runner_instances::Column::DeletedAt.lt(before))
        .filter(runner_instances::Column::Uid.not_in_subquery(named_by_jobs))
        .order_by_asc(runner_instances::Column::DeletedAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    if uids.is_empty() {
        return Ok(0);
    }
    instance_events::Entity::delete_many()
        .filter(instance_events::Column::RunnerInstanceId.is_in(uids.clone()))
        .exec(db)
        .await?;
    monitoring::Entity::delete_many()
        .filter(monitoring::Column::RunnerInstanceId.is_in(uids.clone()))
        .exec(db)
        .await?;
    Ok(runner_instances::Entity::delete_many()
        .filter(runner_instances::Column::Uid.is_in(uids))
        .exec(db)
        .await?
        .rows_affected)
}

/// Removes at most `limit` lines of the audit log from before a time, oldest first, and says how many.
pub async fn prune_audit_log(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StoreError> {
    let uids: Vec<String> = audit_log::Entity::find()
        .select_only()
        .column(audit_log::Column::Uid)
        .filter(audit_log::Column::CreatedAt.lt(before))
        .order_by_asc(audit_log::Column::CreatedAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    if uids.is_empty() {
        return Ok(0);
    }
    Ok(audit_log::Entity::delete_many()
        .filter(audit_log::Column::Uid.is_in(uids))
        .exec(db)
        .await?
        .rows_affected)
}

/// Removes at most `limit` entries of timelines from before a time, oldest first, and says how many.
pub async fn prune_timelines(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StoreError> {
    let uids: Vec<String> = instance_events::Entity::find()
        .select_only()
        .column(instance_events::Column::Uid)
        .filter(instance_events::Column::CreatedAt.lt(before))
        .order_by_asc(instance_events::Column::CreatedAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    if uids.is_empty() {
        return Ok(0);
    }
    Ok(instance_events::Entity::delete_many()
        .filter(instance_events::Column::Uid.is_in(uids))
        .exec(db)
        .await?
        .rows_affected)
}

/// Removes at most `limit` invitations, accepted or not, that were not good any more before a time, and says
/// how many.
pub async fn prune_invitations(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StoreError> {
    let uids: Vec<String> = invitations::Entity::find()
        .select_only()
        .column(invitations::Column::Uid)
        .filter(invitations::Column::ExpiresAt.lt(before))
        .order_by_asc(invitations::Column::ExpiresAt)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    if uids.is_empty() {
        return Ok(0);
    }
    Ok(invitations::Entity::delete_many()
        .filter(invitations::Column::Uid.is_in(uids))
        .exec(db)
        .await?
        .rows_affected)
}
