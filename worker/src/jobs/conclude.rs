//! What several jobs do at an end: remove what was made, keep what the log said last, find out who acts.

use std::time::Duration;

use chrono::TimeDelta;
use domain::ids::InstanceId;
use domain::instance::InstanceState;
use entities::repo::assignment::{self, Assignment};
use entities::repo::leases;
use entities::repo::lifecycle::{self, Event};
use github::DeleteOutcome;
use serde_json::{Value, json};
use tracing::warn;

use super::{JobError, noted};
use crate::context::Context;
use crate::lease::Held;
use crate::nodes::{Engine, NodeError, OwnedContainer};
use crate::registration::{self, Account};

/// How many of a log's last lines are kept on the timeline.
const LAST_LINES: u32 = 20;
/// And how many bytes of them.
const LAST_BYTES: usize = 4 << 10;

/// What is left after a clean-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cleanup {
    /// Nothing.
    Complete,
    /// This; reconciling removes it later.
    LeftOvers(String),
}

impl Cleanup {
    /// A reason, followed by what is left.
    pub fn after(&self, reason: &str) -> String {
        match self {
            Self::Complete => reason.to_owned(),
            Self::LeftOvers(what) => format!("{reason} ({what})"),
        }
    }
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

/// Removes an instance's container and registration as far as they can be reached. Never fails: what it
/// could not do is in its answer.
pub async fn clean_up(context: &Context, lease: &Held<'_>, id: &InstanceId) -> Cleanup {
    let mut left = Vec::new();
    match assignment::find(&context.db, id).await {
        Ok(Some(assignment)) => {
            if let Err(error) = remove_container(context, lease, &assignment).await {
                warn!(instance.id = %id, %error, "a container was not removed");
                left.push("its container is removed once the node answers");
            }
            if let Err(error) = remove_registration(context, &assignment).await {
                warn!(instance.id = %id, %error, "a registration was not removed");
                left.push("its registration at GitHub may remain until GitHub removes it by itself");
            }
        }
        Ok(None) => {}
        Err(error) => {
            warn!(instance.id = %id, %error, "an instance was not cleaned up");
            left.push("its container is removed later");
        }
    }
    if left.is_empty() {
        Cleanup::Complete
    } else {
        Cleanup::LeftOvers(left.join("; "))
    }
}

async fn remove_container(
    context: &Context,
    lease: &Held<'_>,
    assignment: &Assignment,
) -> Result<(), JobError> {
    let engine = context.engine(&assignment.node).await?;
    let id = assignment.instance.id()?;
    if let Some(found) = engine.find_by_instance(&context.install_id, &id).await? {
        note_last_lines(context, &engine, &found.container, assignment).await?;
        lease.ensure().await?;
        engine.remove(&found.container).await?;
    }
    Ok(())
}

/// Removes the registration of a runner whose container is gone or has ended.
pub async fn remove_registration(context: &Context, assignment: &Assignment) -> Result<(), JobError> {
    let Some(account) = Account::of(context, assignment)? else {
        return Ok(());
    };
    let Some(id) = github_id(&account, assignment).await? else {
        return Ok(());
    };
    match account.client.delete_runner(&account.target, id).await? {
        DeleteOutcome::Deleted | DeleteOutcome::NotFound => Ok(()),
        // GitHub notices within minutes that nobody runs the job any more.
        DeleteOutcome::Busy => Err(JobError::retry("GitHub still believes that a job runs")),
    }
}

/// The runner's id at GitHub, of a runner that bears the instance's name.
pub async fn github_id(account: &Account, assignment: &Assignment) -> Result<Option<i64>, JobError> {
    registration::find_own(account, assignment).await
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
        kind: "failure",
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
