//! What several jobs do at an end: remove what was made, keep what the log said last, find out who acts.

use std::time::Duration;

use chrono::TimeDelta;
use domain::ids::InstanceId;
use domain::instance::{DesiredState, InstanceState};
use domain::redis_keys;
use domain::tasks::TaskCall;
use entities::model::runner_instances;
use entities::repo::assignment::Assignment;
use entities::repo::leases;
use entities::repo::lifecycle::{self, Event, Observed, Transition};
use entities::repo::timeline;
use redis::AsyncCommands as _;
use serde_json::{Value, json};
use tracing::warn;

use super::deregister::{self, Deregistered};
use super::{JobError, moved, noted};
use crate::context::Context;
use crate::lease::Held;
use crate::nodes::{Engine, NodeError, OwnedContainer};

/// How many of a log's last lines are kept on the timeline.
const LAST_LINES: u32 = 20;
/// And how many bytes of them.
const LAST_BYTES: usize = 4 << 10;
/// What is said of a registration that is left.
const REGISTERED: &str = "its registration at GitHub is left and is removed later";

/// What is left after a clean-up.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cleanup {
    /// Nothing.
    Complete,
    /// Something that reconciling removes later.
    LeftOvers {
        /// In words.
        what: String,
        /// Whether it is a registration at GitHub, of which not even the id may be known.
        registration: bool,
    },
    /// A job runs, so that nothing was done.
    Busy,
}

/// Forgets what looks have left of an instance that nobody looks at any more.
pub async fn forget_observed(context: &Context, id: &InstanceId) {
    context.last_samples.forget(id);
    let keys = [redis_keys::runner_status(id), redis_keys::runner_metrics(id)];
    if let Err(error) = context.redis.clone().del::<_, ()>(&keys).await {
        // They expire by themselves.
        warn!(instance.id = %id, %error, "the instance's status was not deleted");
    }
}

/// Ends a removal that does not get on as failed, so that the instance takes no room for ever. What is wanted of it
/// stays. The answer is the row after the step.
pub async fn give_up_removal(
    context: &Context,
    lease: &Held<'_>,
    id: &InstanceId,
    reason: &str,
) -> Result<runner_instances::Model, JobError> {
    let step = Transition {
        to: InstanceState::Failed,
        from: &[InstanceState::Draining, InstanceState::Stopping],
        lease_token: Some(lease.token()),
        desired: None,
        reason: Some(reason),
        message: reason,
    };
    let row = moved(context, id, &step).await?.ok_or_else(JobError::overtaken)?;
    forget_observed(context, id).await;
    Ok(row)
}

/// To be called after a look has written what it saw: whether the instance is still one that is looked at. If it
/// is not, its removal may have deleted the keys while the look was on its way, and they are deleted again.
pub async fn is_still_live(context: &Context, id: &InstanceId) -> Result<bool, JobError> {
    let is_live = match lifecycle::find(&context.db, id).await? {
        Some(row) => row.state()?.is_live(),
        None => false,
    };
    if !is_live {
        forget_observed(context, id).await;
    }
    Ok(is_live)
}

/// The answer of a job that could not take the lease: nothing to do, or try again once the holder is done.
pub async fn not_claimed(
    context: &Context,
    id: &InstanceId,
    states: &[InstanceState],
) -> Result<Value, JobError> {
    let Some(row) = lifecycle::find(&context.db, id).await? else {
        return Ok(json!({"skipped": "there is no such instance"}));
    };
    let state = row.state()?;
    if !states.contains(&state) {
        return Ok(json!({"skipped": format!("the instance is {state}")}));
    }
    let wait = row
        .lease_until
        .and_then(|until| (until - context.now()).to_std().ok())
        .unwrap_or_default();
    // Often the holder is done long before its lease would end.
    let wait = (wait + Duration::from_secs(1)).min(Duration::from_secs(10));
    Err(JobError::retry_after(wait, "another worker acts on the instance"))
}

/// Says when a transient state is looked at again, so that reconciling does not interfere before.
pub async fn look_again_in(
    context: &Context,
    id: &InstanceId,
    state: InstanceState,
    after: Duration,
) -> Result<(), JobError> {
    let allowance = state.deadline().map_or(TimeDelta::minutes(1), |(after, _)| after);
    let after = TimeDelta::from_std(after).unwrap_or(TimeDelta::hours(1));
    Ok(leases::postpone(&context.db, id, state, context.now() + after + allowance).await?)
}

