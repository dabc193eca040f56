//! Usage over time: of an instance, of a runner's instances, of a node's.

use chrono::{DateTime, TimeDelta, Utc};
use domain::telemetry::RunnerMetrics;
use entities::repo::metrics::{Point, Range, SharedPoint};
use poem_openapi::Object;

use crate::error::ApiError;
use crate::fields::Fields;
use crate::payload::Parameter;

/// The latest sample, in percent.
#[derive(Debug, Object)]
#[expect(clippy::struct_field_names, reason = "they are named as in Redis")]
pub struct LatestSample {
    /// Share of the CPU time the container may use.
    pub cpu_usage: f64,
    /// Share of the memory the container may use.
    pub memory_usage: f64,
    /// Share of the disk behind the container's storage that is in use.
    pub disk_usage: f64,
}

impl From<RunnerMetrics> for LatestSample {
    fn from(metrics: RunnerMetrics) -> Self {
        let RunnerMetrics {
            cpu_usage,
            memory_usage,
            disk_usage,
        } = metrics;
        Self {
            cpu_usage,
            memory_usage,
            disk_usage,
        }
    }
}

/// The mean usage over one stretch of time, in percent.
#[derive(Debug, Object)]
pub struct MetricPoint {
    /// Where the stretch begins.
    pub timestamp: DateTime<Utc>,
    /// Share of the CPU time the container may use.
    pub cpu_usage: f64,
    /// Share of the memory the container may use.
    pub memory_usage: f64,
    /// Share of the disk behind the container's storage that is in use.
    pub disk_usage: f64,
    /// The highest CPU usage in the stretch.
    pub cpu_peak: f64,
    /// How many samples it holds.
    pub samples: u32,
}

impl From<Point> for MetricPoint {
    fn from(point: Point) -> Self {
        let Point {
            at,
            mean,
            cpu_peak,
            samples,
        } = point;
        Self {
            timestamp: at,
            cpu_usage: mean.cpu_usage,
            memory_usage: mean.memory_usage,
            disk_usage: mean.disk_usage,
            cpu_peak,
            samples,
        }
    }
}

/// The mean usage of several instances over one stretch of time, in percent. Each instance counts once, however
/// often it was measured.
#[derive(Debug, Object)]
pub struct SharedMetricPoint {
    /// Where the stretch begins.
    pub timestamp: DateTime<Utc>,
    /// Share of the CPU time that a container may use.
    pub cpu_usage: f64,
    /// Share of the memory that a container may use.
    pub memory_usage: f64,
    /// Share of the disk behind a container's storage that is in use.
    pub disk_usage: f64,
    /// The highest CPU usage of any instance in the stretch.
    pub cpu_peak: f64,
    /// How many samples it holds.
    pub samples: u32,
    /// Of how many instances.
    pub instances: u32,
}

impl From<SharedPoint> for SharedMetricPoint {
    fn from(shared: SharedPoint) -> Self {
        let SharedPoint { point, instances } = shared;
        let MetricPoint {
            timestamp,
            cpu_usage,
            memory_usage,
            disk_usage,
            cpu_peak,
            samples,
        } = point.into();
        Self {
            timestamp,
            cpu_usage,
            memory_usage,
            disk_usage,
            cpu_peak,
            samples,
            instances,
        }
    }
}

/// An instance's usage over time.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct MetricsView {
    /// The latest sample; absent when there was none for ten minutes.
    pub current: Option<LatestSample>,
    /// Where the range begins.
    pub from: DateTime<Utc>,
    /// Where the range ends.
    pub to: DateTime<Utc>,
    /// How often samples are taken, in seconds; absent when no beat says so.
    pub interval_secs: Option<u32>,
    /// How long each stretch is, in seconds.
    pub stretch_secs: u32,
    /// The means over equal stretches; those without samples are left out.
    pub points: Vec<MetricPoint>,
}

/// The usage over time of all instances that a runner or a node has or had.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SharedMetricsView {
    /// Where the range begins.
    pub from: DateTime<Utc>,
    /// Where the range ends.
    pub to: DateTime<Utc>,
    /// How often samples are taken, in seconds; absent when no beat says so.
    pub interval_secs: Option<u32>,
    /// How long each stretch is, in seconds.
    pub stretch_secs: u32,
    /// The means over equal stretches; those without samples are left out.
    pub points: Vec<SharedMetricPoint>,
}

/// Reads a range: the last hour in 120 stretches unless given.
pub fn parse_range(
    from: Parameter<DateTime<Utc>>,
    to: Parameter<DateTime<Utc>>,
    points: Parameter<u32>,
    now: DateTime<Utc>,
) -> Result<Range, ApiError> {
    let mut fields = Fields::default();
    let (from, to) = (from.take(&mut fields), to.take(&mut fields));
    let points = points.take(&mut fields);
    let to = to.unwrap_or(now);
    let from = from.unwrap_or_else(|| to.checked_sub_signed(TimeDelta::hours(1)).unwrap_or(to));
    if from >= to {
        fields.refuse("from", "must be before `to`");
    } else if to - from > TimeDelta::days(366) {
        fields.refuse("from", "must be at most 366 days before `to`");
    }
    let points = points.unwrap_or(120);
    if !(1..=1000).contains(&points) {
        fields.refuse("points", "must be 1 to 1000");
    }
    fields.finish()?;
    Ok(Range { from, to, points })
}
