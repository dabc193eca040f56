//! `collect_metrics`: samples a container, refreshes `runner_metrics:{id}` and adds a Monitoring row.
//!
//! One look at the counters, without the engine's one-second window. The CPU share is taken between this
//! sample and the previous one of this process; the first one here is taken since the container's start.

use celery::prelude::*;
use chrono::{DateTime, Utc};
use domain::change::Change;
use domain::ids::InstanceId;
use domain::redis_keys::{self, RUNNER_METRICS_TTL};
use domain::telemetry::RunnerMetrics;
use entities::repo::assignment::{self, Assignment};
use entities::repo::samples;
use redis::AsyncCommands as _;
use serde_json::{Value, json};
use tracing::{debug, instrument};

use super::register_runner::resources_of;
use super::{JobError, conclude, task};
use crate::context::Context;
use crate::events;
use crate::nodes::{NodeError, Sample, percent};
use crate::steps::Step;

/// The task. It comes again by itself, so it is tried once more only.
#[celery::task(
    name = "collect_metrics",
    acks_late = true,
    max_retries = 1,
    hard_time_limit = 60
)]
pub async fn collect_metrics(runner_instance_id: String) -> TaskResult<Value> {
    let id = task::id::<InstanceId>(&runner_instance_id)?;
    task::run(|context| async move { run(&context, &id).await }).await
}

/// Measures one instance. The answer is the value as it stands in Redis.
#[instrument(skip_all, fields(instance.id = %id))]
pub async fn run(context: &Context, id: &InstanceId) -> Result<Value, JobError> {
    let Some(assignment) = assignment::find(&context.db, id).await? else {
        return Ok(json!({"skipped": "there is no such instance"}));
    };
    let state = assignment.instance.state()?;
    if !state.is_live() {
        return Ok(json!({"skipped": format!("the instance is {state}")}));
    }
    let (sample, started_at) = match take(context, &assignment, id).await {
        Ok(Some(sample)) => sample,
        Ok(None) => return Ok(json!({"skipped": "the container does not run"})),
        Err(error) => {
            debug!(%error, "the node did not answer");
            return Ok(json!({"skipped": "the node did not answer"}));
        }
    };
    let now = context.now();
    let previous = context.last_samples.replace(id, sample.clone());
    let limit = resources_of(&assignment)?.cpus;
    let usage = percent(previous.as_ref(), &sample, Some(limit));
    let metrics = RunnerMetrics {
        cpu_usage: usage
            .cpu
            .unwrap_or_else(|| since_start(&sample, started_at, limit, now)),
        memory_usage: usage.memory,
        // Unknown on engines that are neither on this host nor tell the size of their disk.
        disk_usage: usage.disk.unwrap_or(0.0),
    }
    .rounded();
    context.reached(Step::Looked).await;
    publish(context, &assignment, id, metrics, now).await?;
    if !conclude::is_still_live(context, id).await? {
        return Ok(json!({"skipped": "the instance has gone meanwhile"}));
    }
    serde_json::to_value(metrics).map_err(|error| JobError::fail(error.to_string()))
}

async fn take(
    context: &Context,
    assignment: &Assignment,
    id: &InstanceId,
) -> Result<Option<(Sample, Option<DateTime<Utc>>)>, JobError> {
    let engine = context.engine(&assignment.node).await?;
    let Some(found) = engine.find_by_instance(&context.install_id, id).await? else {
        return Ok(None);
    };
    if !found.running {
        return Ok(None);
    }
    match engine.sample(&found.container).await {
        Ok(sample) => Ok(Some((sample, found.created_at))),
        Err(NodeError::Conflict(_) | NodeError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The CPU share over the container's whole life, in percent of what it may use.
fn since_start(sample: &Sample, started_at: Option<DateTime<Utc>>, limit: f64, now: DateTime<Utc>) -> f64 {
    let Some(lived) = started_at.and_then(|at| (now - at).to_std().ok()) else {
        return 0.0;
    };
    let may_use = limit.min(f64::from(sample.node_cpus.max(1))) * lived.as_secs_f64().max(1.0);
    std::time::Duration::from_nanos(sample.cpu_ns).as_secs_f64() / may_use * 100.0
}

async fn publish(
    context: &Context,
    assignment: &Assignment,
    id: &InstanceId,
    metrics: RunnerMetrics,
    now: DateTime<Utc>,
) -> Result<(), JobError> {
    let json = serde_json::to_string(&metrics).map_err(|error| JobError::fail(error.to_string()))?;
    context
        .redis
        .clone()
        .set_ex::<_, _, ()>(redis_keys::runner_metrics(id), json, RUNNER_METRICS_TTL.as_secs())
        .await?;
    context.samples.push(samples::Sample {
        instance: id.clone(),
        at: now,
        metrics,
    });
    let (Ok(org), Ok(runner_id)) = (
        assignment.instance.org_id.parse(),
        assignment.instance.runner_id.parse(),
    ) else {
        return Ok(());
    };
    let sampled = Change::MetricsSampled {
        runner_id,
        instance_id: id.clone(),
    };
    events::publish(&context.redis, &org, &[sampled]).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_sample_tells_the_share_since_the_start() {
        let sample = Sample {
            read_at: None,
            cpu_ns: 5_000_000_000,
            system_ns: 1,
            node_cpus: 4,
            memory_bytes: 0,
            memory_limit_bytes: 0,
            disk_percent: None,
        };
        let now = DateTime::from_timestamp(1_700_000_010, 0).unwrap();
        let start = DateTime::from_timestamp(1_700_000_000, 0);
        assert!((since_start(&sample, start, 1.0, now) - 50.0).abs() < 1e-9);
        assert!((since_start(&sample, start, 0.5, now) - 100.0).abs() < 1e-9);
        assert!(since_start(&sample, None, 1.0, now).abs() < f64::EPSILON);
    }
}
