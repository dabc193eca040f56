//! Organisations.

use domain::change::Change;
use domain::ids::OrgId;
use domain::org::{DisplayName, OrgType};
use entities::model::{audit_log, orgs as row};
use entities::repo::page::{ListPage, ListQuery};
use entities::repo::{audit as lines, members, orgs};
use entities::{ConnectionTrait, StoreError};
use serde_json::json;

use crate::access::{Caller, OrgAccess};
use crate::audit;
use crate::context::Context;
use crate::dto::orgs::admin;
use crate::error::ApiError;

/// Adds an organisation with its creator as its admin.
pub async fn add(
    context: &Context,
    db: &impl ConnectionTrait,
    creator: &Caller,
    name: &DisplayName,
    org_type: OrgType,
) -> Result<row::Model, ApiError> {
    let now = context.now();
    let id = OrgId::new();
    let org = orgs::insert(db, &id, name.as_str(), org_type, &creator.id, now).await?;
    members::insert(db, &id, &creator.id, &admin(), now).await?;
    let entry = audit::Entry {
        org: Some(&id),
        target: Some(("org", id.as_str())),
        detail: json!({"name": name.as_str()}),
        ..creator.did("org.created")
    };
    audit::record(db, now, entry).await?;
    Ok(org)
}

/// Makes an organisation.
pub async fn create(
    context: &Context,
    creator: &Caller,
    name: &DisplayName,
    org_type: OrgType,
) -> Result<row::Model, ApiError> {
    let txn = entities::begin(&context.db).await?;
    let org = add(context, &txn, creator, name, org_type).await?;
    txn.commit().await.map_err(StoreError::from)?;
    Ok(org)
}

/// The caller's organisations.
pub async fn list(
    context: &Context,
    caller: &Caller,
    query: &ListQuery,
) -> Result<ListPage<row::Model>, ApiError> {
    Ok(orgs::list_of_user(&context.db, &caller.id, query).await?)
}

/// One organisation.
pub async fn read(context: &Context, access: &OrgAccess) -> Result<row::Model, ApiError> {
    orgs::find_active(&context.db, &access.org_id)
        .await?
        .ok_or_else(ApiError::not_found)
}

/// Changes name and kind.
pub async fn update(
    context: &Context,
    access: &OrgAccess,
    name: &DisplayName,
    org_type: Option<OrgType>,
) -> Result<row::Model, ApiError> {
    let now = context.now();
    let txn = entities::begin(&context.db).await?;
    orgs::update(
        &txn,
        &access.org_id,
        name.as_str(),
        org_type.unwrap_or(access.org_type),
        now,
    )
    .await?;
    let id = access.org_id.as_str();
    access
        .audit(
            &txn,
            now,
            "org.updated",
            ("org", id),
            json!({"name": name.as_str()}),
        )
        .await?;
    let org = orgs::find_active(&txn, &access.org_id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    txn.commit().await.map_err(StoreError::from)?;
    context.publish(&access.org_id, &Change::OrgChanged).await;
    Ok(org)
}

/// The audit log.
pub async fn list_audit(
    context: &Context,
    access: &OrgAccess,
    query: &ListQuery,
) -> Result<ListPage<audit_log::Model>, ApiError> {
    Ok(lines::list(&context.db, &access.org_id, query).await?)
}
