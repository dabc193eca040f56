//! What follows from a look at an instance: it comes online, is replaced, is over, or has failed.

use std::time::Duration;

use domain::instance::{DesiredState, InstanceState, Overdue};
use domain::tasks::TaskCall;
use entities::repo::assignment::Assignment;
use entities::repo::lifecycle::{self, Observed, Transition};
use github::DeleteOutcome;
use tracing::debug;

use super::register_runner::{meta, resources_of};
use super::{JobError, conclude, moved, reconcile_all};
use crate::context::Context;
use crate::decide::exit::{self, Ending, Remains};
use crate::decide::look::Action;
use crate::lease::Held;
use crate::nodes::{ContainerState, Engine, OwnedContainer};
use crate::registration::{self, Account};

/// As much of an ended container's log as is read for the cause.
const LOG_LINES: u32 = 200;
const LOG_BYTES: usize = 64 << 10;

/// Does what a look asks for.
pub async fn act(
    context: &Context,
    engine: &Engine,
    assignment: &Assignment,
    container: Option<&OwnedContainer>,
    seen: Option<&ContainerState>,
    action: Action,
) -> Result<(), JobError> {
    let id = assignment.instance.id()?;
    match action {
        Action::Nothing => Ok(()),
        Action::BecomeRunning => {
            let step = Transition {
                to: InstanceState::Running,
                from: &[InstanceState::Starting],
                lease_token: None,
                desired: None,
                reason: None,
                message: "The runner is online.",
            };
            moved(context, &id, &step).await?;
            Ok(())
        }
        // The removal's own task comes back by itself. A further one is only sent where that one was lost:
        // every look would else add one.
        Action::FinishDraining if is_overdue(context, assignment) => {
            reconcile_all::heal(context, &assignment.instance).await
        }
        Action::FinishDraining => Ok(()),
        Action::ReplaceGhost => {
            let reason = "GitHub no longer knows this runner although its container runs: it would never get a job again. It is replaced.";
            drain(context, assignment, DesiredState::Running, reason).await
        }
        Action::Conclude => conclude_end(context, engine, assignment, container, seen).await,
    }
}

/// Whether the state has outlived its deadline and nobody acts on it.
fn is_overdue(context: &Context, assignment: &Assignment) -> bool {
    let (row, now) = (&assignment.instance, context.now());
    row.state_deadline.is_some_and(|deadline| deadline < now)
        && row.lease_until.is_none_or(|until| until < now)
}

/// The container ended by itself: a finished ephemeral runner is removed, anything else has failed.
async fn conclude_end(
    context: &Context,
    engine: &Engine,
    assignment: &Assignment,
    container: Option<&OwnedContainer>,
    seen: Option<&ContainerState>,
) -> Result<(), JobError> {
    let (Some(container), Some(seen)) = (container, seen) else {
        let reason = "The container was removed from its node by somebody else. Start the instance again to make a new one.";
        return fail(context, assignment, reason).await;
    };
    let log = engine
        .tail_logs(container, LOG_LINES, LOG_BYTES)
        .await
        .unwrap_or_default();
    let known_at_github = is_known(context, assignment).await?;
    record_remains(context, assignment, seen).await?;
    let remains = Remains {
        exit_code: seen.exit_code.unwrap_or_default(),
        oom_killed: seen.oom_killed,
        log: &log,
        ephemeral: assignment.runner.ephemeral,
        known_at_github,
        memory_mb: resources_of(assignment)?.memory_mb,
    };
    match exit::classify(&remains) {
        Ending::JobDone { result } => {
            let reason = match result {
                Some(result) => format!("The ephemeral runner did its job (result: {result})."),
                None => "The ephemeral runner did its job.".to_owned(),
            };
            drain(context, assignment, DesiredState::Removed, &reason).await
        }
        Ending::Fault(reason) => fail(context, assignment, &reason).await,
    }
}

/// A fresh word: the shared list may be older than the end. `None` where nobody can ask.
async fn is_known(context: &Context, assignment: &Assignment) -> Result<Option<bool>, JobError> {
    let asked = async {
        let Some(account) = Account::of(context, assignment)? else {
            return Ok(None);
        };
        let Some(id) = registration::find_own(&account, assignment).await? else {
            return Ok(Some(false));
        };
        let runner = account.client.get_runner(&account.target, id).await?;
        Ok(Some(runner.is_some()))
    };
    match asked.await {
        // A credential that is no good any more must not keep the instance from its end.
        Err(JobError::Fail { reason }) => {
            debug!(reason, "GitHub could not be asked");
            Ok(None)
        }
        outcome => outcome,
    }
}

/// Exit code and cause stay readable after the container is gone.
async fn record_remains(
    context: &Context,
    assignment: &Assignment,
    seen: &ContainerState,
) -> Result<(), JobError> {
    let id = assignment.instance.id()?;
    let states = [InstanceState::Starting, InstanceState::Running];
    if let Some((lease, _)) = Held::take(context, &id, &states).await? {
        let observed = Observed {
            instance_meta: Some(meta(assignment, seen)),
            ..Observed::default()
        };
        lifecycle::record(&context.db, &id, lease.token(), observed, context.now()).await?;
        lease.release().await;
    }
    Ok(())
}

/// The runner did not come online in time. GitHub is told first: should it run a job after all, it stays.
pub async fn give_up_start(context: &Context, assignment: &Assignment) -> Result<(), JobError> {
    let Some((_, Overdue::Fail(reason))) = InstanceState::Starting.deadline() else {
        return Ok(());
    };
    if let Some(account) = Account::of(context, assignment)?
        && let Some(id) = registration::find_own(&account, assignment).await?
        && account.client.delete_runner(&account.target, id).await? == DeleteOutcome::Busy
    {
        return Ok(());
    }
    fail(context, assignment, reason).await
}

/// → `draining`, towards this wish; the task that does the rest is sent.
async fn drain(
    context: &Context,
    assignment: &Assignment,
    desired: DesiredState,
    reason: &str,
) -> Result<(), JobError> {
    let id = assignment.instance.id()?;
    let step = Transition {
        to: InstanceState::Draining,
        from: &[InstanceState::Starting, InstanceState::Running],
        lease_token: None,
        desired: Some(desired),
        reason: Some(reason),
        message: reason,
    };
    if moved(context, &id, &step).await?.is_some() {
        let call = TaskCall::UnregisterRunner(id);
        context.send_in(&call, &assignment.node, Duration::ZERO).await?;
    }
    Ok(())
}

/// → `failed`; what is left of container and registration is removed.
async fn fail(context: &Context, assignment: &Assignment, reason: &str) -> Result<(), JobError> {
    let id = assignment.instance.id()?;
    let states = [InstanceState::Starting, InstanceState::Running];
    // Two looks at once: the second finds the lease taken or the state moved on.
    let Some((lease, _)) = Held::take(context, &id, &states).await? else {
        return Ok(());
    };
    let row = conclude::fail(context, lease, assignment, &states, reason).await?;
    if let Some(row) = row
        && row.state()? == InstanceState::Failed
    {
        conclude::forget_observed(context, &id).await;
    }
    Ok(())
}
