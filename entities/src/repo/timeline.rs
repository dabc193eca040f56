//! Instances' timelines, as read by people. [`super::lifecycle::add_event`] writes them.

use domain::ids::{InstanceId, OrgId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::page::{self, ListPage, ListQuery};
use crate::StoreError;
use crate::model::instance_events::{Column, Entity, Model};

/// One window of an instance's timeline; ids grow with time.
pub async fn list(
    db: &impl ConnectionTrait,
    org: &OrgId,
    instance: &InstanceId,
    kind: Option<&str>,
    query: &ListQuery,
) -> Result<ListPage<Model>, StoreError> {
    let mut select = Entity::find()
        .filter(Column::RunnerInstanceId.eq(instance.as_str()))
        .filter(Column::OrgId.eq(org.as_str()));
    if let Some(kind) = kind {
        select = select.filter(Column::Kind.eq(kind));
    }
    page::fetch(db, select, "instance_events", &["message"], query).await
}
