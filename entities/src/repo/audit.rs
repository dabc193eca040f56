//! The audit log: lines are added and read, never changed.

use chrono::{DateTime, Utc};
use domain::ids::{AuditId, OrgId, UserId};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Set};
use serde_json::Value;

use super::page::{self, ListPage, ListQuery};
use crate::StoreError;
use crate::model::audit_log::{ActiveModel, Column, Entity, Model};

/// A line to be added.
#[derive(Debug)]
pub struct NewEntry<'a> {
    /// The organisation it happened in, if in one.
    pub org_id: Option<&'a OrgId>,
    /// Who did it, if known.
    pub user_id: Option<&'a UserId>,
    /// Who did it, as people read it.
    pub actor: &'a str,
    /// What was done, such as `runner.created`.
    pub action: &'a str,
    /// Kind and id of what it was done to.
    pub target: Option<(&'a str, &'a str)>,
    /// `success` or `denied`.
    pub result: &'a str,
    /// Where the request came from.
    pub ip_address: Option<String>,
    /// Which request it was.
    pub request_id: Option<String>,
    /// Further facts; never a secret.
    pub detail: Value,
}

/// Adds a line.
pub async fn insert(
    db: &impl ConnectionTrait,
    entry: NewEntry<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        uid: Set(AuditId::new().to_string()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(true),
        org_id: Set(entry.org_id.map(ToString::to_string)),
        user_id: Set(entry.user_id.map(ToString::to_string)),
        actor: Set(entry.actor.chars().take(254).collect()),
        action: Set(entry.action.to_owned()),
        target_type: Set(entry.target.map(|(kind, _)| kind.to_owned())),
        target_id: Set(entry.target.map(|(_, id)| id.to_owned())),
        result: Set(entry.result.to_owned()),
        ip_address: Set(entry.ip_address),
        request_id: Set(entry.request_id),
        detail: Set(entry.detail),
    };
    row.insert(db).await?;
    Ok(())
}

/// Columns that the list may be sorted by.
pub const SORTABLE: &[&str] = &["uid", "created_at", "action", "actor"];

/// The lines of an organisation.
pub async fn list(
    db: &impl ConnectionTrait,
    org: &OrgId,
    query: &ListQuery,
) -> Result<ListPage<Model>, StoreError> {
    let select = Entity::find().filter(Column::OrgId.eq(org.as_str()));
    page::fetch(
        db,
        select,
        "audit_log",
        &["actor", "action", "target_type", "target_id"],
        query,
    )
    .await
}
