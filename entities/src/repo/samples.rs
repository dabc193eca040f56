//! The Monitoring rows that workers write.

use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, SampleId};
use domain::telemetry::RunnerMetrics;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};

use crate::StoreError;
use crate::model::monitoring::{ActiveModel, Column, Entity};

/// One sample of one instance.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Whose usage it is.
    pub instance: InstanceId,
    /// When it was taken.
    pub at: DateTime<Utc>,
    /// The figures, in percent.
    pub metrics: RunnerMetrics,
}

/// Adds samples in one statement.
pub async fn insert(db: &impl ConnectionTrait, samples: &[Sample]) -> Result<(), StoreError> {
    if samples.is_empty() {
        return Ok(());
    }
    let rows = samples.iter().map(
        |Sample {
             instance,
             at,
             metrics,
         }| ActiveModel {
            uid: Set(SampleId::new().into()),
            created_at: Set(*at),
            updated_at: Set(*at),
            deleted_at: Set(None),
            is_deleted: Set(false),
            is_active: Set(true),
            runner_instance_id: Set(instance.as_str().to_owned()),
            cpu_usage: Set(metrics.cpu_usage),
            memory_usage: Set(metrics.memory_usage),
            disk_usage: Set(metrics.disk_usage),
            timestamp: Set(*at),
        },
    );
    Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}

/// Removes at most `limit` samples taken before a time, oldest first, and says how many. In bounded
/// portions, so that SQLite's single writer is never held for long.
pub async fn prune(db: &impl ConnectionTrait, before: DateTime<Utc>, limit: u64) -> Result<u64, StoreError> {
    let uids: Vec<String> = Entity::find()
        .select_only()
        .column(Column::Uid)
        .filter(Column::Timestamp.lt(before))
        .order_by_asc(Column::Timestamp)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    if uids.is_empty() {
        return Ok(0);
    }
    Ok(Entity::delete_many()
        .filter(Column::Uid.is_in(uids))
        .exec(db)
        .await?
        .rows_affected)
}
