//! Resource usage over time, as charts show it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{InstanceId, OrgId};
use domain::telemetry::RunnerMetrics;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Order, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};

use super::groups::{self, Group};
use crate::StoreError;
use crate::model::monitoring::{Column, Entity};

/// A range of time, and into how many equal stretches it is cut at most.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// Where it begins; inclusive.
    pub from: DateTime<Utc>,
    /// Where it ends; exclusive.
    pub to: DateTime<Utc>,
    /// The most stretches.
    pub points: u32,
}

impl Range {
    /// How long each stretch is, in whole seconds.
    pub fn stretch_secs(&self) -> i64 {
        let span_secs = Ord::max((self.to - self.from).num_seconds(), 1);
        let points = Ord::max(i64::from(self.points), 1);
        (span_secs + points - 1) / points
    }

    /// Where a stretch begins.
    fn start_of(&self, stretch: i64) -> DateTime<Utc> {
        self.from + TimeDelta::seconds(stretch * self.stretch_secs())
    }
}

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

/// The mean usage of several instances over one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedPoint {
    /// The mean of the instances' means, so that one that was measured more often counts no more than another;
    /// the peak is the highest of any of them.
    pub point: Point,
    /// How many instances were measured in it.
    pub instances: u32,
}

/// The usage of an instance, averaged by the database over equal stretches; those without samples are left out.
pub async fn list_points(
    db: &impl ConnectionTrait,
    instance: &InstanceId,
    range: Range,
) -> Result<Vec<Point>, StoreError> {
    let rows: Vec<(i64, f64, f64, f64, f64, i64)> = stretches(db.get_database_backend(), range)
        .filter(Column::RunnerInstanceId.eq(instance.as_str()))
        .order_by_asc(Expr::col(Alias::new(STRETCH)))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(stretch, cpu, memory, disk, cpu_peak, samples)| {
            let row = Row {
                stretch,
                cpu,
                memory,
                disk,
                cpu_peak,
                samples,
                instances: 1,
            };
            row.point(range)
        })
        .collect())
}

/// The usage of all instances of a runner or on a node, those that were removed since too, averaged by the
/// database: each instance over equal stretches first, then the instances of each stretch.
pub async fn list_shared_points(
    db: &impl ConnectionTrait,
    org: &OrgId,
    group: Group<'_>,
    range: Range,
) -> Result<Vec<SharedPoint>, StoreError> {
    let backend = db.get_database_backend();
    let rows = Row::find_by_statement(backend.build(&shared(backend, org, group, range)))
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| SharedPoint {
            point: row.point(range),
            instances: u32::try_from(row.instances).unwrap_or(u32::MAX),
        })
        .collect())
}

#[derive(FromQueryResult)]
struct Row {
    stretch: i64,
    cpu: f64,
    memory: f64,
    disk: f64,
    cpu_peak: f64,
    samples: i64,
    instances: i64,
}

impl Row {
    fn point(&self, range: Range) -> Point {
        Point {
            at: range.start_of(self.stretch),
            mean: RunnerMetrics {
                cpu_usage: self.cpu,
                memory_usage: self.memory,
                disk_usage: self.disk,
            }
            .rounded(),
            cpu_peak: (self.cpu_peak * 10.0).round() / 10.0,
            samples: u32::try_from(self.samples).unwrap_or(u32::MAX),
        }
    }
}

const STRETCH: &str = "stretch";
/// What is averaged in each stretch.
const MEANS: [(&str, Column); 3] = [
    ("cpu", Column::CpuUsage),
    ("memory", Column::MemoryUsage),
    ("disk", Column::DiskUsage),
];
const PEAK: &str = "cpu_peak";
const SAMPLES: &str = "samples";

/// The samples of a range, put together stretch by stretch; of which instances, the caller says.
fn stretches(backend: DbBackend, range: Range) -> Select<Entity> {
    let stretch = stretch_of(backend, range.from.timestamp(), range.stretch_secs());
    let select = Entity::find().select_only().column_as(stretch, STRETCH);
    MEANS
        .into_iter()
        .fold(select, |select, (name, column)| {
            select.column_as(Expr::expr(Func::avg(Expr::col(column))), name)
        })
        .column_as(Expr::expr(Func::max(Expr::col(Column::CpuUsage))), PEAK)
        .column_as(Column::Uid.count(), SAMPLES)
        .filter(Column::Timestamp.gte(range.from))
        .filter(Column::Timestamp.lt(range.to))
        .group_by(Expr::col(Alias::new(STRETCH)))
}

fn shared(backend: DbBackend, org: &OrgId, group: Group<'_>, range: Range) -> SelectStatement {
    let each = stretches(backend, range)
        .filter(Column::RunnerInstanceId.in_subquery(groups::ids_since(org, group, range.from)))
        .group_by(Column::RunnerInstanceId)
        .into_query();
    let named = |name: &'static str| Expr::col(Alias::new(name));
    let mut all = Query::select();
    all.expr_as(named(STRETCH), STRETCH);
    for (name, _) in MEANS {
        all.expr_as(Func::avg(named(name)), name);
    }
    all.expr_as(Func::max(named(PEAK)), PEAK)
        // PostgreSQL sums up whole numbers to a type of its own.
        .expr_as(
            Expr::expr(Func::sum(named(SAMPLES))).cast_as(Alias::new("bigint")),
            SAMPLES,
        )
        .expr_as(Func::count(named(STRETCH)), "instances")
        .from_subquery(each, "each_instance")
        .group_by_col(Alias::new(STRETCH))
        .order_by(Alias::new(STRETCH), Order::Asc);
    all
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
