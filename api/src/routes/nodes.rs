//! Nodes.

use domain::permissions::Permission;
use entities::repo::nodes::NodeQuery;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::Tag;
use crate::access::Bearer;
use crate::context::Context;
use crate::dto::node::{NodeCreate, NodeUpdate};
use crate::dto::node_view::NodeView;
use crate::dto::words::{NodeStatus, NodeType};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::page::{ListParameters, Page};
use crate::payload::{Body, Parameter};
use crate::reply::{Accepted, Created, NoContent};
use crate::services::nodes;

const SORTABLE: &[&str] = &[
    "name",
    "type",
    "status",
    "capacity",
    "last_checked_at",
    "created_at",
];

/// The operations on nodes.
pub struct NodesApi {
    /// What the operations work with.
    pub context: Context,
}

#[OpenApi(tag = "Tag::Nodes")]
impl NodesApi {
    /// Add a node
    ///
    /// A worker then checks it; `status` and `checks` say what it found.
    #[oai(path = "/org/:org_id/nodes", method = "post", operation_id = "create_node")]
    async fn create_node(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        body: Body<NodeCreate>,
    ) -> Result<Created<NodeView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::CreateNode)?;
        let node = nodes::create(&self.context, &access, body.0.into()).await?;
        Ok(Created::at(
            format!("/org/{}/nodes/{}", access.org_id, node.uid),
            node,
        ))
    }

    /// List nodes
    #[oai(path = "/org/:org_id/nodes", method = "get", operation_id = "list_nodes")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list_nodes(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        /// The most items on a page, 1 to 100; 50 unless given.
        limit: Parameter<u32>,
        /// How many items to skip.
        offset: Parameter<u32>,
        /// A column, with `-` in front to sort downwards.
        sort: Parameter<String>,
        /// Part of a name, address, socket path or host.
        q: Parameter<String>,
        /// Only with this status.
        status: Parameter<NodeStatus>,
        /// Only of this type.
        r#type: Parameter<NodeType>,
    ) -> Result<Json<Page<NodeView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let mut fields = Fields::default();
        let list = ListParameters {
            limit,
            offset,
            sort,
            q,
        };
        let list = list.take(&mut fields, "name", SORTABLE);
        let status = status.take(&mut fields).map(Into::into);
        let node_type = r#type.take(&mut fields).map(Into::into);
        let query = NodeQuery {
            list: fields.finish_with(list)?,
            status,
            node_type,
        };
        Ok(Json(nodes::list(&self.context, &access, &query).await?))
    }

    /// Read a node
    #[oai(
        path = "/org/:org_id/nodes/:node_id",
        method = "get",
        operation_id = "read_node"
    )]
    async fn read_node(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        node_id: Path<String>,
    ) -> Result<Json<NodeView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        Ok(Json(nodes::read(&self.context, &access, &node_id).await?))
    }

    /// Change a node
    ///
    /// What is absent stays as it is. A worker then checks the node.
    #[oai(
        path = "/org/:org_id/nodes/:node_id",
        method = "put",
        operation_id = "update_node"
    )]
    async fn update_node(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        node_id: Path<String>,
        body: Body<NodeUpdate>,
    ) -> Result<Json<NodeView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::UpdateNode)?;
        Ok(Json(
            nodes::update(&self.context, &access, &node_id, body.0).await?,
        ))
    }

    /// Remove a node
    ///
    /// Refused while instances take room on it.
    #[oai(
        path = "/org/:org_id/nodes/:node_id",
        method = "delete",
        operation_id = "delete_node"
    )]
    async fn delete_node(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        node_id: Path<String>,
    ) -> Result<NoContent, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::DeleteNode)?;
        nodes::delete(&self.context, &access, &node_id).await?;
        Ok(NoContent::Done)
    }

    /// Check a node now
    ///
    /// A worker connects to it; `last_checked_at` says when it has.
    #[oai(
        path = "/org/:org_id/nodes/:node_id/check",
        method = "post",
        operation_id = "check_node"
    )]
    async fn check_node(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        node_id: Path<String>,
    ) -> Result<Accepted<NodeView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::UpdateNode)?;
        Ok(Accepted::Accepted(Json(
            nodes::check(&self.context, &access, &node_id).await?,
        )))
    }
}
