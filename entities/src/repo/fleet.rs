//! What the periodic jobs go through: live instances, nodes, and runners with what they lack.

use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, NodeId, OrgId, RunnerId};
use domain::instance::{DesiredState, InstanceState, InstanceStatus};
use domain::node::NodeType;
use domain::placement::NodeRoom;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, Select, Set,
};

use crate::StoreError;
use crate::model::{nodes, runner_instances, runners};

/// A thing that a task is sent for, and the host whose workers must take it, if it is tied to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed<T> {
    /// The thing.
    pub id: T,
    /// Set for what lives on a node of type `local`.
    pub host: Option<String>,
}

/// The names of the states that a predicate holds for.
pub fn states_where(predicate: impl Fn(InstanceState) -> bool) -> Vec<&'static str> {
    InstanceState::ALL
        .into_iter()
        .filter(|state| predicate(*state))
        .map(InstanceState::as_str)
        .collect()
}

fn host_of(node_type: &str, host: Option<String>) -> Option<String> {
    host.filter(|_| node_type == NodeType::Local.as_str())
}

/// Up to `limit` instances whose container should be looked at, by id after `after`.
pub async fn list_live(
    db: &impl ConnectionTrait,
    after: Option<&InstanceId>,
    limit: u64,
) -> Result<Vec<Addressed<InstanceId>>, StoreError> {
    let mut query = live_instances();
    if let Some(after) = after {
        query = query.filter(runner_instances::Column::Uid.gt(after.as_str()));
    }
    addressed(db, query.limit(limit)).await
}

/// Up to `limit` instances of one runner whose container should be looked at.
pub async fn list_live_of(
    db: &impl ConnectionTrait,
    runner: &str,
    limit: u64,
) -> Result<Vec<Addressed<InstanceId>>, StoreError> {
    let query = live_instances().filter(runner_instances::Column::RunnerId.eq(runner));
    addressed(db, query.limit(limit)).await
}

/// Ids, node types and hosts of live instances, by id.
fn live_instances() -> Select<runner_instances::Entity> {
    let live = states_where(InstanceState::is_live);
    runner_instances::Entity::find()
        .select_only()
        .column(runner_instances::Column::Uid)
        .column_as(Expr::col((nodes::Entity, nodes::Column::Type)), "node_type")
        .column_as(Expr::col((nodes::Entity, nodes::Column::Host)), "host")
        .join(
            sea_orm::JoinType::InnerJoin,
            runner_instances::Entity::belongs_to(nodes::Entity)
                .from(runner_instances::Column::NodeId)
                .to(nodes::Column::Uid)
                .into(),
        )
        .filter(runner_instances::Column::IsDeleted.eq(false))
        .filter(runner_instances::Column::State.is_in(live))
        .order_by_asc(runner_instances::Column::Uid)
}

async fn addressed(
    db: &impl ConnectionTrait,
    query: Select<runner_instances::Entity>,
) -> Result<Vec<Addressed<InstanceId>>, StoreError> {
    let rows: Vec<(String, String, Option<String>)> = query.into_tuple().all(db).await?;
    rows.into_iter()
        .map(|(uid, node_type, host)| {
            let id = uid
                .parse()
                .map_err(|_| StoreError::Corrupt("runner_instances.uid"))?;
            Ok(Addressed {
                id,
                host: host_of(&node_type, host),
            })
        })
        .collect()
}

/// Up to `limit` nodes, by id after `after`.
pub async fn list_nodes(
    db: &impl ConnectionTrait,
    after: Option<&NodeId>,
    limit: u64,
) -> Result<Vec<Addressed<NodeId>>, StoreError> {
    let mut query = nodes::Entity::find().filter(nodes::Column::IsDeleted.eq(false));
    if let Some(after) = after {
        query = query.filter(nodes::Column::Uid.gt(after.as_str()));
    }
    let rows = query
        .order_by_asc(nodes::Column::Uid)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            let id = row.uid.parse().map_err(|_| StoreError::Corrupt("nodes.uid"))?;
            Ok(Addressed {
                id,
                host: host_of(&row.r#type, row.host),
            })
        })
        .collect()
}

