//! Instances' timelines, as read by people. [`super::lifecycle::add_event`] writes them.

use chrono::{DateTime, Utc};
use domain::ids::{InstanceId, OrgId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::page::{self, ListPage, ListQuery};
use crate::StoreError;
use crate::model::instance_events::{Column, Entity, Model};

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

/// One window of an instance's timeline; ids grow with time.
pub async fn list(
    db: &impl ConnectionTrait,
    org: &OrgId,
    instance: &InstanceId,
    entries: Entries<'_>,
    query: &ListQuery,
) -> Result<ListPage<Model>, StoreError> {
    let mut select = Entity::find()
        .filter(Column::RunnerInstanceId.eq(instance.as_str()))
        .filter(Column::OrgId.eq(org.as_str()));
    if let Some(kind) = entries.kind {
        select = select.filter(Column::Kind.eq(kind));
    }
    if !entries.with_log {
        select = select.filter(Column::Kind.ne(LOG));
    }
    page::fetch(db, select, "instance_events", &["message"], query).await
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
