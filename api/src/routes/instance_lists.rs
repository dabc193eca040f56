//! The list of all of an organisation's instances.

use domain::instance::InstanceStatus as Status;
use entities::repo::instance_lists::InstanceQuery;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::Tag;
use crate::access::Bearer;
use crate::context::Context;
use crate::dto::instance::{InstanceView, parse_node_id, parse_runner_id};
use crate::dto::words::{InstanceState, InstanceStatus};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::page::{ListParameters, Page};
use crate::payload::{Parameter, Parameters};
use crate::services::instance_lists;

const SORTABLE: &[&str] = &["created_at", "name", "state", "state_changed_at"];

/// The operation of this file.
pub struct InstanceListsApi {
    /// What it works with.
    pub context: Context,
}

/// What this list and a runner's have in common: which instances, and with which statuses.
pub fn parse(
    list: ListParameters,
    state: Parameters<InstanceState>,
    status: Parameters<InstanceStatus>,
    runner_id: Option<Parameter<String>>,
    node_id: Parameter<String>,
) -> Result<(InstanceQuery, Vec<Status>), ApiError> {
    let mut fields = Fields::default();
    let list = list.take(&mut fields, "created_at", SORTABLE);
    let (in_states, with) = (state.take(&mut fields), status.take(&mut fields));
    let runner = runner_id
        .and_then(|id| id.take(&mut fields))
        .and_then(|id| fields.check("runner_id", parse_runner_id(&id)));
    let node = node_id
        .take(&mut fields)
        .and_then(|id| fields.check("node_id", parse_node_id(&id)));
    let query = InstanceQuery {
        list: fields.finish_with(list)?,
        runner,
        node,
        states: in_states,
    };
    Ok((query, with))
}

#[OpenApi(tag = "Tag::Instances")]
impl InstanceListsApi {
    /// List all instances
    ///
    /// Those of every runner of the organisation, also of deleted ones as long as they drain.
    #[oai(
        path = "/org/:org_id/instances",
        method = "get",
        operation_id = "list_org_instances"
    )]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list_org_instances(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        /// The most items on a page, 1 to 100; 50 unless given.
        limit: Parameter<u32>,
        /// How many items to skip.
        offset: Parameter<u32>,
        /// A column, with `-` in front to sort downwards.
        sort: Parameter<String>,
        /// Part of a name or a container's id.
        q: Parameter<String>,
        /// Only in this state; may be given several times or with commas.
        state: Parameters<InstanceState>,
        /// Only with this status; may be given several times or with commas.
        status: Parameters<InstanceStatus>,
        /// Only of this runner.
        runner_id: Parameter<String>,
        /// Only on this node.
        node_id: Parameter<String>,
    ) -> Result<Json<Page<InstanceView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let list = ListParameters {
            limit,
            offset,
            sort,
            q,
        };
        let (query, statuses) = parse(list, state, status, Some(runner_id), node_id)?;
        Ok(Json(
            instance_lists::list(&self.context, &access, query, &statuses).await?,
        ))
    }
}
