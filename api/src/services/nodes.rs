//! Nodes: adding, changing, removing, and asking a worker to check them.

use domain::change::Change;
use domain::ids::NodeId;
use domain::keyring::Place;
use domain::tasks::TaskCall;
use entities::model::nodes::Model;
use entities::repo::node_checks::{self, NodeCheck};
use entities::repo::nodes::{self, NodeQuery, NodeSpec};
use serde_json::json;

use crate::access::OrgAccess;
use crate::context::Context;
use crate::dto::node::{NodeRules, NodeUpdate};
use crate::dto::node_view::NodeView;
use crate::error::ApiError;
use crate::page::Page;

/// Reads an id from a path: what is no id names nothing.
fn node_id(text: &str) -> Result<NodeId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found())
}

/// This machine's host name: a local node without a host is the one this server runs on.
async fn own_host() -> String {
    tokio::fs::read_to_string("/proc/sys/kernel/hostname")
        .await
        .map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}

/// Has a worker check the node. Where none runs on its host nobody would ever take the task, so that is written
/// down at once. The answer is the node as it is then.
async fn ask_for_check(context: &Context, access: &OrgAccess, row: Model) -> Result<Model, ApiError> {
    let id = row.id()?;
    if let Some(host) = row.queue_host()
        && !context.is_served(host).await
    {
        let check = NodeCheck::unserved(host);
        let changed = node_checks::record(&context.db, &id, check, context.now()).await?;
        let row = nodes::find(&context.db, &access.org_id, &id)
            .await?
            .ok_or_else(ApiError::not_found)?;
        if changed {
            announce(context, access, &row).await?;
        }
        return Ok(row);
    }
    let host = row.queue_host().map(str::to_owned);
    context.send_softly(&[(TaskCall::CheckNode(id), host)]).await;
    Ok(row)
}

/// Tells open pages.
async fn announce(context: &Context, access: &OrgAccess, row: &Model) -> Result<(), ApiError> {
    let change = Change::NodeChanged {
        node_id: row.id()?,
        status: row.status()?,
    };
    context.publish(&access.org_id, &change).await;
    Ok(())
}

fn seal(context: &Context, access: &OrgAccess, id: &NodeId, material: &secrecy::SecretString) -> String {
    let place = Place {
        table: "nodes",
        column: "tls_material",
        row: id.as_str(),
        org: access.org_id.as_str(),
    };
    context.keyring.seal(material, place)
}

