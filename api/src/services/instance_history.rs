//! What is known of an instance's past: usage, timeline, log.

use std::time::Duration;

use chrono::DateTime;
use domain::ids::NodeId;
use domain::logs::LogBatch;
use domain::permissions::Permission;
use domain::redis_keys;
use domain::tasks::{DISPATCH_METRICS, TaskCall};
use domain::telemetry::RunnerMetrics;
use entities::StoreError;
use entities::model::runner_instances::Model;
use entities::repo::metrics::{self, Range};
use entities::repo::nodes;
use entities::repo::page::ListQuery;
use entities::repo::timeline::{self, Entries};
use futures::Stream;
use serde_json::Value;

use crate::access::OrgAccess;
use crate::context::Context;
use crate::dto::instance::LogView;
use crate::dto::timeline::EventView;
use crate::dto::usage::{LatestSample, MetricPoint, MetricsView};
use crate::error::{ApiError, chain};
use crate::fields::Fields;
use crate::page::Page;
use crate::queue::AskError;
use crate::services::instances::{Names, find};
use crate::services::schedules;
use crate::stream::logs;

/// How long a request waits for a worker to read a log.
const LOG_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of a log in one answer; a container's output is not to be trusted.
const MAX_LOG_BYTES: usize = 1024 * 1024;
/// Lines of a log when the request does not say.
const DEFAULT_TAIL: u32 = 500;
const TAIL: std::ops::RangeInclusive<u32> = 1..=5000;

/// An instance's usage over time and the latest sample.
pub async fn read_metrics(
    context: &Context,
    access: &OrgAccess,
    names: Names<'_>,
    range: Range,
) -> Result<MetricsView, ApiError> {
    let id = find(context, access, names).await?.id()?;
    let points = metrics::list_points(&context.db, &id, range).await?;
    let mut pipeline = redis::pipe();
    pipeline
        .get(redis_keys::runner_metrics(&id))
        .get(redis_keys::BEAT_SCHEDULE);
    let answered: redis::RedisResult<(Option<String>, Option<String>)> =
        pipeline.query_async(&mut context.redis.clone()).await;
    let (current, schedule) = answered.unwrap_or_else(|error| {
        tracing::warn!(error = %chain(&error), "Redis does not answer: the latest sample is left out");
        (None, None)
    });
    Ok(MetricsView {
        current: current
            .and_then(|text| serde_json::from_str::<RunnerMetrics>(&text).ok())
            .map(LatestSample::from),
        from: range.from,
        to: range.to,
        interval_secs: schedule.and_then(|text| schedules::period_secs(&text, DISPATCH_METRICS)),
        stretch_secs: u32::try_from(range.stretch_secs()).unwrap_or(u32::MAX),
        points: points.into_iter().map(MetricPoint::from).collect(),
    })
}

/// One page of an instance's timeline. Who may not read logs does not get those entries that quote one.
pub async fn list_events(
    context: &Context,
    access: &OrgAccess,
    names: Names<'_>,
    kind: Option<&str>,
    query: &ListQuery,
) -> Result<Page<EventView>, ApiError> {
    let id = find(context, access, names).await?.id()?;
    let entries = Entries {
        kind,
        with_log: access.rights.allow(Permission::ViewLogs),
    };
    let page = timeline::list(&context.db, &access.org_id, &id, entries, query).await?;
    Ok(Page::of(page, query, EventView::from))
}

/// The last lines of an instance's log, as a worker reads them from the engine.
pub async fn read_logs(
    context: &Context,
    access: &OrgAccess,
    names: Names<'_>,
    tail: Option<u32>,
) -> Result<LogView, ApiError> {
    let tail = checked(tail)?;
    let row = find(context, access, names).await?;
    // No container, no log: nobody needs to be asked.
    if row.instance_identifier.is_none() {
        return Ok(LogView {
            lines: Vec::new(),
            truncated: false,
        });
    }
    let host = host_of(context, access, &row).await?;
    let asked = context
        .ask(
            &TaskCall::FetchLogs(row.id()?, tail),
            host.as_deref(),
            LOG_TIMEOUT,
        )
        .await;
    match asked {
        Ok(value) => Ok(log_of(value)),
        Err(AskError::TimedOut) => Err(ApiError::gateway_timeout(
            "No worker answered within 10 s. Check that a worker runs and reaches the node, then try again.",
        )),
        Err(error @ AskError::Failed(_)) => {
            tracing::warn!(error = %chain(&error), instance.id = row.uid, "a worker could not read a log");
            Err(ApiError::conflict(
                "log_unavailable",
                "The worker could not read the log: the container may be gone, or the node does not answer. \
                 The instance's timeline and the node's checks say more.",
            ))
        }
        Err(error @ AskError::Queue(_)) => {
            tracing::warn!(error = %chain(&error), "a worker could not be asked for a log");
            Err(ApiError::unavailable())
        }
    }
}

