//! Instances: creating, showing, and what a reporter says of them.

use chrono::{DateTime, Utc};
use domain::change::Change;
use domain::ids::{InstanceId, NodeId};
use domain::instance::{InstanceState, InstanceStatus};
use domain::redis_keys;
use domain::tasks::TaskCall;
use domain::telemetry::RunnerStatus;
use entities::StoreError;
use entities::model::runner_instances::Model;
use entities::model::runners::Model as RunnerRow;
use entities::repo::instances;
use entities::repo::lifecycle::{self, Event};
use entities::repo::{derived, fleet, runners};
use serde_json::json;

use crate::access::OrgAccess;
use crate::context::Context;
use crate::dto::instance::{InstanceView, Live};
use crate::error::{ApiError, chain};
use crate::services::runners::runner_id;
use crate::services::{live_status, placement};

/// A path's runner and instance.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The runner's id, as given.
    pub runner: &'a str,
    /// The instance's id, as given.
    pub instance: &'a str,
}

/// Reads an id from a path: what is no id names nothing.
pub fn instance_id(text: &str) -> Result<InstanceId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found())
}

/// The runner that a path names, in the caller's organisation.
pub async fn find_runner(context: &Context, access: &OrgAccess, runner: &str) -> Result<RunnerRow, ApiError> {
    runners::find(&context.db, &access.org_id, &runner_id(runner)?)
        .await?
        .ok_or_else(ApiError::not_found)
}

/// The instance that a path names, of that runner, in the caller's organisation.
pub async fn find(context: &Context, access: &OrgAccess, names: Names<'_>) -> Result<Model, ApiError> {
    let runner = find_runner(context, access, names.runner).await?;
    let id = instance_id(names.instance)?;
    instances::find(&context.db, &access.org_id, &runner.id()?, &id)
        .await?
        .ok_or_else(ApiError::not_found)
}

/// Creates an instance and has a worker register it. The runner's maximum and the nodes' capacity hold
/// against any number of requests at once.
pub async fn create(
    context: &Context,
    access: &OrgAccess,
    runner: &str,
    node: Option<&NodeId>,
) -> Result<InstanceView, ApiError> {
    let (runner, now) = (runner_id(runner)?, context.now());
    let txn = entities::begin(&context.db).await?;
    let runner = runners::lock(&txn, &access.org_id, &runner)
        .await?
        .ok_or_else(ApiError::not_found)?;
    placement::check_maximum(&txn, &runner).await?;
    let node = placement::place(&txn, &access.org_id, &runner.node_selection()?, node).await?;
    let row = fleet::insert_instance(&txn, &runner, &node.id()?, now).await?;
    let message = format!("Created by {} on node {}.", access.caller.email, node.name);
    let event = Event {
        kind: "state",
        message: &message,
        detail: Some(json!({"state": InstanceState::Pending})),
    };
    lifecycle::add_event(&txn, &row, event, now).await?;
    let detail = json!({"name": row.name, "runner_id": runner.uid, "node_id": node.uid});
    access
        .audit(&txn, now, "instance.created", ("instance", &row.uid), detail)
        .await?;
    txn.commit().await.map_err(StoreError::from)?;
    announce(context, access, &row).await?;
    let host = node.queue_host().map(str::to_owned);
    context
        .send_softly(&[(TaskCall::RegisterRunner(row.id()?), host)])
        .await;
    InstanceView::of(row, &Live::Silent)
}

/// Tells open pages.
pub async fn announce(context: &Context, access: &OrgAccess, row: &Model) -> Result<(), ApiError> {
    let change = Change::InstanceChanged {
        runner_id: runner_id(&row.runner_id)?,
        instance_id: row.id()?,
        state: row.state()?,
        status: row.status()?,
    };
    context.publish(&access.org_id, &change).await;
    Ok(())
}

/// An instance with its live status.
pub async fn read(context: &Context, access: &OrgAccess, names: Names<'_>) -> Result<InstanceView, ApiError> {
    let row = find(context, access, names).await?;
    view(context, row).await
}

/// The view of a row with what Redis says of it.
pub async fn view(context: &Context, row: Model) -> Result<InstanceView, ApiError> {
    let live = live_status::read(context, &[row.id()?]).await;
    InstanceView::of(row, live.first().unwrap_or(&Live::Unknown))
}

/// Takes a reporter's word on what the runner is: in Redis, where it is read, and in the database.
pub async fn report_status(
    context: &Context,
    access: &OrgAccess,
    names: Names<'_>,
    status: InstanceStatus,
) -> Result<InstanceView, ApiError> {
    let now = context.now();
    let row = find(context, access, names).await?;
    let (id, state) = (row.id()?, row.state()?);
    match state {
        InstanceState::Pending
        | InstanceState::Creating
        | InstanceState::Starting
        | InstanceState::Running
        | InstanceState::Draining => {}
        InstanceState::Stopping | InstanceState::Stopped | InstanceState::Removed | InstanceState::Failed => {
            return Err(ApiError::conflict(
                "state",
                format!("The instance is {state}: no runner of it can be {status}. Start it first."),
            )
            .about(
                "status",
                "state",
                format!("can't be reported of an instance that is {state}"),
            ));
        }
    }
    let txn = entities::begin(&context.db).await?;
    lifecycle::record_status(&txn, &id, status, now).await?;
    let detail = json!({"status": status, "runner_id": row.runner_id});
    access
        .audit(
            &txn,
            now,
            "instance.status_reported",
            ("instance", &row.uid),
            detail,
        )
        .await?;
    let row = instances::find(&txn, &access.org_id, &runner_id(names.runner)?, &id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    txn.commit().await.map_err(StoreError::from)?;
    let runner = runner_id(&row.runner_id)?;
    let runner_changed = derived::refresh_runner_status(&context.db, &runner, now).await?;
    let report = RunnerStatus {
        status,
        last_heartbeat: now,
    };
    store_report(context, &id, &report).await?;
    announce(context, access, &row).await?;
    if let Some(status) = runner_changed {
        let change = Change::RunnerChanged {
            runner_id: runner,
            status,
        };
        context.publish(&access.org_id, &change).await;
    }
    InstanceView::of(
        row,
        &Live::Reported(RunnerStatus {
            last_heartbeat: to_seconds(now),
            ..report
        }),
    )
}

fn to_seconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(at.timestamp(), 0).unwrap_or(at)
}

/// A report that Redis does not take is refused: it would not be seen.
async fn store_report(context: &Context, id: &InstanceId, report: &RunnerStatus) -> Result<(), ApiError> {
    let value = serde_json::to_string(report).map_err(|error| ApiError::internal(&error))?;
    let mut connection = context.redis.clone();
    let stored: Result<(), redis::RedisError> = redis::cmd("SET")
        .arg(redis_keys::runner_status(id))
        .arg(value)
        .arg("EX")
        .arg(redis_keys::RUNNER_STATUS_TTL.as_secs())
        .query_async(&mut connection)
        .await;
    stored.map_err(|error| {
        tracing::warn!(error = %chain(&error), instance.id = %id, "a reported status was not stored in Redis");
        ApiError::unavailable()
    })
}
