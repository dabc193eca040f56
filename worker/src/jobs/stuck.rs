//! What becomes of a removal that nobody but a person can get on: a credential that GitHub refuses, TLS
//! material that does not open.

use std::time::Duration;

use chrono::TimeDelta;
use entities::model::runner_instances;
use entities::repo::leases;
use entities::repo::lifecycle::Event;
use entities::repo::timeline;
use process::telemetry::redact;

use super::outcome::tell_instance;
use super::{JobError, conclude, noted};
use crate::context::Context;
use crate::lease::Held;

/// How long one cause may last before the instance is `failed`, so that it takes no room for ever.
const LIMIT: TimeDelta = TimeDelta::minutes(15);
/// The pause between two attempts, besides what the state's deadline allows.
const PAUSE: Duration = Duration::from_mins(1);
/// How a reason begins that stands only until the removal gets on.
const BEGINNING: &str = "The removal does not get on: ";

/// Says why a removal is stuck: beside the state, and on the timeline once for each cause. An instance whose
/// removal is stuck for long is failed; what is wanted of it stays, so that the removal goes on once the cause is
/// gone or somebody asks for it again. The answer is how the task ends.
pub async fn tell(
    context: &Context,
    lease: &Held<'_>,
    row: &runner_instances::Model,
    error: JobError,
) -> Result<runner_instances::Model, JobError> {
    let (id, now) = (row.id()?, context.now());
    let message = format!("{BEGINNING}{}.", redact(error.reason()));
    let Some(since) = timeline::first_of(&context.db, &id, &message, row.state_changed_at).await? else {
        let event = Event {
            kind: "warning",
            message: &message,
            detail: None,
        };
        noted(context, row, event).await?;
        return explain(context, lease, row, &message, error).await;
    };
    if now - since < LIMIT {
        return explain(context, lease, row, &message, error).await;
    }
    let reason = format!(
        "{message} It was tried for {} minutes. It goes on by itself once the cause is gone, or when the instance is deleted again.",
        LIMIT.num_minutes()
    );
    conclude::give_up_removal(context, lease, &id, &reason).await
}

async fn explain(
    context: &Context,
    lease: &Held<'_>,
    row: &runner_instances::Model,
    message: &str,
    error: JobError,
) -> Result<runner_instances::Model, JobError> {
    let (id, now) = (row.id()?, context.now());
    if row.state_reason.as_deref() != Some(message)
        && leases::explain(&context.db, &id, lease.token(), message, now).await?
    {
        tell_instance(context, row).await?;
    }
    conclude::look_again_in(context, &id, row.state()?, PAUSE).await?;
    Err(error)
}

/// Why an instance is in its state, without what was only said while its removal was stuck.
pub fn lasting_reason(row: &runner_instances::Model) -> Option<&str> {
    row.state_reason
        .as_deref()
        .filter(|reason| !reason.starts_with(BEGINNING))
}
