//! Removes what was left on a node: containers of this installation whose instance has none. Part of
//! `check_node`, because only that task is sure to run where the node can be reached.

use std::collections::HashMap;

use domain::ids::InstanceId;
use domain::instance::InstanceState;
use entities::model::{nodes, runner_instances};
use entities::repo::assignment;
use tracing::{info, instrument, warn};

use super::JobError;
use super::deregister::{self, Deregistered};
use crate::context::Context;
use crate::decide::sweep::{self, Known};
use crate::lease::Held;
use crate::nodes::{Engine, FoundContainer};

/// The states of an instance that has no container.
const OVER: [InstanceState; 3] = [
    InstanceState::Failed,
    InstanceState::Stopped,
    InstanceState::Removed,
];
/// As many instances as are asked about in one query.
const PAGE: usize = 500;

/// Removes the left-overs of a node that answers, and says how many. Nothing is touched that does not
/// carry this installation's label.
#[instrument(skip_all, fields(node.id = %node.uid))]
pub async fn run(context: &Context, node: &nodes::Model) -> Result<usize, JobError> {
    let engine = context.engine(node).await?;
    let found = engine.list_ours(&context.install_id).await?;
    let mut removed = 0;
    for page in found.chunks(PAGE) {
        let ids: Vec<InstanceId> = page
            .iter()
            .map(|container| container.container.instance.clone())
            .collect();
        let rows: HashMap<String, runner_instances::Model> = assignment::list_instances(&context.db, &ids)
            .await?
            .into_iter()
            .map(|row| (row.uid.clone(), row))
            .collect();
        for container in page {
            let row = rows.get(container.container.instance.as_str());
            if !is_left_over(context, node, row, container)? {
                continue;
            }
            match let_go(context, &engine, container).await {
                Ok(true) => removed += 1,
                Ok(false) => {}
                Err(error) => warn!(%error, "a left-over container was not removed"),
            }
        }
    }
    Ok(removed)
}

fn is_left_over(
    context: &Context,
    node: &nodes::Model,
    row: Option<&runner_instances::Model>,
    container: &FoundContainer,
) -> Result<bool, JobError> {
    let now = context.now();
    let known = match row {
        None => None,
        Some(row) => Some(Known {
            state: row.state()?,
            since: row.state_changed_at,
            // Two nodes may lead to one engine: the instance's own container is no left-over, whichever shows it.
            on_this_node: row.node_id == node.uid
                || row.instance_identifier.as_deref() == Some(container.container.id.as_str()),
            leased: row.lease_until.is_some_and(|until| until > now),
        }),
    };
    Ok(sweep::is_left_over(known.as_ref(), container.created_at, now))
}

/// Removes a left-over, or leaves it for the next check: what runs may run a job, of which nobody here knows
/// when its instance failed while the node was away.
async fn let_go(context: &Context, engine: &Engine, found: &FoundContainer) -> Result<bool, JobError> {
    let id = &found.container.instance;
    if !found.running {
        return remove(engine, found).await;
    }
    let Some(assignment) = assignment::find(&context.db, id).await? else {
        return remove_idle(context, engine, found).await;
    };
    if !OVER.contains(&assignment.instance.state()?) {
        // On another node by now, and so is its registration.
        return remove_idle(context, engine, found).await;
    }
    // So that nobody starts the instance again meanwhile and takes this container for the new one's.
    let Some((lease, _)) = Held::take(context, id, &OVER).await? else {
        return Ok(false);
    };
    let removing = async {
        match deregister::at_github(context, &assignment).await {
            Ok(Some(Deregistered::Busy)) => return Ok(false),
            Err(error @ JobError::Retry { .. }) => return Err(error),
            // Where nobody can ask GitHub, the log alone decides.
            Ok(Some(Deregistered::Surely) | None) | Err(JobError::Fail { .. }) => {}
        }
        lease.ensure().await?;
        remove_idle(context, engine, found).await
    };
    let removed = lease.keep(Box::pin(removing)).await;
    lease.release().await;
    removed
}

async fn remove_idle(context: &Context, engine: &Engine, found: &FoundContainer) -> Result<bool, JobError> {
    if deregister::runs_a_job(context, engine, &found.container).await? {
        return Ok(false);
    }
    remove(engine, found).await
}

async fn remove(engine: &Engine, found: &FoundContainer) -> Result<bool, JobError> {
    info!(
        instance.id = %found.container.instance,
        container.id = %found.container.id,
        "a container that no instance needs is removed"
    );
    engine.remove(&found.container).await?;
    Ok(true)
}
