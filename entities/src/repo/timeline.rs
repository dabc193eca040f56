//! Instances' timelines, as read by people. [`super::lifecycle::add_event`] writes them.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, OrgId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::groups::{self, Group};
use super::page::{self, ListPage, ListQuery};
use crate::StoreError;
use crate::model::instance_events::{Column, Entity, Model};
use crate::model::runner_instances;

const TABLE: &str = "instance_events";
/// Where `q` is looked for.
const SEARCHED: &[&str] = &["message"];

/// The kind of an entry that quotes the container's log.
pub const LOG: &str = "log";

/// Which entries of a timeline are read.
#[derive(Debug, Clone, Copy)]
pub struct Entries<'a> {
    /// Only those of this kind.
    pub kind: Option<&'a str>,
    /// Whether those that quote the container's log may be read.
    pub with_log: bool,
}

impl Entries<'_> {
    fn select(self, org: &OrgId) -> Select<Entity> {
        let mut select = Entity::find().filter(Column::OrgId.eq(org.as_str()));
        if let Some(kind) = self.kind {
            select = select.filter(Column::Kind.eq(kind));
        }
        if !self.with_log {
            select = select.filter(Column::Kind.ne(LOG));
        }
        select
    }
}

/// One window of an instance's timeline; ids grow with time.
pub async fn list(
    db: &impl ConnectionTrait,
    org: &OrgId,
    instance: &InstanceId,
    entries: Entries<'_>,
    query: &ListQuery,
) -> Result<ListPage<Model>, StoreError> {
    let select = entries
        .select(org)
        .filter(Column::RunnerInstanceId.eq(instance.as_str()));
    page::fetch(db, select, TABLE, SEARCHED, query).await
}

/// An entry together with the instance that it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct SharedEntry {
    /// The entry.
    pub entry: Model,
    /// The instance's runner.
    pub runner_id: String,
    /// The instance's name.
    pub instance_name: String,
    /// Whether the instance was removed since.
    pub is_removed: bool,
}

/// One window of the timeline that the instances of a runner or on a node have together since `from`, those that
/// were removed in the meantime too.
pub async fn list_shared(
    db: &impl ConnectionTrait,
    org: &OrgId,
    group: Group<'_>,
    from: DateTime<Utc>,
    entries: Entries<'_>,
    query: &ListQuery,
) -> Result<ListPage<SharedEntry>, StoreError> {
    use runner_instances::Column as Instance;
    let select = entries
        .select(org)
        .filter(Column::CreatedAt.gte(from))
        .filter(Column::RunnerInstanceId.in_subquery(groups::ids_since(org, group, from)));
    let page = page::fetch(db, select, TABLE, SEARCHED, query).await?;
    let about: HashSet<&str> = page
        .items
        .iter()
        .map(|row| row.runner_instance_id.as_str())
        .collect();
    if about.is_empty() {
        return Ok(ListPage {
            items: Vec::new(),
            total: page.total,
        });
    }
    let instances: Vec<(String, String, String, bool)> = runner_instances::Entity::find()
        .select_only()
        .columns([
            Instance::Uid,
            Instance::RunnerId,
            Instance::Name,
            Instance::IsDeleted,
        ])
        .filter(Instance::OrgId.eq(org.as_str()))
        .filter(Instance::Uid.is_in(about))
        .into_tuple()
        .all(db)
        .await?;
    let instances: HashMap<String, (String, String, bool)> = instances
        .into_iter()
        .map(|(uid, runner_id, name, is_removed)| (uid, (runner_id, name, is_removed)))
        .collect();
    let items = page.items.into_iter().filter_map(|entry| {
        // An instance whose history was pruned in between took its entries with it.
        let (runner_id, instance_name, is_removed) = instances.get(&entry.runner_instance_id)?.clone();
        Some(SharedEntry {
            entry,
            runner_id,
            instance_name,
            is_removed,
        })
    });
    Ok(ListPage {
        items: items.collect(),
        total: page.total,
    })
}

/// When an instance's timeline first said exactly this since a time; `None` if it did not.
pub async fn first_of(
    db: &impl ConnectionTrait,
    instance: &InstanceId,
    message: &str,
    since: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let first = Entity::find()
        .filter(Column::RunnerInstanceId.eq(instance.as_str()))
        .filter(Column::CreatedAt.gte(since))
        .filter(Column::Message.eq(message))
        .order_by_asc(Column::CreatedAt)
        .one(db)
        .await?;
    Ok(first.map(|event| event.created_at))
}