/// Where who follows a log begins, as it was asked for.
pub struct LogBeginning<'a> {
    /// With how many earlier lines.
    pub tail: Option<u32>,
    /// After which event, whose id is a time; without a meaning otherwise.
    pub after: Option<&'a str>,
}

/// An instance's log as it is written; `token` is looked at again meanwhile.
pub async fn follow_logs(
    context: &Context,
    access: &OrgAccess,
    names: Names<'_>,
    beginning: LogBeginning<'_>,
    token: String,
) -> Result<impl Stream<Item = LogBatch> + Send + 'static, ApiError> {
    let after = beginning
        .after
        .and_then(|id| DateTime::parse_from_rfc3339(id).ok());
    let tail = checked(beginning.tail)?;
    let row = find(context, access, names).await?;
    let wanted = logs::Wanted {
        token,
        instance: row.id()?,
        host: host_of(context, access, &row).await?,
        has_container: row.instance_identifier.is_some(),
        tail,
        after: after.map(|after| after.to_utc()),
    };
    logs::open(context, access, wanted).await
}

fn checked(tail: Option<u32>) -> Result<u32, ApiError> {
    let tail = tail.unwrap_or(DEFAULT_TAIL);
    if TAIL.contains(&tail) {
        return Ok(tail);
    }
    let mut fields = Fields::default();
    fields.refuse("tail", "must be 1 to 5000");
    Err(fields.into_error())
}

/// The host whose workers alone reach the instance's node, if it is tied to one.
async fn host_of(context: &Context, access: &OrgAccess, row: &Model) -> Result<Option<String>, ApiError> {
    let node: NodeId = row
        .node_id
        .parse()
        .map_err(|_| StoreError::Corrupt("runner_instances.node_id"))?;
    let node = nodes::find(&context.db, &access.org_id, &node).await?;
    Ok(node.and_then(|node| node.queue_host().map(str::to_owned)))
}

/// Reads a worker's answer, `{"lines": […], "truncated": …}` or one text, and bounds it.
fn log_of(value: Value) -> LogView {
    let (lines, truncated) = match value {
        Value::Object(mut answer) => {
            let truncated = answer.get("truncated").and_then(Value::as_bool).unwrap_or(false);
            let lines = answer
                .remove("lines")
                .or_else(|| answer.remove("text"))
                .unwrap_or(Value::Null);
            (lines_of(lines), truncated)
        }
        other => (lines_of(other), false),
    };
    let mut bytes = 0;
    let kept = lines
        .iter()
        .rev()
        .take_while(|line| {
            bytes += line.len() + 1;
            bytes <= MAX_LOG_BYTES
        })
        .count();
    let cut = lines.len() - kept;
    LogView {
        lines: lines.into_iter().skip(cut).collect(),
        truncated: truncated || cut > 0,
    }
}

fn lines_of(value: Value) -> Vec<String> {
    match value {
        Value::String(text) => text.lines().map(str::to_owned).collect(),
        Value::Array(lines) => lines
            .into_iter()
            .filter_map(|line| match line {
                Value::String(line) => Some(line),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_log_is_read_in_each_form_a_worker_may_answer() {
        for answer in [
            json!("a\nb"),
            json!(["a", "b"]),
            json!({"lines": ["a", "b"]}),
            json!({"text": "a\nb\n"}),
        ] {
            assert_eq!(log_of(answer.clone()).lines, ["a", "b"], "{answer}");
        }
        assert!(log_of(json!({"lines": [], "truncated": true})).truncated);
    }

    #[test]
    fn of_a_log_that_is_too_large_the_end_is_kept() {
        let lines: Vec<String> = (0..3000).map(|number| format!("{number:01000}")).collect();
        let log = log_of(json!(lines));
        assert!(log.truncated);
        assert!(log.lines.len() < 1100, "{}", log.lines.len());
        assert_eq!(log.lines.last(), lines.last());
    }
}
