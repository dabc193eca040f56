//! Writing down what happened: the transition or the timeline entry first, the event after.

use domain::change::Change;
use domain::ids::{InstanceId, OrgId, RunnerId};
use entities::StoreError;
use entities::model::runner_instances;
use entities::repo::derived;
use entities::repo::lifecycle::{self, Event, Transition};
use process::telemetry::redact;
use tracing::{info, warn};

use super::JobError;
use crate::context::Context;
use crate::events;

/// Moves an instance on and tells the event stream. The row after the step, or `None` when somebody else
/// was quicker: then nothing was written.
pub async fn moved(
    context: &Context,
    id: &InstanceId,
    step: &Transition<'_>,
) -> Result<Option<runner_instances::Model>, JobError> {
    let Some(row) = lifecycle::apply(&context.db, id, step, context.now()).await? else {
        return Ok(None);
    };
    info!(instance.id = %id, instance.state = %row.state, reason = step.reason, "{}", step.message);
    tell_instance(context, &row).await?;
    if let Err(error) = refresh_runner(context, &row).await {
        // The next heartbeat of any of the runner's instances does it.
        warn!(instance.id = %id, %error, "a runner's status was not refreshed");
    }
    Ok(Some(row))
}

/// Adds an entry to an instance's timeline and tells the event stream. What it says is cleaned of
/// anything that looks like a secret: it may hold a runner's own log lines.
pub async fn noted(
    context: &Context,
    row: &runner_instances::Model,
    event: Event<'_>,
) -> Result<(), StoreError> {
    let message = redact(event.message);
    let event = Event {
        message: &message,
        ..event
    };
    lifecycle::add_event(&context.db, row, event, context.now()).await?;
    let (org, runner_id, instance_id) = ids(row)?;
    let noted = Change::InstanceNoted {
        runner_id,
        instance_id,
    };
    events::publish(&context.redis, &org, &[noted]).await;
    Ok(())
}

/// Tells the event stream what an instance is now.
pub async fn tell_instance(context: &Context, row: &runner_instances::Model) -> Result<(), StoreError> {
    let (org, runner_id, instance_id) = ids(row)?;
    let change = Change::InstanceChanged {
        runner_id,
        instance_id,
        state: row.state()?,
        status: row.status()?,
    };
    events::publish(&context.redis, &org, &[change]).await;
    Ok(())
}

/// Brings the runner's own status in line with its instances'.
pub async fn refresh_runner(context: &Context, row: &runner_instances::Model) -> Result<(), StoreError> {
    let (org, runner_id, _) = ids(row)?;
    if let Some(status) = derived::refresh_runner_status(&context.db, &runner_id, context.now()).await? {
        events::publish(
            &context.redis,
            &org,
            &[Change::RunnerChanged { runner_id, status }],
        )
        .await;
    }
    Ok(())
}

fn ids(row: &runner_instances::Model) -> Result<(OrgId, RunnerId, InstanceId), StoreError> {
    let org = row
        .org_id
        .parse()
        .map_err(|_| StoreError::Corrupt("runner_instances.org_id"))?;
    let runner = row
        .runner_id
        .parse()
        .map_err(|_| StoreError::Corrupt("runner_instances.runner_id"))?;
    Ok((org, runner, row.id()?))
}