/// Ends an instance that can't go on: → `failed`, with what was made of it removed as far as it can be
/// reached. Where a job turns out to run all the same it is waited for: → `draining`. The answer is the row after
/// the step, or `None` when somebody else was quicker.
pub async fn fail(
    context: &Context,
    lease: Held<'_>,
    assignment: &Assignment,
    from: &[InstanceState],
    reason: &str,
) -> Result<Option<runner_instances::Model>, JobError> {
    let id = assignment.instance.id()?;
    let cleaned = lease
        .keep(Box::pin(async {
            Ok(clean_up(context, &lease, assignment).await)
        }))
        .await?;
    let (to, desired, reason) = match &cleaned {
        Cleanup::Complete => (InstanceState::Failed, None, reason.to_owned()),
        Cleanup::LeftOvers { what, .. } => (InstanceState::Failed, None, format!("{reason} ({what})")),
        Cleanup::Busy => (
            InstanceState::Draining,
            // After its job there is nothing of it that could be started again.
            assignment.runner.ephemeral.then_some(DesiredState::Removed),
            format!("{reason} (a job runs on the runner all the same and is waited for)"),
        ),
    };
    let step = Transition {
        to,
        from,
        lease_token: Some(lease.token()),
        desired,
        reason: Some(&reason),
        message: &reason,
    };
    let row = moved(context, &id, &step).await?;
    if matches!(
        cleaned,
        Cleanup::LeftOvers {
            registration: true,
            ..
        }
    ) {
        leases::postpone(&context.db, &id, InstanceState::Failed, context.now()).await?;
    }
    lease.release().await;
    if let Some(row) = &row
        && row.state()? == InstanceState::Draining
    {
        let call = TaskCall::UnregisterRunner(id);
        if let Err(error) = context.send_in(&call, &assignment.node, Duration::ZERO).await {
            warn!(instance.id = %row.uid, %error, "unregister_runner was not sent; reconciling does it");
        }
    }
    Ok(row)
}

/// Removes registration and container as far as they can be reached. GitHub comes first: a runner that it
/// has forgotten gets no job while its container is removed.
async fn clean_up(context: &Context, lease: &Held<'_>, assignment: &Assignment) -> Cleanup {
    let (mut left, mut registration) = (Vec::new(), false);
    let forgotten = deregister::at_github(context, assignment).await;
    match remove_container(context, lease, assignment, &forgotten).await {
        Ok(Removal::Done) => {}
        Ok(Removal::Busy) => return Cleanup::Busy,
        Err(error) => {
            warn!(instance.id = %assignment.instance.uid, %error, "a container was not removed");
            if matches!(forgotten, Ok(Some(Deregistered::Busy))) {
                return Cleanup::Busy;
            }
            left.push("its container is removed once the node answers");
        }
    }
    match forgotten {
        Ok(None) => {}
        Ok(Some(Deregistered::Surely)) => forget_id(context, lease, assignment).await,
        // The container is gone: GitHub notices within minutes that nobody runs the job any more.
        Ok(Some(Deregistered::Busy)) => registration = true,
        Err(error) => {
            warn!(instance.id = %assignment.instance.uid, %error, "a registration was not removed");
            registration = true;
        }
    }
    if registration {
        left.push(REGISTERED);
    }
    if left.is_empty() {
        Cleanup::Complete
    } else {
        Cleanup::LeftOvers {
            what: left.join("; "),
            registration,
        }
    }
}

enum Removal {
    Done,
    Busy,
}

async fn remove_container(
    context: &Context,
    lease: &Held<'_>,
    assignment: &Assignment,
    forgotten: &Result<Option<Deregistered>, JobError>,
) -> Result<Removal, JobError> {
    let engine = context.engine(&assignment.node).await?;
    let id = assignment.instance.id()?;
    let Some(found) = engine.find_by_instance(&context.install_id, &id).await? else {
        return Ok(Removal::Done);
    };
    if found.running {
        match forgotten {
            Ok(Some(Deregistered::Busy)) => return Ok(Removal::Busy),
            // It may be given a job at any time; the node's next check comes back to it.
            Err(error @ JobError::Retry { .. }) => return Err(error.clone()),
            Ok(Some(Deregistered::Surely) | None) | Err(JobError::Fail { .. }) => {}
        }
        if deregister::runs_a_job(context, &engine, &found.container).await? {
            return Ok(Removal::Busy);
        }
    }
    note_last_lines(context, &engine, &found.container, assignment).await?;
    lease.ensure().await?;
    engine.remove(&found.container).await?;
    Ok(Removal::Done)
}

/// GitHub has forgotten the runner, and so does the row.
async fn forget_id(context: &Context, lease: &Held<'_>, assignment: &Assignment) {
    let observed = Observed {
        github_runner_id: Some(None),
        ..Observed::default()
    };
    let recorded = async {
        let id = assignment.instance.id()?;
        lifecycle::record(&context.db, &id, lease.token(), observed, context.now()).await
    };
    if let Err(error) = recorded.await {
        warn!(instance.id = %assignment.instance.uid, %error, "a registration's end was not written down");
    }
}

/// Keeps a log's last lines on the timeline: the container will be gone.
pub async fn note_last_lines(
    context: &Context,
    engine: &Engine,
    container: &OwnedContainer,
    assignment: &Assignment,
) -> Result<(), JobError> {
    let lines = match engine.tail_logs(container, LAST_LINES, LAST_BYTES).await {
        Ok(lines) => lines,
        Err(NodeError::NotFound(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let lines = printable(&lines);
    if lines.is_empty() {
        return Ok(());
    }
    let message = format!("The last lines of the container's log:\n{lines}");
    let event = Event {
        kind: timeline::LOG,
        message: &message,
        detail: None,
    };
    Ok(noted(context, &assignment.instance, event).await?)
}

/// A log's lines without what a terminal or PostgreSQL would choke on.
pub fn printable(log: &str) -> String {
    log.lines()
        .map(|line| {
            line.chars()
                .filter(|c| !c.is_control() || *c == '\t')
                .collect::<String>()
        })
        .filter(|line| !line.trim().is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_lines_hold_no_control_characters() {
        assert_eq!(printable("a\u{1b}[31m\0b\r\n\n  \nc\td\n"), "a[31mb\nc\td");
    }
}
