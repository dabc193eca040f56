//! `unregister_runner`: takes an instance from `draining` to where its owner wants it.
//!
//! GitHub first: once it has forgotten the runner, the runner can get no job any more and may be stopped.
//! While GitHub says that a job runs, nothing is done but wait: a job is never killed.

use std::time::Duration;

use celery::prelude::*;
use domain::ids::InstanceId;
use domain::instance::{DesiredState, InstanceState, InstanceStatus};
use domain::tasks::TaskCall;
use entities::model::runner_instances;
use entities::repo::assignment::{self, Assignment};
use entities::repo::lifecycle::{self, Event, Observed, Transition};
use entities::repo::timeline;
use serde_json::{Value, json};
use tracing::{instrument, warn};

use super::deregister::{self, Deregistered};
use super::{JobError, conclude, moved, node_away, noted, stuck, task};
use crate::context::Context;
use crate::lease::Held;
use crate::nodes::{Engine, OwnedContainer};
use crate::steps::Step;

/// The states in which there is something to be done.
const LEAVING: [InstanceState; 2] = [InstanceState::Draining, InstanceState::Stopping];
/// What a container is given between SIGTERM and SIGKILL.
const STOP_GRACE: Duration = Duration::from_secs(30);
/// The first and the longest pause between two looks at a busy runner.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How often one delivery is tried again. Few, because reconciling sends the task anew whenever the deadline
/// that the last attempt set has passed: a job may run for five days.
const MAX_RETRIES: u32 = 10;

/// The task.
#[celery::task(
    name = "unregister_runner",
    acks_late = true,
    max_retries = 10,
    hard_time_limit = 300
)]
pub async fn unregister_runner(runner_instance_id: String) -> TaskResult<Value> {
    let id = task::id::<InstanceId>(&runner_instance_id)?;
    let looks = celery_redis::current_request().map_or(0, |request| request.retries);
    task::run(|context| async move { run(&context, &id, looks).await }).await
}

/// Takes a `draining` or `stopping` instance further. `looks` counts the earlier ones of this call, which
/// lengthens the pause to the next.
#[instrument(skip_all, fields(instance.id = %id))]
pub async fn run(context: &Context, id: &InstanceId, looks: u32) -> Result<Value, JobError> {
    let Some((lease, row)) = Held::take(context, id, &LEAVING).await? else {
        return match conclude::not_claimed(context, id, &LEAVING).await {
            Err(error) => later(context, id, error, looks).await,
            nothing_to_do => nothing_to_do,
        };
    };
    context.reached(Step::Claimed).await;
    let result = lease.keep(Box::pin(drain(context, &lease, &row, looks))).await;
    let result = match result {
        Err(error @ JobError::Fail { .. }) => stuck(context, &lease, id, error).await,
        result => result,
    };
    lease.release().await;
    match result {
        Ok(row) => after(context, &row).await,
        Err(error) => later(context, id, error, looks).await,
    }
}

/// The end of an attempt that a later one has to finish. Every pause is written down as the state's deadline,
/// so that reconciling sends no second message while this one is on its way.
async fn later(context: &Context, id: &InstanceId, error: JobError, looks: u32) -> Result<Value, JobError> {
    let JobError::Retry { after, reason } = error else {
        return Err(error);
    };
    let pause = after.unwrap_or_else(|| task::growing_pause(looks));
    if let Some(row) = lifecycle::find(&context.db, id).await?
        && LEAVING.contains(&row.state()?)
    {
        conclude::look_again_in(context, id, row.state()?, pause).await?;
    }
    if looks >= MAX_RETRIES {
        return Ok(json!({"left_to_reconciling": reason}));
    }
    Err(JobError::retry_after(pause, reason))
}

/// The row is read again: the removal may have got to the next state before it was stuck.
async fn stuck(
    context: &Context,
    lease: &Held<'_>,
    id: &InstanceId,
    error: JobError,
) -> Result<runner_instances::Model, JobError> {
    match lifecycle::find(&context.db, id).await? {
        Some(row) => stuck::tell(context, lease, &row, error).await,
        None => Err(error),
    }
}

async fn drain(
    context: &Context,
    lease: &Held<'_>,
    row: &runner_instances::Model,
    looks: u32,
) -> Result<runner_instances::Model, JobError> {
    let id = row.id()?;
    let assignment = assignment::find(&context.db, &id)
        .await?
        .ok_or_else(|| JobError::fail("the instance is gone"))?;
    // Before the node is asked for anything: also a runner on a node that is away must get no job any more.
    let at_github = if row.state()? == InstanceState::Draining {
        lease.ensure().await?;
        deregister::at_github(context, &assignment).await?
    } else {
        Some(Deregistered::Surely)
    };
    if at_github == Some(Deregistered::Busy) {
        return Err(wait_for_job(context, &assignment, looks).await?);
    }
    if assignment.node.is_deleted {
        return node_away::finish_without(context, lease, &assignment, at_github).await;
    }
    let (engine, container) = match reach(context, &assignment).await {
        Ok(reached) => reached,
        Err(error) => return node_away::go_on(context, lease, &assignment, at_github, error).await,
    };
    let container = container.as_ref();
    if is_busy(context, lease, &engine, container, &assignment, at_github).await? {
        return Err(wait_for_job(context, &assignment, looks).await?);
    }
    if row.state()? == InstanceState::Draining {
        context.reached(Step::Deregistered).await;
        let message = match at_github {
            Some(_) => "GitHub no longer knows the runner; its container is stopped.",
            // Its own token may not have been good for that, which the timeline says then.
            None => "The runner takes no job any more; its container is stopped.",
        };
        to_stopping(context, lease, row, message).await?;
    }
    context.reached(Step::RecordedStopping).await;
    if let Some(container) = container {
        lease.ensure().await?;
        engine.stop(container, STOP_GRACE).await?;
        context.reached(Step::Stopped).await;
        lease.ensure().await?;
        engine.remove(container).await?;
    }
    context.reached(Step::Removed).await;
    finish(context, lease, &id).await
}

