//! Part of `reconcile_all`: what Redis forgets by itself after a while, the database has to be told.
//!
//! A status that nobody has renewed for [`RUNNER_STATUS_TTL`] says nothing any more: its instance is offline
//! until somebody looks again.

use chrono::TimeDelta;
use domain::redis_keys::{self, RUNNER_STATUS_TTL};
use entities::model::runner_instances;
use entities::repo::heartbeats;
use redis::AsyncCommands as _;
use tracing::{info, instrument};

use super::JobError;
use super::outcome::{refresh_runner, tell_instance};
use crate::context::Context;

/// As many instances as one run takes; the next run, seconds later, goes on.
const SILENT: u64 = 500;

/// Marks the instances offline whose status has expired, and says how many.
#[instrument(skip_all)]
pub async fn run(context: &Context) -> Result<usize, JobError> {
    let now = context.now();
    let lifetime = TimeDelta::from_std(RUNNER_STATUS_TTL).unwrap_or(TimeDelta::minutes(5));
    let before = now - lifetime;
    let mut marked = 0;
    for row in without_status(
        context,
        heartbeats::list_silent(&context.db, before, SILENT).await?,
    )
    .await?
    {
        let id = row.id()?;
        if let Some(row) = heartbeats::mark_offline(&context.db, &id, before, now).await? {
            info!(instance.id = %id, "nobody has heard of the runner for {} s: it counts as offline", lifetime.num_seconds());
            tell_instance(context, &row).await?;
            refresh_runner(context, &row).await?;
            marked += 1;
        }
    }
    Ok(marked)
}

/// The database hears of a heartbeat once a minute only, Redis of every one.
async fn without_status(
    context: &Context,
    rows: Vec<runner_instances::Model>,
) -> Result<Vec<runner_instances::Model>, JobError> {
    if rows.is_empty() {
        return Ok(rows);
    }
    let keys = rows
        .iter()
        .map(|row| Ok(redis_keys::runner_status(&row.id()?)))
        .collect::<Result<Vec<_>, JobError>>()?;
    let statuses: Vec<Option<String>> = context.redis.clone().mget(keys).await?;
    let silent = rows.into_iter().zip(statuses);
    Ok(silent
        .filter_map(|(row, status)| status.is_none().then_some(row))
        .collect())
}
