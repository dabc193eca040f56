//! Removes what was left on a node: containers of this installation whose instance has none. Part of
//! `check_node`, because only that task is sure to run where the node can be reached.

use std::collections::HashMap;

use domain::ids::InstanceId;
use entities::model::{nodes, runner_instances};
use entities::repo::assignment;
use tracing::{info, instrument, warn};

use super::JobError;
use crate::context::Context;
use crate::decide::sweep::{self, Known};
use crate::nodes::FoundContainer;

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
            info!(
                instance.id = %container.container.instance,
                container.id = %container.container.id,
                "a container that no instance needs is removed"
            );
            match engine.remove(&container.container).await {
                Ok(()) => removed += 1,
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
            on_this_node: row.node_id == node.uid,
            leased: row.lease_until.is_some_and(|until| until > now),
        }),
    };
    Ok(sweep::is_left_over(known.as_ref(), container.created_at, now))
}
