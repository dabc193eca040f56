//! Nodes as people manage them. What workers observe of a node is written elsewhere.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::ids::{NodeId, OrgId, UserId};
use domain::instance::InstanceState;
use domain::node::{NodeStatus, NodeType};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
};

use super::fleet::states_where;
use super::page::{self, ListPage, ListQuery};
use crate::StoreError;
use crate::model::nodes::{ActiveModel, Column, Entity, Model};
use crate::model::runner_instances;

impl Model {
    /// The row's id.
    pub fn id(&self) -> Result<NodeId, StoreError> {
        self.uid.parse().map_err(|_| StoreError::Corrupt("nodes.uid"))
    }

    /// How its engine is reached.
    pub fn node_type(&self) -> Result<NodeType, StoreError> {
        self.r#type.parse().map_err(|_| StoreError::Corrupt("nodes.type"))
    }

    /// Whether its engine answered the last check.
    pub fn status(&self) -> Result<NodeStatus, StoreError> {
        self.status
            .parse()
            .map_err(|_| StoreError::Corrupt("nodes.status"))
    }

    /// The host whose workers alone reach the engine; set for nodes of type `local`. Nothing is done on a
    /// deleted node any more, so that every worker will do for what is left of it.
    pub fn queue_host(&self) -> Option<&str> {
        if self.r#type == NodeType::Local.as_str() && !self.is_deleted {
            self.host.as_deref()
        } else {
            None
        }
    }
}

/// What a person says of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSpec {
    /// Unique in the organisation.
    pub name: String,
    /// How the engine is reached.
    pub node_type: NodeType,
    /// Of a remote node.
    pub ip_address: Option<String>,
    /// Of a remote node.
    pub port: Option<u16>,
    /// Of a node reached by a socket.
    pub socket_path: Option<String>,
    /// Of a local node.
    pub host: Option<String>,
    /// How many instances may take up room on it.
    pub capacity: u32,
    /// Whether new instances may be placed on it.
    pub is_active: bool,
}

/// Which nodes are listed.
#[derive(Debug, Clone)]
pub struct NodeQuery {
    /// The part asked for, its order, and a text to be found.
    pub list: ListQuery,
    /// Only with this status.
    pub status: Option<NodeStatus>,
    /// Only of this type.
    pub node_type: Option<NodeType>,
}

/// Adds a node that was never checked.
pub async fn insert(
    db: &impl ConnectionTrait,
    id: &NodeId,
    org: &OrgId,
    user: &UserId,
    spec: NodeSpec,
    tls_material: Option<String>,
    now: DateTime<Utc>,
) -> Result<Model, StoreError> {
    let NodeSpec {
        name,
        node_type,
        ip_address,
        port,
        socket_path,
        host,
        capacity,
        is_active,
    } = spec;
    let row = ActiveModel {
        uid: Set(id.as_str().to_owned()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(is_active),
        name: Set(name),
        ip_address: Set(ip_address),
        port: Set(port.map(i32::from)),
        socket_path: Set(socket_path),
        r#type: Set(node_type.as_str().to_owned()),
        status: Set(NodeStatus::Inactive.as_str().to_owned()),
        user_id: Set(user.as_str().to_owned()),
        org_id: Set(org.as_str().to_owned()),
        host: Set(host),
        tls_material: Set(tls_material),
        capacity: Set(i32::try_from(capacity).unwrap_or(i32::MAX)),
        facts: Set(None),
        checks: Set(None),
        status_reason: Set(None),
        last_checked_at: Set(None),
    };
    Ok(Entity::insert(row).exec_with_returning(db).await?)
}

/// Changes a node; `tls_material` is written only where it is given. Where `endpoint_changed`, what
/// was observed of the old engine is forgotten. `None` when there is no such node.
pub async fn update(
    db: &impl ConnectionTrait,
    org: &OrgId,
    id: &NodeId,
    spec: NodeSpec,
    tls_material: Option<Option<String>>,
    endpoint_changed: bool,
    now: DateTime<Utc>,
) -> Result<Option<Model>, StoreError> {
    let NodeSpec {
        name,
        node_type,
        ip_address,
        port,
        socket_path,
        host,
        capacity,
        is_active,
    } = spec;
    let mut update = Entity::update_many()
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .col_expr(Column::Name, Expr::value(name))
        .col_expr(Column::Type, Expr::value(node_type.as_str()))
        .col_expr(Column::IpAddress, Expr::value(ip_address))
        .col_expr(Column::Port, Expr::value(port.map(i32::from)))
        .col_expr(Column::SocketPath, Expr::value(socket_path))
        .col_expr(Column::Host, Expr::value(host))
        .col_expr(
            Column::Capacity,
            Expr::value(i32::try_from(capacity).unwrap_or(i32::MAX)),
        )
        .col_expr(Column::IsActive, Expr::value(is_active))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false));
    if let Some(sealed) = tls_material {
        update = update.col_expr(Column::TlsMaterial, Expr::value(sealed));
    }
    if endpoint_changed {
        update = update
            .col_expr(Column::Status, Expr::value(NodeStatus::Inactive.as_str()))
            .col_expr(Column::StatusReason, Expr::value(Option::<String>::None))
            .col_expr(Column::LastCheckedAt, Expr::value(Option::<DateTime<Utc>>::None));
    }
    if update.exec(db).await?.rows_affected == 0 {
        return Ok(None);
    }
    find(db, org, id).await
}

