//! Taking a runner off GitHub, and finding out whether a job stands in the way. What has been taken off
//! gets no job any more, so that its container may be stopped.

use std::time::Duration;

use chrono::TimeDelta;
use entities::repo::assignment::Assignment;
use entities::repo::lifecycle::Event;
use github::DeleteOutcome;
use secrecy::SecretString;

use super::{JobError, noted};
use crate::context::Context;
use crate::decide::log_hint::{self, Activity};
use crate::lease::Held;
use crate::nodes::{Engine, ExecCommand, NodeError, OwnedContainer};
use crate::registration::{self, Account, Removal};

/// What `config.sh remove` is given.
const REMOVE_LIMIT: Duration = Duration::from_mins(1);
/// As much of the log as is read for the last line that tells what the runner does.
const LOG_LINES: u32 = 2000;
const LOG_BYTES: usize = 256 << 10;
/// No job at GitHub lasts longer.
const LONGEST_JOB: TimeDelta = TimeDelta::days(5);

/// What became of the registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deregistered {
    /// The runner can get no job any more.
    Surely,
    /// A job runs.
    Busy,
}

/// By the runner's credential; the node is not needed. `None` where nobody can ask: the runner has a token of
/// its own, or its credential was deleted after it.
pub async fn at_github(context: &Context, assignment: &Assignment) -> Result<Option<Deregistered>, JobError> {
    if assignment
        .credential
        .as_ref()
        .is_some_and(|credential| credential.is_deleted)
    {
        return Ok(None);
    }
    let Some(account) = Account::of(context, assignment)? else {
        return Ok(None);
    };
    let Some(id) = registration::find_own(&account, assignment).await? else {
        return Ok(Some(Deregistered::Surely));
    };
    Ok(Some(
        match account.client.delete_runner(&account.target, id).await? {
            DeleteOutcome::Deleted | DeleteOutcome::NotFound => Deregistered::Surely,
            DeleteOutcome::Busy => Deregistered::Busy,
        },
    ))
}

/// A runner with a token of its own: only its own `config.sh` can take it off GitHub, from inside its
/// container and with the same token.
pub async fn in_container(
    context: &Context,
    lease: &Held<'_>,
    engine: &Engine,
    container: Option<&OwnedContainer>,
    assignment: &Assignment,
) -> Result<Deregistered, JobError> {
    let running = match container {
        Some(container) if is_running(engine, container).await? => container,
        // GitHub has removed an ephemeral runner that did its job.
        Some(container)
            if assignment.runner.ephemeral
                && last_activity(context, engine, container).await? == Some(Activity::Completed) =>
        {
            return Ok(Deregistered::Surely);
        }
        Some(_) | None => {
            if assignment.instance.last_heartbeat.is_some() {
                note_left_to_github(context, assignment).await?;
            }
            return Ok(Deregistered::Surely);
        }
    };
    let activity = last_activity(context, engine, running).await?;
    if activity == Some(Activity::Running) {
        return Ok(Deregistered::Busy);
    }
    lease.ensure().await?;
    let said = match registration::own_token(context, assignment) {
        Ok(token) => remove_with(engine, running, &token).await?,
        // There is none any more, or it does not open: nothing that a later attempt could do better.
        Err(_) => Removal::Refused,
    };
    match said {
        Removal::Done => Ok(Deregistered::Surely),
        Removal::Busy => Ok(Deregistered::Busy),
        Removal::Refused => {
            let never_online = assignment.instance.last_heartbeat.is_none();
            let surely_idle = match last_activity(context, engine, running).await? {
                Some(Activity::Listening | Activity::Completed) => true,
                Some(Activity::Running) => false,
                None => never_online,
            };
            if surely_idle {
                note_left_to_github(context, assignment).await?;
                Ok(Deregistered::Surely)
            } else {
                Ok(Deregistered::Busy)
            }
        }
    }
}

async fn remove_with(
    engine: &Engine,
    running: &OwnedContainer,
    token: &SecretString,
) -> Result<Removal, JobError> {
    let command = ExecCommand {
        command: registration::remove_with_token(),
        stdin: Some(registration::token_input(token)),
        ..ExecCommand::default()
    };
    match engine.exec(running, command, REMOVE_LIMIT).await {
        Ok(outcome) => Ok(registration::removal_of(outcome.exit_code, &outcome.output)),
        // It ended meanwhile.
        Err(NodeError::Conflict(_) | NodeError::NotFound(_)) => Ok(Removal::Refused),
        Err(error) => Err(error.into()),
    }
}

/// Whether a container's own log tells of a job that runs in it. A job that was sent to the runner in the
/// second before its removal is not known as running at GitHub (actions/runner#4461).
pub async fn runs_a_job(
    context: &Context,
    engine: &Engine,
    container: &OwnedContainer,
) -> Result<bool, JobError> {
    Ok(is_running(engine, container).await?
        && last_activity(context, engine, container).await? == Some(Activity::Running))
}

/// Whether a container runs.
pub async fn is_running(engine: &Engine, container: &OwnedContainer) -> Result<bool, JobError> {
    match engine.inspect(container).await {
        Ok(state) => Ok(state.running),
        Err(NodeError::NotFound(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What the log says that the runner does. A job that would be older than any job can be is over, whatever
/// became of it.
async fn last_activity(
    context: &Context,
    engine: &Engine,
    container: &OwnedContainer,
) -> Result<Option<Activity>, JobError> {
    let log = engine.tail_logs(container, LOG_LINES, LOG_BYTES).await?;
    let Some(hint) = log_hint::last(&log) else {
        return Ok(None);
    };
    let too_old = context.now() - hint.at >= LONGEST_JOB;
    Ok(match hint.activity {
        Some(Activity::Running) if too_old => Some(Activity::Completed),
        activity => activity,
    })
}

/// Says that GitHub is left with a registration.
pub async fn note_left_to_github(context: &Context, assignment: &Assignment) -> Result<(), JobError> {
    let days = if assignment.runner.ephemeral {
        "1 day"
    } else {
        "14 days"
    };
    let message = format!(
        "The registration could not be removed: there is no credential to do it with. GitHub shows the runner as offline and removes it by itself after {days}."
    );
    let event = Event {
        kind: "warning",
        message: &message,
        detail: None,
    };
    Ok(noted(context, &assignment.instance, event).await?)
}
