//! Old samples as means: nobody looks at a day that is long over second by second.
//!
//! Hour by hour, so that SQLite's single writer is never held for long, and each hour of an instance in one
//! transaction: killed at any point, a run leaves samples or their means, never both and never neither.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use domain::ids::SampleId;
use sea_orm::sea_query::{Alias, Expr, Func};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
};

use super::metrics::stretch_of;
use crate::StoreError;
use crate::model::monitoring::{ActiveModel, Column, Entity};

/// One mean stands for this much time.
pub const STRETCH: TimeDelta = TimeDelta::minutes(5);
const HOUR: TimeDelta = TimeDelta::hours(1);

/// The means of one stretch of an instance.
struct Mean {
    at: DateTime<Utc>,
    cpu: f64,
    memory: f64,
    disk: f64,
    samples: i64,
}

/// The beginning of the hour that the oldest sample falls into.
pub async fn first_hour(db: &impl ConnectionTrait) -> Result<Option<DateTime<Utc>>, StoreError> {
    let oldest: Option<DateTime<Utc>> = Entity::find()
        .select_only()
        .column(Column::Timestamp)
        .order_by_asc(Column::Timestamp)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    Ok(oldest.map(hour_of))
}

/// The beginning of the hour that a time falls into.
pub fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    // Fails only beyond the year 2262.
    at.duration_trunc(HOUR).unwrap_or(at)
}

/// Replaces the samples of the hour that begins at `hour` by their means, and says how many samples that
/// spared. What was rolled up before stays as it is.
pub async fn roll_up_hour(
    db: &DatabaseConnection,
    hour: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let mut spared = 0;
    for (instance, means) in means_of(db, hour).await? {
        if means.iter().any(|mean| mean.samples > 1) {
            spared += replace(db, &instance, hour, &means, now).await?;
        }
    }
    Ok(spared)
}

async fn means_of(
    db: &impl ConnectionTrait,
    hour: DateTime<Utc>,
) -> Result<BTreeMap<String, Vec<Mean>>, StoreError> {
    let stretch_secs = STRETCH.num_seconds();
    let stretch = stretch_of(db.get_database_backend(), hour.timestamp(), stretch_secs);
    let mean = |column| Expr::expr(Func::avg(Expr::col(column)));
    let rows: Vec<(String, i64, f64, f64, f64, i64)> = Entity::find()
        .select_only()
        .column(Column::RunnerInstanceId)
        .column_as(stretch, "stretch")
        .column_as(mean(Column::CpuUsage), "cpu")
        .column_as(mean(Column::MemoryUsage), "memory")
        .column_as(mean(Column::DiskUsage), "disk")
        .column_as(Column::Uid.count(), "samples")
        .filter(Column::Timestamp.gte(hour))
        .filter(Column::Timestamp.lt(hour + HOUR))
        .group_by(Column::RunnerInstanceId)
        .group_by(Expr::col(Alias::new("stretch")))
        .into_tuple()
        .all(db)
        .await?;
    let mut means: BTreeMap<String, Vec<Mean>> = BTreeMap::new();
    for (instance, stretch, cpu, memory, disk, samples) in rows {
        means.entry(instance).or_default().push(Mean {
            at: hour + TimeDelta::seconds(stretch * stretch_secs),
            cpu,
            memory,
            disk,
            samples,
        });
    }
    Ok(means)
}

async fn replace(
    db: &DatabaseConnection,
    instance: &str,
    hour: DateTime<Utc>,
    means: &[Mean],
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let txn = crate::begin(db).await?;
    let removed = Entity::delete_many()
        .filter(Column::RunnerInstanceId.eq(instance))
        .filter(Column::Timestamp.gte(hour))
        .filter(Column::Timestamp.lt(hour + HOUR))
        .exec(&txn)
        .await?
        .rows_affected;
    let counted = means.iter().map(|mean| mean.samples.unsigned_abs()).sum::<u64>();
    if removed != counted {
        // Another run was quicker, or a late sample came; the next run takes what there is then.
        txn.rollback().await?;
        return Ok(0);
    }
    let rows = means.iter().map(|mean| ActiveModel {
        uid: Set(SampleId::new().into()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(true),
        runner_instance_id: Set(instance.to_owned()),
        cpu_usage: Set(mean.cpu),
        memory_usage: Set(mean.memory),
        disk_usage: Set(mean.disk),
        timestamp: Set(mean.at),
    });
    Entity::insert_many(rows).exec_without_returning(&txn).await?;
    txn.commit().await?;
    Ok(removed - u64::try_from(means.len()).unwrap_or(removed))
}