/// A node of the organisation.
pub async fn find(db: &impl ConnectionTrait, org: &OrgId, id: &NodeId) -> Result<Option<Model>, StoreError> {
    let row = Entity::find_by_id(id.as_str())
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .one(db)
        .await?;
    Ok(row)
}

/// One window of the organisation's nodes.
pub async fn list(
    db: &impl ConnectionTrait,
    org: &OrgId,
    query: &NodeQuery,
) -> Result<ListPage<Model>, StoreError> {
    let mut select = Entity::find()
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false));
    if let Some(status) = query.status {
        select = select.filter(Column::Status.eq(status.as_str()));
    }
    if let Some(node_type) = query.node_type {
        select = select.filter(Column::Type.eq(node_type.as_str()));
    }
    page::fetch(
        db,
        select,
        "nodes",
        &["name", "ip_address", "socket_path", "host"],
        &query.list,
    )
    .await
}

/// These nodes of the organisation; those that are not its own are left out.
pub async fn find_all(
    db: &impl ConnectionTrait,
    org: &OrgId,
    ids: &[NodeId],
) -> Result<Vec<Model>, StoreError> {
    let rows = Entity::find()
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::Uid.is_in(ids.iter().map(NodeId::as_str)))
        .all(db)
        .await?;
    Ok(rows)
}

/// The organisation's nodes that take instances, by id, locked until the transaction ends: the room
/// counted on them then stays true. (On SQLite the transaction itself is the lock.)
pub async fn lock_open(txn: &DatabaseTransaction, org: &OrgId) -> Result<Vec<Model>, StoreError> {
    let rows = Entity::find()
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::IsActive.eq(true))
        .order_by_asc(Column::Uid)
        .lock_exclusive()
        .all(txn)
        .await?;
    Ok(rows)
}

/// One node of the organisation, locked until the transaction ends.
pub async fn lock(txn: &DatabaseTransaction, org: &OrgId, id: &NodeId) -> Result<Option<Model>, StoreError> {
    let row = Entity::find_by_id(id.as_str())
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .lock_exclusive()
        .one(txn)
        .await?;
    Ok(row)
}

/// How many instances take up room on each of these nodes, by the node's uid; none is left out as zero.
pub async fn count_in_use(
    db: &impl ConnectionTrait,
    uids: impl IntoIterator<Item = &str>,
) -> Result<HashMap<String, u64>, StoreError> {
    let uids: Vec<&str> = uids.into_iter().collect();
    if uids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, i64)> = runner_instances::Entity::find()
        .select_only()
        .column(runner_instances::Column::NodeId)
        .column_as(runner_instances::Column::Uid.count(), "in_use")
        .filter(runner_instances::Column::NodeId.is_in(uids))
        .filter(runner_instances::Column::IsDeleted.eq(false))
        .filter(runner_instances::Column::State.is_in(states_where(InstanceState::takes_room)))
        .group_by(runner_instances::Column::NodeId)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(uid, count)| (uid, u64::try_from(count).unwrap_or(0)))
        .collect())
}

/// Marks a node as deleted; `false` when there is no such node. Its TLS material goes at once.
pub async fn soft_delete(
    db: &impl ConnectionTrait,
    org: &OrgId,
    id: &NodeId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let deleted = Entity::update_many()
        .col_expr(Column::IsDeleted, Expr::value(true))
        .col_expr(Column::IsActive, Expr::value(false))
        .col_expr(Column::DeletedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .col_expr(Column::TlsMaterial, Expr::value(Option::<String>::None))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected == 1)
}
