//! Resource usage over time, as charts show it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::InstanceId;
use domain::telemetry::RunnerMetrics;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::StoreError;
use crate::model::monitoring::{Column, Entity};

/// The mean usage over one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where the stretch begins.
    pub at: DateTime<Utc>,
    /// The means, in percent, rounded.
    pub mean: RunnerMetrics,
    /// The highest CPU usage in it, which a mean would hide, in percent.
    pub cpu_peak: f64,
    /// How many samples it holds.
    pub samples: u32,
}

/// The usage of an instance from `from` (inclusive) to `to` (exclusive), averaged by the database over
/// equal stretches, at most `points` of them; stretches without samples are left out.
pub async fn list_points(
    db: &impl ConnectionTrait,
    instance: &InstanceId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    points: u32,
) -> Result<Vec<Point>, StoreError> {
    let span_secs = Ord::max((to - from).num_seconds(), 1);
    let points = Ord::max(i64::from(points), 1);
    let stretch_secs = (span_secs + points - 1) / points;
    let stretch = stretch_of(db.get_database_backend(), from.timestamp(), stretch_secs);
    let rows: Vec<(i64, f64, f64, f64, f64, i64)> = Entity::find()
        .select_only()
        .column_as(stretch, "stretch")
        .column_as(Expr::expr(Func::avg(Expr::col(Column::CpuUsage))), "cpu")
        .column_as(Expr::expr(Func::avg(Expr::col(Column::MemoryUsage))), "memory")
        .column_as(Expr::expr(Func::avg(Expr::col(Column::DiskUsage))), "disk")
        .column_as(Expr::expr(Func::max(Expr::col(Column::CpuUsage))), "cpu_peak")
        .column_as(Column::Uid.count(), "samples")
        .filter(Column::RunnerInstanceId.eq(instance.as_str()))
        .filter(Column::Timestamp.gte(from))
        .filter(Column::Timestamp.lt(to))
        .group_by(Expr::col(Alias::new("stretch")))
        .order_by_asc(Expr::col(Alias::new("stretch")))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(stretch, cpu, memory, disk, cpu_peak, samples)| Point {
            at: from + TimeDelta::seconds(stretch * stretch_secs),
            mean: RunnerMetrics {
                cpu_usage: cpu,
                memory_usage: memory,
                disk_usage: disk,
            }
            .rounded(),
            cpu_peak: (cpu_peak * 10.0).round() / 10.0,
            samples: u32::try_from(samples).unwrap_or(u32::MAX),
        })
        .collect())
}

/// The number of the stretch that a sample falls into, counted from 0 at `from_secs`.
pub(super) fn stretch_of(backend: DbBackend, from_secs: i64, stretch_secs: i64) -> SimpleExpr {
    let seconds = match backend {
        // SQLite keeps times as text.
        DbBackend::Sqlite => Expr::expr(
            Func::cust(Alias::new("strftime"))
                .arg("%s")
                .arg(Expr::col(Column::Timestamp)),
        )
        .cast_as(Alias::new("integer")),
        _ => Expr::expr(
            Func::cust(Alias::new("floor")).arg(
                Func::cust(Alias::new("date_part"))
                    .arg("epoch")
                    .arg(Expr::col(Column::Timestamp)),
            ),
        )
        .cast_as(Alias::new("bigint")),
    };
    // Constants, not parameters: PostgreSQL would not know two parameters of `GROUP BY` to be equal.
    seconds
        .sub(Expr::cust(from_secs.to_string()))
        .div(Expr::cust(stretch_secs.to_string()))
}