/// Adds a node and has it checked.
pub async fn create(context: &Context, access: &OrgAccess, input: NodeUpdate) -> Result<NodeView, ApiError> {
    let rules = NodeRules {
        allow_plain_tcp: context.settings.allow_plain_tcp_nodes,
        own_host: &own_host().await,
        restrictions: &context.settings.restrictions,
    };
    let wish = input.parse(None, &rules)?;
    let (id, now) = (NodeId::new(), context.now());
    let sealed = wish.tls.map(|material| seal(context, access, &id, &material));
    let txn = entities::begin(&context.db).await?;
    let row = nodes::insert(
        &txn,
        &id,
        &access.org_id,
        &access.caller.id,
        wish.spec,
        sealed,
        now,
    )
    .await?;
    let detail = json!({"name": row.name, "type": row.r#type});
    access
        .audit(&txn, now, "node.created", ("node", &row.uid), detail)
        .await?;
    txn.commit().await.map_err(entities::StoreError::from)?;
    announce(context, access, &row).await?;
    NodeView::of(ask_for_check(context, access, row).await?, 0)
}

/// One page of the organisation's nodes.
pub async fn list(
    context: &Context,
    access: &OrgAccess,
    query: &NodeQuery,
) -> Result<Page<NodeView>, ApiError> {
    let page = nodes::list(&context.db, &access.org_id, query).await?;
    let in_use = nodes::count_in_use(&context.db, page.items.iter().map(|row| row.uid.as_str())).await?;
    Page::try_of(page, &query.list, |row| {
        let in_use = in_use.get(&row.uid).copied().unwrap_or(0);
        NodeView::of(row, in_use)
    })
}

async fn view(context: &Context, row: Model) -> Result<NodeView, ApiError> {
    let in_use = nodes::count_in_use(&context.db, [row.uid.as_str()]).await?;
    let in_use = in_use.get(&row.uid).copied().unwrap_or(0);
    NodeView::of(row, in_use)
}

/// The node that a path names, in the caller's organisation.
pub async fn find(context: &Context, access: &OrgAccess, id: &str) -> Result<Model, ApiError> {
    nodes::find(&context.db, &access.org_id, &node_id(id)?)
        .await?
        .ok_or_else(ApiError::not_found)
}

/// A node of the organisation.
pub async fn read(context: &Context, access: &OrgAccess, id: &str) -> Result<NodeView, ApiError> {
    view(context, find(context, access, id).await?).await
}

/// The field by which the node would be another engine after the change.
fn moved_by(row: &Model, spec: &NodeSpec) -> Option<&'static str> {
    [
        ("type", row.r#type != spec.node_type.as_str()),
        ("ip_address", row.ip_address != spec.ip_address),
        ("port", row.port != spec.port.map(i32::from)),
        ("socket_path", row.socket_path != spec.socket_path),
        ("host", row.host != spec.host),
    ]
    .into_iter()
    .find_map(|(field, differs)| differs.then_some(field))
}

/// Changes a node and has it checked. Its address stays while instances are on it: they would be lost
/// to us, but go on running there.
pub async fn update(
    context: &Context,
    access: &OrgAccess,
    id: &str,
    input: NodeUpdate,
) -> Result<NodeView, ApiError> {
    let (id, now, own_host) = (node_id(id)?, context.now(), own_host().await);
    let rules = NodeRules {
        allow_plain_tcp: context.settings.allow_plain_tcp_nodes,
        own_host: &own_host,
        restrictions: &context.settings.restrictions,
    };
    let txn = entities::begin(&context.db).await?;
    let row = nodes::lock(&txn, &access.org_id, &id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let wish = input.parse(Some(&row), &rules)?;
    let moved = moved_by(&row, &wish.spec);
    let differs = moved.is_some();
    let in_use = nodes::count_in_use(&txn, [id.as_str()]).await?;
    let in_use = in_use.get(id.as_str()).copied().unwrap_or(0);
    if let Some(moved) = moved.filter(|_| in_use > 0) {
        return Err(ApiError::conflict(
            "in_use",
            format!(
                "{in_use} of its instances are on this engine. Delete or stop them, then change its address, \
                 or add the other engine as a node of its own."
            ),
        )
        .about(
            moved,
            "in_use",
            "can't change while instances are on the node: delete or stop them first",
        ));
    }
    let changes_tls = wish.tls.is_some();
    let tls = match wish.tls {
        Some(material) => Some(Some(seal(context, access, &id, &material))),
        None if wish.keeps_tls => None,
        None => Some(None),
    };
    let checks_anew = differs || changes_tls;
    let row = nodes::update(&txn, &access.org_id, &id, wish.spec, tls, checks_anew, now)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let detail = json!({"name": row.name, "endpoint_changed": differs, "tls_changed": changes_tls});
    access
        .audit(&txn, now, "node.updated", ("node", &row.uid), detail)
        .await?;
    txn.commit().await.map_err(entities::StoreError::from)?;
    announce(context, access, &row).await?;
    NodeView::of(ask_for_check(context, access, row).await?, in_use)
}

/// Removes a node that no instance takes room on.
pub async fn delete(context: &Context, access: &OrgAccess, id: &str) -> Result<(), ApiError> {
    let (id, now) = (node_id(id)?, context.now());
    let txn = entities::begin(&context.db).await?;
    let row = nodes::lock(&txn, &access.org_id, &id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let in_use = nodes::count_in_use(&txn, [id.as_str()]).await?;
    if let Some(in_use) = in_use.get(id.as_str()) {
        return Err(ApiError::conflict(
            "in_use",
            format!("{in_use} instances are on this node. Delete or stop them first."),
        ));
    }
    nodes::soft_delete(&txn, &access.org_id, &id, now).await?;
    access
        .audit(
            &txn,
            now,
            "node.deleted",
            ("node", id.as_str()),
            json!({"name": row.name}),
        )
        .await?;
    txn.commit().await.map_err(entities::StoreError::from)?;
    announce(context, access, &row).await
}

/// Has a node checked now.
pub async fn check(context: &Context, access: &OrgAccess, id: &str) -> Result<NodeView, ApiError> {
    let now = context.now();
    let row = nodes::find(&context.db, &access.org_id, &node_id(id)?)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let detail = json!({"name": row.name});
    access
        .audit(
            &context.db,
            now,
            "node.check_requested",
            ("node", &row.uid),
            detail,
        )
        .await?;
    view(context, ask_for_check(context, access, row).await?).await
}
