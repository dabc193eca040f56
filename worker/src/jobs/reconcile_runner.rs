//! `reconcile_runner`: compares what is wanted of one runner with what there is.
//!
//! Makes the spare instances that `min_idle` asks for, drains the instances of a deleted runner, and heals
//! what is overdue.

use std::time::Duration;

use celery::prelude::*;
use domain::change::Change;
use domain::ids::RunnerId;
use domain::instance::{DesiredState, InstanceState, InstanceStatus};
use domain::placement;
use domain::tasks::TaskCall;
use entities::model::{runner_instances, runners};
use entities::repo::lifecycle::{Event, Transition};
use entities::repo::{assignment, derived, fleet, lifecycle};
use serde_json::{Value, json};
use tracing::{info, instrument, warn};

use super::{JobError, moved, reconcile_all, task};
use crate::context::Context;
use crate::decide::spare;
use crate::events;

/// As many of a runner's instances as one run looks at.
const INSTANCES: u64 = 1_000;

/// The task; reconciling comes again by itself.
#[celery::task(
    name = "reconcile_runner",
    acks_late = true,
    max_retries = 3,
    hard_time_limit = 120
)]
pub async fn reconcile_runner(runner_id: String) -> TaskResult<Value> {
    let id = task::id::<RunnerId>(&runner_id)?;
    task::run(|context| async move { run(&context, &id).await }).await
}

/// Brings one runner's instances in line.
#[instrument(skip_all, fields(runner.id = %id))]
pub async fn run(context: &Context, id: &RunnerId) -> Result<Value, JobError> {
    let runner = assignment::find_runner(&context.db, id).await?;
    let mut drained = 0;
    for row in assignment::list_of_runner(&context.db, id, INSTANCES).await? {
        if runner.is_none() && row.desired()? != DesiredState::Removed {
            drain(context, &row).await?;
            drained += 1;
        } else if row
            .state_deadline
            .is_some_and(|deadline| deadline < context.now())
            && row.lease_until.is_none_or(|until| until < context.now())
        {
            reconcile_all::heal(context, &row).await?;
        }
    }
    let created = match runner {
        Some(_) => create_spares(context, id).await?,
        None => Vec::new(),
    };
    for row in &created {
        register(context, row).await;
    }
    Ok(json!({"created": created.len(), "drained": drained}))
}

/// Inserts the missing spare instances, all in one transaction: two runs at once would else both see the
/// same lack.
async fn create_spares(context: &Context, id: &RunnerId) -> Result<Vec<runner_instances::Model>, JobError> {
    let now = context.now();
    let txn = entities::begin(&context.db).await?;
    let Some(runner) = assignment::lock_runner(&txn, id)
        .await?
        .filter(|row| !row.is_deleted)
    else {
        return Ok(Vec::new());
    };
    let missing = fleet::list_demand(&txn, Some(id))
        .await?
        .first()
        .map_or(0, fleet::RunnerDemand::missing);
    let (failures, last) = derived::failures_since(&txn, id, now - spare::REMEMBERED).await?;
    if missing > 0
        && let Some(until) = spare::held_off_until(failures, last).filter(|until| *until > now)
    {
        info!(%until, failures, "no spare instance is made, because the last ones failed");
        return Ok(Vec::new());
    }
    let mut created = Vec::new();
    for _ in 0..missing {
        match insert_one(&txn, &runner, now).await? {
            Some(row) => created.push(row),
            None => break,
        }
    }
    txn.commit().await.map_err(entities::StoreError::from)?;
    Ok(created)
}

async fn insert_one(
    txn: &entities::DatabaseTransaction,
    runner: &runners::Model,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Option<runner_instances::Model>, JobError> {
    let corrupt = |what: &str| {
        JobError::fail(format!(
            "the runner's {what} can't be read; save the runner again"
        ))
    };
    let org = runner.org_id.parse().map_err(|_| corrupt("organisation"))?;
    let selection =
        serde_json::from_value(runner.node_selection.clone()).map_err(|_| corrupt("node selection"))?;
    let room = fleet::list_room(txn, &org).await?;
    let node = match placement::choose(&room, &selection) {
        Ok(node) => node,
        Err(reason) => {
            info!(%reason, "a spare instance could not be placed");
            return Ok(None);
        }
    };
    let row = fleet::insert_instance(txn, runner, &node, now).await?;
    let event = Event {
        kind: "state",
        message: "Created to keep the runner's number of idle instances.",
        detail: Some(json!({"state": InstanceState::Pending})),
    };
    lifecycle::add_event(txn, &row, event, now).await?;
    Ok(Some(row))
}

/// After the commit: the event, and the task that makes the container.
async fn register(context: &Context, row: &runner_instances::Model) {
    let (Ok(id), Ok(org), Ok(runner_id)) = (row.id(), row.org_id.parse(), row.runner_id.parse()) else {
        return;
    };
    let change = Change::InstanceChanged {
        runner_id,
        instance_id: id.clone(),
        state: InstanceState::Pending,
        status: InstanceStatus::Offline,
    };
    events::publish(&context.redis, &org, &[change]).await;
    if let Err(error) = send(context, TaskCall::RegisterRunner(id)).await {
        warn!(instance.id = %row.uid, %error, "register_runner was not sent; reconciling does it");
    }
}

/// An instance of a deleted runner goes, too.
async fn drain(context: &Context, row: &runner_instances::Model) -> Result<(), JobError> {
    let id = row.id()?;
    let reason = "The runner was deleted.";
    let step = Transition {
        to: InstanceState::Draining,
        from: &InstanceState::ALL,
        lease_token: None,
        desired: Some(DesiredState::Removed),
        reason: Some(reason),
        message: reason,
    };
    if moved(context, &id, &step).await?.is_some() {
        send(context, TaskCall::UnregisterRunner(id)).await?;
    }
    Ok(())
}

async fn send(context: &Context, call: TaskCall) -> Result<(), JobError> {
    let (TaskCall::RegisterRunner(id) | TaskCall::UnregisterRunner(id)) = &call else {
        return Ok(());
    };
    match assignment::find(&context.db, id).await? {
        Some(assignment) => context.send_in(&call, &assignment.node, Duration::ZERO).await,
        None => Ok(()),
    }
}
