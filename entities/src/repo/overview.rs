//! An organisation's fleet at a glance, in a number of queries that does not depend on its size.

use chrono::{DateTime, Utc};
use domain::ids::OrgId;
use domain::instance::{InstanceState, InstanceStatus};
use domain::node::NodeStatus;
use domain::runner::RunnerStatus;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::fleet::states_where;
use crate::StoreError;
use crate::model::{nodes, runner_instances, runners};

/// Instances that share state and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceCount {
    /// Where they stand in their lives.
    pub state: InstanceState,
    /// What their runners were last reported to be.
    pub status: InstanceStatus,
    /// How many they are.
    pub count: u64,
}

/// How many instances there are of each state and status that occurs.
pub async fn count_instances(
    db: &impl ConnectionTrait,
    org: &OrgId,
) -> Result<Vec<InstanceCount>, StoreError> {
    let rows: Vec<(String, String, i64)> = runner_instances::Entity::find()
        .select_only()
        .column(runner_instances::Column::State)
        .column(runner_instances::Column::Status)
        .column_as(runner_instances::Column::Uid.count(), "count")
        .filter(runner_instances::Column::OrgId.eq(org.as_str()))
        .filter(runner_instances::Column::IsDeleted.eq(false))
        .group_by(runner_instances::Column::State)
        .group_by(runner_instances::Column::Status)
        .into_tuple()
        .all(db)
        .await?;
    rows.into_iter()
        .map(|(state, status, count)| InstanceCount::read(&state, &status, count))
        .collect()
}

impl InstanceCount {
    pub(super) fn read(state: &str, status: &str, count: i64) -> Result<Self, StoreError> {
        Ok(Self {
            state: state
                .parse()
                .map_err(|_| StoreError::Corrupt("runner_instances.state"))?,
            status: status
                .parse()
                .map_err(|_| StoreError::Corrupt("runner_instances.status"))?,
            count: count.unsigned_abs(),
        })
    }
}

/// How many runners there are of each status that occurs.
pub async fn count_runners(
    db: &impl ConnectionTrait,
    org: &OrgId,
) -> Result<Vec<(RunnerStatus, u64)>, StoreError> {
    let rows: Vec<(String, i64)> = runners::Entity::find()
        .select_only()
        .column(runners::Column::Status)
        .column_as(runners::Column::Uid.count(), "count")
        .filter(runners::Column::OrgId.eq(org.as_str()))
        .filter(runners::Column::IsDeleted.eq(false))
        .group_by(runners::Column::Status)
        .into_tuple()
        .all(db)
        .await?;
    rows.into_iter()
        .map(|(status, count)| {
            let status = status
                .parse()
                .map_err(|_| StoreError::Corrupt("runners.status"))?;
            Ok((status, count.unsigned_abs()))
        })
        .collect()
}

/// A node with what is on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeUse {
    /// Its id.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Whether its engine answered the last check.
    pub status: NodeStatus,
    /// Why it is not active, if that is known.
    pub status_reason: Option<String>,
    /// Whether new instances may be placed on it.
    pub is_active: bool,
    /// How many instances it may take.
    pub capacity: u32,
    /// How many instances take up room on it.
    pub in_use: u64,
    /// The host whose workers alone reach it, if it is tied to one.
    pub host: Option<String>,
}

#[derive(FromQueryResult)]
struct NodeUseRow {
    uid: String,
    name: String,
    status: String,
    status_reason: Option<String>,
    is_active: bool,
    capacity: i32,
    in_use: i64,
    node_type: String,
    host: Option<String>,
}

/// Up to `limit` nodes by name, each with how many instances take up room on it.
pub async fn list_node_use(
    db: &impl ConnectionTrait,
    org: &OrgId,
    limit: u64,
) -> Result<Vec<NodeUse>, StoreError> {
    let instance = |column| Expr::col((runner_instances::Entity, column));
    let in_use = Query::select()
        .expr(Func::count(instance(runner_instances::Column::Uid)))
        .from(runner_instances::Entity)
        .and_where(instance(runner_instances::Column::NodeId).equals((nodes::Entity, nodes::Column::Uid)))
        .and_where(instance(runner_instances::Column::IsDeleted).eq(false))
        .and_where(instance(runner_instances::Column::State).is_in(states_where(InstanceState::takes_room)))
        .to_owned();
    let rows: Vec<NodeUseRow> = nodes::Entity::find()
        .select_only()
        .columns([
            nodes::Column::Uid,
            nodes::Column::Name,
            nodes::Column::Status,
            nodes::Column::StatusReason,
            nodes::Column::IsActive,
            nodes::Column::Capacity,
            nodes::Column::Host,
        ])
        .column_as(nodes::Column::Type, "node_type")
        .column_as(Expr::SubQuery(None, Box::new(in_use.into())), "in_use")
        .filter(nodes::Column::OrgId.eq(org.as_str()))
        .filter(nodes::Column::IsDeleted.eq(false))
        .order_by_asc(nodes::Column::Name)
        .limit(limit)
        .into_model()
        .all(db)
        .await?;
    rows.into_iter().map(NodeUse::try_from).collect()
}

impl TryFrom<NodeUseRow> for NodeUse {
    type Error = StoreError;

    fn try_from(row: NodeUseRow) -> Result<Self, StoreError> {
        let is_local = row.node_type == domain::node::NodeType::Local.as_str();
        Ok(Self {
            uid: row.uid,
            name: row.name,
            status: row
                .status
                .parse()
                .map_err(|_| StoreError::Corrupt("nodes.status"))?,
            status_reason: row.status_reason,
            is_active: row.is_active,
            capacity: u32::try_from(row.capacity).unwrap_or(0),
            in_use: row.in_use.unsigned_abs(),
            host: row.host.filter(|_| is_local),
        })
    }
}

/// An instance that has failed.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct Failure {
    /// Its id.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Its runner.
    pub runner_id: String,
    /// Its runner's name.
    pub runner_name: String,
    /// Its node.
    pub node_id: String,
    /// The cause.
    pub state_reason: Option<String>,
    /// When.
    pub state_changed_at: DateTime<Utc>,
}

/// The last `limit` instances that have failed since a time and are still failed, the latest first.
pub async fn list_failures(
    db: &impl ConnectionTrait,
    org: &OrgId,
    since: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Failure>, StoreError> {
    Ok(runner_instances::Entity::find()
        .select_only()
        .columns([
            runner_instances::Column::Uid,
            runner_instances::Column::Name,
            runner_instances::Column::RunnerId,
            runner_instances::Column::NodeId,
            runner_instances::Column::StateReason,
            runner_instances::Column::StateChangedAt,
        ])
        .column_as(Expr::col((runners::Entity, runners::Column::Name)), "runner_name")
        .join(
            JoinType::InnerJoin,
            runner_instances::Entity::belongs_to(runners::Entity)
                .from(runner_instances::Column::RunnerId)
                .to(runners::Column::Uid)
                .into(),
        )
        .filter(runner_instances::Column::OrgId.eq(org.as_str()))
        .filter(runner_instances::Column::IsDeleted.eq(false))
        .filter(runner_instances::Column::State.eq(InstanceState::Failed.as_str()))
        .filter(runner_instances::Column::StateChangedAt.gte(since))
        .order_by_desc(runner_instances::Column::StateChangedAt)
        .order_by_desc(runner_instances::Column::Uid)
        .limit(limit)
        .into_model()
        .all(db)
        .await?)
}
