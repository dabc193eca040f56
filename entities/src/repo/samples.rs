//! The Monitoring rows that workers write.

use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, SampleId};
use domain::telemetry::RunnerMetrics;
use sea_orm::{ConnectionTrait, EntityTrait, Set};

use crate::StoreError;
use crate::model::monitoring::{ActiveModel, Entity};

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
