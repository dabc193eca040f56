//! Organisations.

use chrono::{DateTime, Utc};
use domain::ids::{OrgId, UserId};
use domain::org::OrgType;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Set,
};

use super::page::{self, ListPage, ListQuery};
use crate::StoreError;
use crate::model::orgs::{ActiveModel, Column, Entity, Model};
use crate::model::{installation, org_users};

/// Columns that the list may be sorted by.
pub const SORTABLE: &[&str] = &["name", "created_at", "org_type"];

/// Adds an organisation; a taken name is a conflict on `uq_orgs_name`.
pub async fn insert(
    db: &impl ConnectionTrait,
    id: &OrgId,
    name: &str,
    org_type: OrgType,
    creator: &UserId,
    now: DateTime<Utc>,
) -> Result<Model, StoreError> {
    let row = ActiveModel {
        uid: Set(id.to_string()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(true),
        name: Set(name.to_owned()),
        org_type: Set(org_type.as_str().to_owned()),
        org_creator: Set(creator.to_string()),
    };
    Ok(row.insert(db).await?)
}

/// The organisation, unless it is deleted or deactivated.
pub async fn find_active(db: &impl ConnectionTrait, id: &OrgId) -> Result<Option<Model>, StoreError> {
    let row = Entity::find_by_id(id.as_str())
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::IsActive.eq(true))
        .one(db)
        .await?;
    Ok(row)
}

/// Changes name and kind; a taken name is a conflict on `uq_orgs_name`.
pub async fn update(
    db: &impl ConnectionTrait,
    id: &OrgId,
    name: &str,
    org_type: OrgType,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Name, Expr::value(name))
        .col_expr(Column::OrgType, Expr::value(org_type.as_str()))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .exec(db)
        .await?;
    Ok(())
}

/// The organisations that a user belongs to.
pub async fn list_of_user(
    db: &impl ConnectionTrait,
    user: &UserId,
    query: &ListQuery,
) -> Result<ListPage<Model>, StoreError> {
    let memberships = org_users::Entity::find()
        .select_only()
        .column(org_users::Column::OrgId)
        .filter(org_users::Column::UserId.eq(user.as_str()))
        .filter(org_users::Column::IsDeleted.eq(false))
        .filter(org_users::Column::IsActive.eq(true))
        .into_query();
    let select = Entity::find()
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::IsActive.eq(true))
        .filter(Column::Uid.in_subquery(memberships));
    page::fetch(db, select, "orgs", &["name"], query).await
}

/// Holds the organisation's row until the transaction ends, so that changes to its members come one
/// after the other. (On SQLite a writing transaction holds the whole database already.)
pub async fn lock(db: &impl ConnectionTrait, id: &OrgId) -> Result<(), StoreError> {
    Entity::find_by_id(id.as_str()).lock_exclusive().one(db).await?;
    Ok(())
}

/// Holds the installation's row until the transaction ends, so that only one first user can be made.
/// The row must exist: see [`super::installation::install_id`].
pub async fn lock_installation(db: &impl ConnectionTrait) -> Result<(), StoreError> {
    installation::Entity::find().lock_exclusive().one(db).await?;
    Ok(())
}
