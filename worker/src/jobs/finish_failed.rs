//! What reconciling does about failed instances: registrations that are left are taken off GitHub, and removals
//! that were given up go on once nothing stands in their way.

use std::time::Duration;

use chrono::TimeDelta;
use domain::instance::{DesiredState, InstanceState};
use domain::node::NodeStatus;
use domain::tasks::TaskCall;
use entities::model::runner_instances;
use entities::repo::assignment::{self, Assignment};
use entities::repo::leases;
use entities::repo::lifecycle::{self, Observed, Transition};
use tracing::{instrument, warn};

use super::deregister::{self, Deregistered};
use super::{JobError, moved};
use crate::context::Context;
use crate::lease::Held;

/// As many as one run takes; each may cost a call to GitHub.
const FAILED: u64 = 50;
/// When one that could not be finished is tried again.
const AGAIN: TimeDelta = TimeDelta::minutes(5);

/// Goes through the failed instances that are due, and says of how many something was finished.
#[instrument(skip_all)]
pub async fn run(context: &Context) -> Result<usize, JobError> {
    let mut finished = 0;
    for row in leases::list_unfinished_failures(&context.db, context.now(), FAILED).await? {
        match finish(context, &row).await {
            Ok(true) => finished += 1,
            Ok(false) => {}
            Err(error) => warn!(instance.id = %row.uid, %error, "a failed instance was not finished"),
        }
    }
    Ok(finished)
}

async fn finish(context: &Context, row: &runner_instances::Model) -> Result<bool, JobError> {
    let (id, failed) = (row.id()?, InstanceState::Failed);
    let Some(assignment) = assignment::find(&context.db, &id).await? else {
        return Ok(false);
    };
    let Some((lease, _)) = Held::take(context, &id, &[failed]).await? else {
        return Ok(false);
    };
    // First of all, so that one at which this fails does not come again at once.
    leases::postpone(&context.db, &id, failed, context.now() + AGAIN).await?;
    let result = lease.keep(Box::pin(go_on(context, &lease, &assignment))).await;
    lease.release().await;
    let done = result?;
    if done == Done::Resumed {
        let call = TaskCall::UnregisterRunner(id);
        context.send_in(&call, &assignment.node, Duration::ZERO).await?;
    }
    Ok(done != Done::Nothing)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Nothing,
    /// GitHub has forgotten the runner.
    Deregistered,
    /// The removal goes on.
    Resumed,
}

async fn go_on(context: &Context, lease: &Held<'_>, assignment: &Assignment) -> Result<Done, JobError> {
    let (row, node) = (&assignment.instance, &assignment.node);
    let id = row.id()?;
    let is_unwanted = row.desired()? == DesiredState::Removed;
    let is_to_go = is_unwanted && (node.is_deleted || node.status == NodeStatus::Active.as_str());
    let is_registered = row.github_runner_id.is_some() || row.state_deadline.is_some();
    if !is_registered && !is_to_go {
        return Ok(Done::Nothing);
    }
    if deregister::at_github(context, assignment).await? == Some(Deregistered::Busy) {
        return Ok(Done::Nothing);
    }
    let forgotten = Observed {
        github_runner_id: Some(None),
        ..Observed::default()
    };
    if !lifecycle::record(&context.db, &id, lease.token(), forgotten, context.now()).await? {
        return Err(JobError::overtaken());
    }
    if !is_to_go {
        if !is_unwanted {
            leases::end_clean_up(&context.db, &id).await?;
        }
        return Ok(Done::Deregistered);
    }
    let step = Transition {
        to: InstanceState::Draining,
        from: &[InstanceState::Failed],
        lease_token: Some(lease.token()),
        desired: None,
        reason: None,
        message: "The removal goes on.",
    };
    moved(context, &id, &step)
        .await?
        .ok_or_else(JobError::overtaken)?;
    lease.now_in(InstanceState::Draining);
    Ok(Done::Resumed)
}
