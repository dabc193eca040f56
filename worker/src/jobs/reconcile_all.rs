//! `reconcile_all`: heals what is overdue and sends `reconcile_runner` for every runner that needs it.

use std::time::Duration;

use celery::prelude::*;
use chrono::TimeDelta;
use domain::instance::InstanceState;
use domain::tasks::TaskCall;
use entities::model::runner_instances;
use entities::repo::{assignment, fleet, leases, lifecycle};
use serde_json::{Value, json};
use tracing::{debug, info, instrument, warn};

use super::{JobError, expire_status, finish_failed, task};
use crate::context::Context;
use crate::decide::overdue::{self, Cure};

/// As many overdue instances as one run takes; the next run, seconds later, goes on.
const OVERDUE: u64 = 200;

/// For how long a removal is left to the workers of the node's own host.
const HOST_GRACE: TimeDelta = TimeDelta::minutes(2);
/// A task that was sent again is sent once more long before this; copies must not pile up behind a long queue.
const STALE_AFTER: Duration = Duration::from_mins(10);

/// The task; the next tick makes up for a failed one.
#[celery::task(
    name = "reconcile_all",
    acks_late = true,
    max_retries = 0,
    hard_time_limit = 120
)]
pub async fn reconcile_all() -> TaskResult<Value> {
    task::run(|context| async move { run(&context).await }).await
}

/// Goes through everything that is overdue or lacks instances.
#[instrument(skip_all)]
pub async fn run(context: &Context) -> Result<Value, JobError> {
    // Before the spare ones are counted.
    let offline = expire_status::run(context).await?;
    let mut healed = 0;
    for row in lifecycle::list_overdue(&context.db, context.now(), OVERDUE).await? {
        match heal(context, &row).await {
            Ok(()) => healed += 1,
            // One bad row must not keep the others from being healed.
            Err(error) => warn!(instance.id = %row.uid, %error, "an overdue instance was not healed"),
        }
    }
    let finished = finish_failed::run(context).await?;
    let lacking: Vec<_> = fleet::list_demand(&context.db, None)
        .await?
        .into_iter()
        .filter(|demand| demand.missing() > 0)
        .collect();
    let mut signatures = Vec::with_capacity(lacking.len());
    for demand in &lacking {
        signatures.push(context.signature(&TaskCall::ReconcileRunner(demand.id()?), None));
    }
    context.celery.send_many(&signatures).await?;
    Ok(json!({"healed": healed, "finished": finished, "offline": offline, "runners": signatures.len()}))
}

/// Sends the task that moves an overdue instance on. The deadline begins anew, so that a long queue is not
/// made longer every few seconds.
pub async fn heal(context: &Context, row: &runner_instances::Model) -> Result<(), JobError> {
    let (id, state) = (row.id()?, row.state()?);
    let call = match overdue::cure(id.clone(), state) {
        Cure::Nothing => return Ok(()),
        Cure::Send(call) => call,
        // A look decides: the runner may have come online while nobody looked.
        Cure::Fail(_) => TaskCall::SendHeartbeat(id.clone()),
    };
    let Some(assignment) = assignment::find(&context.db, &id).await? else {
        return Ok(());
    };
    let mut host = assignment.node.queue_host();
    if let Some(name) = host
        && !context.served_hosts().await?.contains(name)
    {
        let leaving = [InstanceState::Draining, InstanceState::Stopping].contains(&state);
        if !leaving || context.now() - row.state_changed_at <= HOST_GRACE {
            debug!(instance.id = %id, "no worker runs on host {name}; the instance waits for one");
            // Or the same rows would be looked at in every run, before all others.
            return Ok(lifecycle::restart_deadline(&context.db, &id, state, context.now()).await?);
        }
        // Any other worker can take the runner off GitHub.
        host = None;
    }
    info!(instance.id = %id, instance.state = %state, task.name = call.name(), "an overdue instance gets its task again");
    let signature = context.signature(&call, host);
    // A look expires by itself, and needs the deadline as it is to know that it passed.
    if matches!(call, TaskCall::SendHeartbeat(_)) {
        context.celery.send(&signature).await?;
        return Ok(());
    }
    context.celery.send(&signature.expires_in(STALE_AFTER)).await?;
    lifecycle::restart_deadline(&context.db, &id, state, context.now()).await?;
    // What it tells, that its holder has died, is acted on by now.
    leases::forget_expired(&context.db, &id, context.now()).await?;
    Ok(())
}