/// A runner that keeps spare instances, with how many it has.
#[derive(Debug, Clone, PartialEq, Eq, FromQueryResult)]
pub struct RunnerDemand {
    /// The runner.
    pub uid: String,
    /// How many idle instances it should keep.
    pub min_idle: i32,
    /// How many instances it may have at most.
    pub max_instances: i32,
    /// How many instances take up room.
    pub total: i64,
    /// How many of those run a job, have gone offline or are on their way out, and so are no spare ones.
    pub unavailable: i64,
}

impl RunnerDemand {
    /// How many instances are missing: up to `min_idle` spare ones, within `max_instances`.
    pub fn missing(&self) -> i64 {
        let lacking = i64::from(self.min_idle) - (self.total - self.unavailable);
        let allowed = i64::from(self.max_instances) - self.total;
        std::cmp::min(lacking, allowed).clamp(0, i64::MAX)
    }

    /// The runner's id.
    pub fn id(&self) -> Result<RunnerId, StoreError> {
        self.uid.parse().map_err(|_| StoreError::Corrupt("runners.uid"))
    }
}

/// The runners that keep spare instances (`min_idle` over 0), each with its counts, in one query;
/// only this one where `only` is given.
pub async fn list_demand(
    db: &impl ConnectionTrait,
    only: Option<&RunnerId>,
) -> Result<Vec<RunnerDemand>, StoreError> {
    let instance = |column| Expr::col((runner_instances::Entity, column));
    let counted = |condition: sea_orm::sea_query::SimpleExpr| {
        Expr::expr(Func::coalesce([
            Func::sum(Expr::case(condition, 1).finally(0)).into(),
            Expr::value(0),
        ]))
        .cast_as(Alias::new("bigint"))
    };
    let taking_room = states_where(InstanceState::takes_room);
    let leaving = [InstanceState::Draining.as_str(), InstanceState::Stopping.as_str()];
    let mut query = runners::Entity::find()
        .select_only()
        .column(runners::Column::Uid)
        .column(runners::Column::MinIdle)
        .column(runners::Column::MaxInstances)
        .column_as(
            counted(instance(runner_instances::Column::Uid).is_not_null()),
            "total",
        )
        .column_as(
            counted(
                instance(runner_instances::Column::State)
                    .is_in(leaving)
                    .or(instance(runner_instances::Column::Status).eq(InstanceStatus::Busy.as_str()))
                    .or(instance(runner_instances::Column::State)
                        .eq(InstanceState::Running.as_str())
                        .and(
                            instance(runner_instances::Column::Status).eq(InstanceStatus::Offline.as_str()),
                        )),
            ),
            "unavailable",
        )
        .join(
            sea_orm::JoinType::LeftJoin,
            runners::Entity::belongs_to(runner_instances::Entity)
                .from(runners::Column::Uid)
                .to(runner_instances::Column::RunnerId)
                .on_condition(move |_, right| {
                    sea_orm::sea_query::IntoCondition::into_condition(
                        Expr::col((right.clone(), runner_instances::Column::IsDeleted))
                            .eq(false)
                            .and(
                                Expr::col((right, runner_instances::Column::State))
                                    .is_in(taking_room.clone()),
                            ),
                    )
                })
                .into(),
        )
        .filter(runners::Column::IsDeleted.eq(false))
        .filter(runners::Column::MinIdle.gt(0))
        .group_by(runners::Column::Uid)
        .group_by(runners::Column::MinIdle)
        .group_by(runners::Column::MaxInstances);
    if let Some(only) = only {
        query = query.filter(runners::Column::Uid.eq(only.as_str()));
    }
    Ok(query
        .order_by_asc(runners::Column::Uid)
        .into_model()
        .all(db)
        .await?)
}