/// The node's engine and the instance's container there.
async fn reach(
    context: &Context,
    assignment: &Assignment,
) -> Result<(Engine, Option<OwnedContainer>), JobError> {
    let engine = context.engine(&assignment.node).await?;
    let found = engine
        .find_by_instance(&context.install_id, &assignment.instance.id()?)
        .await?;
    Ok((engine, found.map(|found| found.container)))
}

/// Whether a job stands in the way; where only the runner itself can, it is taken off GitHub.
async fn is_busy(
    context: &Context,
    lease: &Held<'_>,
    engine: &Engine,
    container: Option<&OwnedContainer>,
    assignment: &Assignment,
    at_github: Option<Deregistered>,
) -> Result<bool, JobError> {
    if at_github.is_none() {
        let outcome = deregister::in_container(context, lease, engine, container, assignment).await?;
        if outcome == Deregistered::Busy {
            return Ok(true);
        }
    }
    match container {
        Some(container) => deregister::runs_a_job(context, engine, container).await,
        None => Ok(false),
    }
}

/// `draining` → `stopping`
pub(super) async fn to_stopping(
    context: &Context,
    lease: &Held<'_>,
    row: &runner_instances::Model,
    message: &str,
) -> Result<runner_instances::Model, JobError> {
    let step = Transition {
        to: InstanceState::Stopping,
        from: &[InstanceState::Draining],
        lease_token: Some(lease.token()),
        desired: None,
        reason: stuck::lasting_reason(row),
        message,
    };
    let row = moved(context, &row.id()?, &step)
        .await?
        .ok_or_else(JobError::overtaken)?;
    lease.now_in(InstanceState::Stopping);
    Ok(row)
}

/// `stopping` → what is wanted, and nothing is left of the container but the timeline.
pub(super) async fn finish(
    context: &Context,
    lease: &Held<'_>,
    id: &InstanceId,
) -> Result<runner_instances::Model, JobError> {
    let forgotten = Observed {
        instance_identifier: Some(None),
        github_runner_id: Some(None),
        attempts: Some(0),
        ..Observed::default()
    };
    if !lifecycle::record(&context.db, id, lease.token(), forgotten, context.now()).await? {
        return Err(JobError::overtaken());
    }
    // Read here, not at the start: the wish may have changed meanwhile.
    let row = lifecycle::find(&context.db, id)
        .await?
        .ok_or_else(|| JobError::fail("the instance is gone"))?;
    let desired = row.desired()?;
    let (to, message) = match desired {
        DesiredState::Running => (
            desired.after_stopping(),
            "The container is gone; it is made anew.",
        ),
        DesiredState::Stopped => (desired.after_stopping(), "The instance is stopped."),
        DesiredState::Removed => (desired.after_stopping(), "The instance is removed."),
    };
    let reason = stuck::lasting_reason(&row).filter(|_| desired != DesiredState::Running);
    let step = Transition {
        to,
        from: &[InstanceState::Stopping],
        lease_token: Some(lease.token()),
        desired: None,
        reason,
        message,
    };
    let row = moved(context, id, &step).await?.ok_or_else(JobError::overtaken)?;
    conclude::forget_observed(context, id).await;
    if desired == DesiredState::Running {
        let offline = InstanceStatus::Offline;
        lifecycle::record_status(&context.db, id, offline, context.now()).await?;
    }
    Ok(row)
}

/// After the lease was given back: an instance that is wanted running is registered anew.
async fn after(context: &Context, row: &runner_instances::Model) -> Result<Value, JobError> {
    if row.state()? == InstanceState::Pending
        && let Some(assignment) = assignment::find(&context.db, &row.id()?).await?
    {
        let call = TaskCall::RegisterRunner(row.id()?);
        if let Err(error) = context.send_in(&call, &assignment.node, Duration::ZERO).await {
            warn!(instance.id = %row.uid, %error, "register_runner was not sent; reconciling does it");
        }
    }
    Ok(json!({"state": row.state}))
}

/// The runner is busy: the state stays, the task comes again. Said once on the timeline.
async fn wait_for_job(context: &Context, assignment: &Assignment, looks: u32) -> Result<JobError, JobError> {
    let row = &assignment.instance;
    let message = "A job runs; the instance is removed when it is done.";
    if timeline::first_of(&context.db, &row.id()?, message, row.state_changed_at)
        .await?
        .is_none()
    {
        let event = Event {
            kind: "progress",
            message,
            detail: None,
        };
        noted(context, row, event).await?;
    }
    Ok(JobError::retry_after(
        pause_after(looks),
        "a job runs on the runner; it is waited for",
    ))
}

fn pause_after(looks: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(looks.saturating_add(1))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_from_ten_seconds_to_a_minute() {
        let pauses: Vec<u64> = (0..8).map(|looks| pause_after(looks).as_secs()).collect();
        assert_eq!(pauses, [10, 20, 30, 40, 50, 60, 60, 60]);
    }
}
