//! Lists of an organisation's instances, of one runner or of all, with the names that people know their
//! runners and nodes by. The number of statements does not depend on how many instances there are.

use std::collections::{HashMap, HashSet};

use domain::ids::{NodeId, OrgId, RunnerId};
use domain::instance::InstanceState;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, Select};

use super::page::{self, ListPage, ListQuery};
use crate::StoreError;
use crate::model::runner_instances::{Column, Entity, Model};
use crate::model::{nodes, runners};

const TABLE: &str = "runner_instances";
/// Where `q` is looked for.
const SEARCHED: &[&str] = &["name", "instance_identifier"];

/// Which instances are listed.
#[derive(Debug, Clone)]
pub struct InstanceQuery {
    /// The part asked for, its order, and a text to be found.
    pub list: ListQuery,
    /// Only of this runner.
    pub runner: Option<RunnerId>,
    /// Only on this node.
    pub node: Option<NodeId>,
    /// Only in one of these states; in any when empty.
    pub states: Vec<InstanceState>,
}

/// The id of an instance and what its runner was last stored to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The instance.
    pub uid: String,
    /// The stored status, to be read as [`Model::status`] does.
    pub status: String,
}

fn select(org: &OrgId, query: &InstanceQuery) -> Select<Entity> {
    let mut select = Entity::find()
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false));
    if let Some(runner) = &query.runner {
        select = select.filter(Column::RunnerId.eq(runner.as_str()));
    }
    if let Some(node) = &query.node {
        select = select.filter(Column::NodeId.eq(node.as_str()));
    }
    if !query.states.is_empty() {
        select = select.filter(Column::State.is_in(query.states.iter().map(|state| state.as_str())));
    }
    select
}

/// One window of an organisation's instances.
pub async fn list(
    db: &impl ConnectionTrait,
    org: &OrgId,
    query: &InstanceQuery,
) -> Result<ListPage<Model>, StoreError> {
    page::fetch(db, select(org, query), TABLE, SEARCHED, &query.list).await
}

/// The keys of at most `limit` instances that match, in the order asked for; the window is not looked at.
/// For a caller that has to look elsewhere to know which of them it wants.
pub async fn list_keys(
    db: &impl ConnectionTrait,
    org: &OrgId,
    query: &InstanceQuery,
    limit: u64,
) -> Result<Vec<Key>, StoreError> {
    let matching = page::searched(select(org, query), TABLE, SEARCHED, &query.list);
    let rows: Vec<(String, String)> = page::sorted(matching, TABLE, query.list.sort)
        .select_only()
        .column(Column::Uid)
        .column(Column::Status)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(uid, status)| Key { uid, status })
        .collect())
}

/// The instances with these ids that are still there, in the order of the ids.
pub async fn list_by_uid(
    db: &impl ConnectionTrait,
    org: &OrgId,
    uids: &[String],
) -> Result<Vec<Model>, StoreError> {
    let rows = Entity::find()
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::Uid.is_in(uids))
        .all(db)
        .await?;
    let mut by_uid: HashMap<String, Model> = rows.into_iter().map(|row| (row.uid.clone(), row)).collect();
    Ok(uids.iter().filter_map(|uid| by_uid.remove(uid)).collect())
}

/// What people call runners and nodes, by their ids.
#[derive(Debug, Default)]
pub struct Names {
    /// The runners' names.
    pub runners: HashMap<String, String>,
    /// The nodes' names.
    pub nodes: HashMap<String, String>,
}

/// The names of the runners and nodes of these instances; a deleted runner's too, as long as instances of
/// it are on their way out.
pub async fn names(db: &impl ConnectionTrait, rows: &[Model]) -> Result<Names, StoreError> {
    if rows.is_empty() {
        return Ok(Names::default());
    }
    let distinct = |id: fn(&Model) -> &str| rows.iter().map(id).collect::<HashSet<&str>>();
    let runners: Vec<(String, String)> = runners::Entity::find()
        .select_only()
        .column(runners::Column::Uid)
        .column(runners::Column::Name)
        .filter(runners::Column::Uid.is_in(distinct(|row| &row.runner_id)))
        .into_tuple()
        .all(db)
        .await?;
    let nodes: Vec<(String, String)> = nodes::Entity::find()
        .select_only()
        .column(nodes::Column::Uid)
        .column(nodes::Column::Name)
        .filter(nodes::Column::Uid.is_in(distinct(|row| &row.node_id)))
        .into_tuple()
        .all(db)
        .await?;
    Ok(Names {
        runners: runners.into_iter().collect(),
        nodes: nodes.into_iter().collect(),
    })
}