/// An organisation's nodes as placement sees them, in one query.
pub async fn list_room(db: &impl ConnectionTrait, org: &OrgId) -> Result<Vec<NodeRoom>, StoreError> {
    let used = Query::select()
        .expr(Func::count(Expr::col((
            runner_instances::Entity,
            runner_instances::Column::Uid,
        ))))
        .from(runner_instances::Entity)
        .and_where(
            Expr::col((runner_instances::Entity, runner_instances::Column::NodeId))
                .equals((nodes::Entity, nodes::Column::Uid)),
        )
        .and_where(Expr::col((runner_instances::Entity, runner_instances::Column::IsDeleted)).eq(false))
        .and_where(
            Expr::col((runner_instances::Entity, runner_instances::Column::State))
                .is_in(states_where(InstanceState::takes_room)),
        )
        .to_owned();
    let rows: Vec<(String, String, i32, i64)> = nodes::Entity::find()
        .select_only()
        .column(nodes::Column::Uid)
        .column(nodes::Column::Status)
        .column(nodes::Column::Capacity)
        .column_as(Expr::SubQuery(None, Box::new(used.into())), "used")
        .filter(nodes::Column::OrgId.eq(org.as_str()))
        .filter(nodes::Column::IsDeleted.eq(false))
        .filter(nodes::Column::IsActive.eq(true))
        .order_by_asc(nodes::Column::Uid)
        .into_tuple()
        .all(db)
        .await?;
    rows.into_iter()
        .map(|(uid, status, capacity, used)| {
            Ok(NodeRoom {
                id: uid.parse().map_err(|_| StoreError::Corrupt("nodes.uid"))?,
                is_active: status == domain::node::NodeStatus::Active.as_str(),
                capacity: u32::try_from(capacity).unwrap_or(0),
                used: u32::try_from(used).unwrap_or(u32::MAX),
            })
        })
        .collect()
}

/// Inserts an instance in its first state. Its name at GitHub derives from its own id, so that it can
/// be found there again after a crash between the registration and the next write.
pub async fn insert_instance(
    db: &impl ConnectionTrait,
    runner: &runners::Model,
    node: &NodeId,
    now: DateTime<Utc>,
) -> Result<runner_instances::Model, StoreError> {
    let id = InstanceId::new();
    let pending = InstanceState::Pending;
    let row = runner_instances::ActiveModel {
        uid: Set(id.as_str().to_owned()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(true),
        runner_id: Set(runner.uid.clone()),
        org_id: Set(runner.org_id.clone()),
        node_id: Set(node.as_str().to_owned()),
        name: Set(instance_name(&runner.name, &id)),
        instance_identifier: Set(None),
        instance_host: Set(None),
        instance_meta: Set(serde_json::json!({})),
        status: Set(InstanceStatus::Offline.as_str().to_owned()),
        state: Set(pending.as_str().to_owned()),
        desired_state: Set(DesiredState::Running.as_str().to_owned()),
        state_reason: Set(None),
        state_changed_at: Set(now),
        state_deadline: Set(pending.deadline().map(|(after, _)| now + after)),
        lease_token: Set(None),
        lease_until: Set(None),
        attempts: Set(0),
        github_runner_id: Set(None),
        last_heartbeat: Set(None),
    };
    Ok(row.insert(db).await?)
}

/// The runner's name cut to 40 characters, and the last 12 hex digits of the instance's id, which are
/// its random part.
fn instance_name(runner: &str, id: &InstanceId) -> String {
    let tail = &id.as_str()[id.as_str().len() - 12..];
    format!("{}-{tail}", runner.get(..40).unwrap_or(runner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_name_fits_github_and_a_container_name() {
        let name = instance_name(&"x".repeat(64), &InstanceId::new());
        assert_eq!(name.len(), 53);
        assert!(name.parse::<domain::org::ResourceName>().is_ok());
    }

    #[test]
    fn what_is_missing_stays_within_the_maximum() {
        let demand = |min_idle, max_instances, total, unavailable| {
            RunnerDemand {
                uid: String::new(),
                min_idle,
                max_instances,
                total,
                unavailable,
            }
            .missing()
        };
        assert_eq!(demand(2, 10, 0, 0), 2);
        assert_eq!(demand(2, 10, 3, 2), 1);
        assert_eq!(demand(2, 3, 3, 3), 0);
        assert_eq!(demand(5, 3, 1, 0), 2);
        assert_eq!(demand(1, 10, 5, 0), 0);
    }
}
