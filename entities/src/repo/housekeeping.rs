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
    use refresh_tokens::{Column, Entity};
    prune::<Entity>(db, Column::Uid, Column::ExpiresAt, before, limit).await
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
    use audit_log::{Column, Entity};
    prune::<Entity>(db, Column::Uid, Column::CreatedAt, before, limit).await
}

/// Removes at most `limit` entries of timelines from before a time, oldest first, and says how many.
pub async fn prune_timelines(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StoreError> {
    use instance_events::{Column, Entity};
    prune::<Entity>(db, Column::Uid, Column::CreatedAt, before, limit).await
}

/// Removes at most `limit` invitations, accepted or not, that were not good any more before a time, oldest
/// first, and says how many.
pub async fn prune_invitations(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StoreError> {
    use invitations::{Column, Entity};
    prune::<Entity>(db, Column::Uid, Column::ExpiresAt, before, limit).await
}

/// Removes at most `limit` samples taken before a time, oldest first, and says how many.
pub async fn prune_samples(
    db: &impl ConnectionTrait,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StoreError> {
    use monitoring::{Column, Entity};
    prune::<Entity>(db, Column::Uid, Column::Timestamp, before, limit).await
}

/// Removes at most `limit` rows whose `time` is before another, oldest first, and says how many. In bounded
/// portions, so that SQLite's single writer is never held for long.
async fn prune<E: EntityTrait>(
    db: &impl ConnectionTrait,
    uid: E::Column,
    time: E::Column,
    before: DateTime<Utc>,
    limit: u64,
) -> Result<u64, StoreError> {
    let uids: Vec<String> = E::find()
        .select_only()
        .column(uid)
        .filter(time.lt(before))
        .order_by_asc(time)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    if uids.is_empty() {
        return Ok(0);
    }
    Ok(E::delete_many()
        .filter(uid.is_in(uids))
        .exec(db)
        .await?
        .rows_affected)
}
