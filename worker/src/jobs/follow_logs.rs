//! `follow_logs`: an instance's log as it is written, for as long as somebody looks.

use std::sync::Arc;

use celery::prelude::*;
use chrono::DateTime;
use domain::ids::{InstanceId, LogStreamId};
use domain::logs::{LogBatch, LogEnd};
use entities::repo::assignment;
use tracing::{debug, instrument};

use super::{JobError, task};
use crate::context::Context;
use crate::follow::{Beginning, Outlet, follow_container};
use crate::nodes::{Engine, OwnedContainer};

/// The most earlier lines that are shown first.
const MAX_TAIL: u32 = 5_000;

/// The task. It only begins the following, and somebody waits for that: there is no second try.
#[celery::task(name = "follow_logs", max_retries = 0, hard_time_limit = 30)]
pub async fn follow_logs(
    runner_instance_id: String,
    stream_id: String,
    lines: u32,
    after: Option<String>,
) -> TaskResult<()> {
    let id = task::id::<InstanceId>(&runner_instance_id)?;
    let viewer = task::id::<LogStreamId>(&stream_id)?;
    // A time that is none only means that lines are told again.
    let after = after.and_then(|after| DateTime::parse_from_rfc3339(&after).ok());
    let beginning = Beginning {
        tail: lines.min(MAX_TAIL),
        after: after.map(|after| after.to_utc()),
    };
    task::run(|context| async move { run(&context, &id, &viewer, beginning).await }).await
}

/// Begins to follow; whatever stands in the way, the viewer is told.
#[instrument(skip_all, fields(instance.id = %id))]
pub async fn run(
    context: &Arc<Context>,
    id: &InstanceId,
    viewer: &LogStreamId,
    beginning: Beginning,
) -> Result<(), JobError> {
    let outlet = Outlet::new(context.redis.clone(), viewer);
    // The message may have waited for longer than the viewer did.
    if !outlet.is_watched().await {
        return Ok(());
    }
    let (engine, container) = match find(context, id).await {
        Ok(Some(found)) => found,
        Ok(None) => return tell(&outlet, LogEnd::Ended).await,
        Err(error) => {
            debug!(%error, "a log can't be followed");
            return tell(&outlet, LogEnd::NodeUnavailable).await;
        }
    };
    let told = Outlet::new(context.redis.clone(), viewer);
    let begun = context.followers.begin(|stopping| async move {
        follow_container(&engine, &container, beginning, &outlet, &stopping).await;
    });
    if begun {
        Ok(())
    } else {
        tell(&told, LogEnd::Busy).await
    }
}

async fn find(context: &Context, id: &InstanceId) -> Result<Option<(Engine, OwnedContainer)>, JobError> {
    let assignment = assignment::find(&context.db, id)
        .await?
        .ok_or_else(|| JobError::fail("there is no such instance"))?;
    let engine = context.engine(&assignment.node).await?;
    let found = engine.find_by_instance(&context.install_id, id).await?;
    Ok(found.map(|found| (engine, found.container)))
}

async fn tell(outlet: &Outlet, end: LogEnd) -> Result<(), JobError> {
    let last = LogBatch {
        end: Some(end),
        ..LogBatch::default()
    };
    outlet.push(last).await;
    Ok(())
}
