//! What becomes of a removal while the instance's node does not answer, or once it was deleted.

use chrono::{DateTime, TimeDelta, Utc};
use domain::instance::InstanceState;
use entities::model::runner_instances;
use entities::repo::assignment::Assignment;
use entities::repo::lifecycle::{self, Event, Observed};

use super::deregister::{self, Deregistered};
use super::{JobError, conclude, noted, unregister_runner};
use crate::context::Context;
use crate::lease::Held;

/// How long a node may be away before a removal no longer waits for it. Long enough for a restart of the
/// host, short enough that a dead one does not keep a runner from getting new instances elsewhere.
pub const LIMIT: TimeDelta = TimeDelta::minutes(15);

/// Goes on without the node. What GitHub has forgotten is `stopping` from then on, so that the time is
/// counted from there; once it is over, the instance is `failed` and takes no room any more. The container is
/// removed by the sweep when the node is back.
pub async fn go_on(
    context: &Context,
    lease: &Held<'_>,
    assignment: &Assignment,
    at_github: Option<Deregistered>,
    error: JobError,
) -> Result<runner_instances::Model, JobError> {
    if matches!(error, JobError::Fail { .. }) {
        return Err(error);
    }
    let row = &assignment.instance;
    if row.state()? == InstanceState::Draining && at_github == Some(Deregistered::Surely) {
        let message = "GitHub no longer knows the runner. Its node does not answer; the container is removed when it does.";
        unregister_runner::to_stopping(context, lease, row, message).await?;
        return Err(error);
    }
    if context.now() - away_since(row) < LIMIT {
        return Err(error);
    }
    give_up(context, lease, assignment, at_github).await
}

/// Ends the removal of an instance whose node was deleted. What would open the way to its engine is gone
/// with it, so that nobody could ever look there again.
pub async fn finish_without(
    context: &Context,
    lease: &Held<'_>,
    assignment: &Assignment,
    at_github: Option<Deregistered>,
) -> Result<runner_instances::Model, JobError> {
    let row = &assignment.instance;
    if at_github.is_none() && row.last_heartbeat.is_some() {
        deregister::note_left_to_github(context, assignment).await?;
    }
    let message = format!(
        "The node {} was deleted, so nothing is done there. If the container {} is still on it, remove it by hand.",
        assignment.node.name, row.name
    );
    let event = Event {
        kind: "warning",
        message: &message,
        detail: None,
    };
    noted(context, row, event).await?;
    if row.state()? == InstanceState::Draining {
        let message = match at_github {
            Some(_) => "GitHub no longer knows the runner.",
            None => "The removal ends without its node.",
        };
        unregister_runner::to_stopping(context, lease, row, message).await?;
    }
    unregister_runner::finish(context, lease, &row.id()?).await
}

/// Since when the node can have been away at most: heartbeats are only written while it answers.
fn away_since(row: &runner_instances::Model) -> DateTime<Utc> {
    row.last_heartbeat
        .map_or(row.state_changed_at, |last| last.max(row.state_changed_at))
}

async fn give_up(
    context: &Context,
    lease: &Held<'_>,
    assignment: &Assignment,
    at_github: Option<Deregistered>,
) -> Result<runner_instances::Model, JobError> {
    let row = &assignment.instance;
    let id = row.id()?;
    let registration = match at_github {
        Some(_) => {
            let forgotten = Observed {
                github_runner_id: Some(None),
                ..Observed::default()
            };
            if !lifecycle::record(&context.db, &id, lease.token(), forgotten, context.now()).await? {
                return Err(JobError::overtaken());
            }
            "GitHub no longer knows the runner"
        }
        None => "GitHub removes the registration by itself once the runner is offline for long",
    };
    let reason = format!(
        "The node {} has not answered for {} minutes. {registration}. The container {} may be left on the node; it is removed when the node is back.",
        assignment.node.name,
        LIMIT.num_minutes(),
        row.name,
    );
    conclude::give_up_removal(context, lease, &id, &reason).await
}
