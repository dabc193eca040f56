//! Who belongs to which organisation, as what.

use chrono::{DateTime, Utc};
use domain::ids::{OrgId, OrgUserId, UserId};
use domain::org::OrgType;
use domain::permissions::{Permissions, Rights, Role};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
    QueryTrait, Select, Set,
};

use super::page::{self, ListPage, ListQuery};
use crate::StoreError;
use crate::model::org_users::{ActiveModel, Column, Entity, Model};
use crate::model::{orgs, users};

/// Columns (of the person) that the list may be sorted by.
pub const SORTABLE: &[&str] = &["full_name", "email", "created_at"];

/// One person's standing in one organisation.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The organisation's name.
    pub org_name: String,
    /// The organisation's kind.
    pub org_type: OrgType,
    /// What the person may do there.
    pub rights: Rights,
}

/// One person of an organisation.
#[derive(Debug, Clone)]
pub struct Member {
    /// The person.
    pub user: users::Model,
    /// What they may do.
    pub rights: Rights,
    /// Since when they belong to it.
    pub since: DateTime<Utc>,
}

fn rights(row: &Model) -> Result<Rights, StoreError> {
    Ok(Rights {
        role: row
            .role
            .parse()
            .map_err(|_| StoreError::Corrupt("org_users.role"))?,
        permissions: Permissions::try_from(&row.permissions)
            .map_err(|_| StoreError::Corrupt("org_users.permissions"))?,
    })
}

fn active(org: &OrgId) -> Select<Entity> {
    Entity::find()
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::IsActive.eq(true))
}

/// The person's standing, unless it, or the organisation, is deleted or deactivated.
pub async fn membership(
    db: &impl ConnectionTrait,
    org: &OrgId,
    user: &UserId,
) -> Result<Option<Membership>, StoreError> {
    let Some(row) = active(org)
        .filter(Column::UserId.eq(user.as_str()))
        .one(db)
        .await?
    else {
        return Ok(None);
    };
    let Some(org) = super::orgs::find_active(db, org).await? else {
        return Ok(None);
    };
    Ok(Some(Membership {
        org_type: org
            .org_type
            .parse()
            .map_err(|_| StoreError::Corrupt("orgs.org_type"))?,
        org_name: org.name,
        rights: rights(&row)?,
    }))
}

/// Every organisation the person belongs to, at most 100, with what they may do there.
pub async fn of_user(
    db: &impl ConnectionTrait,
    user: &UserId,
) -> Result<Vec<(orgs::Model, Rights)>, StoreError> {
    let rows = Entity::find()
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::IsActive.eq(true))
        .limit(100)
        .all(db)
        .await?;
    let ids: Vec<&str> = rows.iter().map(|row| row.org_id.as_str()).collect();
    let mut orgs: Vec<orgs::Model> = orgs::Entity::find()
        .filter(orgs::Column::Uid.is_in(ids))
        .filter(orgs::Column::IsDeleted.eq(false))
        .filter(orgs::Column::IsActive.eq(true))
        .all(db)
        .await?;
    orgs.sort_by(|a, b| a.name.cmp(&b.name));
    let pairs = orgs.into_iter().filter_map(|org| {
        let row = rows.iter().find(|row| row.org_id == org.uid)?;
        Some(rights(row).map(|rights| (org, rights)))
    });
    pairs.collect()
}

/// Adds a person; one who already belongs to it is a conflict on `uq_org_users_org_id_user_id`.
pub async fn insert(
    db: &impl ConnectionTrait,
    org: &OrgId,
    user: &UserId,
    rights: &Rights,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        uid: Set(OrgUserId::new().to_string()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(true),
        org_id: Set(org.to_string()),
        user_id: Set(user.to_string()),
        role: Set(rights.role.as_str().to_owned()),
        permissions: Set(rights.permissions.to_json()),
    };
    row.insert(db).await?;
    Ok(())
}

/// The person, if they belong to the organisation.
pub async fn find(
    db: &impl ConnectionTrait,
    org: &OrgId,
    user: &UserId,
) -> Result<Option<Member>, StoreError> {
    let Some(row) = active(org)
        .filter(Column::UserId.eq(user.as_str()))
        .one(db)
        .await?
    else {
        return Ok(None);
    };
    let Some(user) = super::users::find_active(db, user).await? else {
        return Ok(None);
    };
    Ok(Some(Member {
        user,
        rights: rights(&row)?,
        since: row.created_at,
    }))
}

/// The people of an organisation.
pub async fn list(
    db: &impl ConnectionTrait,
    org: &OrgId,
    query: &ListQuery,
) -> Result<ListPage<Member>, StoreError> {
    let people = active(org).select_only().column(Column::UserId).into_query();
    let select = users::Entity::find()
        .filter(users::Column::IsDeleted.eq(false))
        .filter(users::Column::Uid.in_subquery(people));
    let page = page::fetch(db, select, "users", &["full_name", "email"], query).await?;
    let ids: Vec<&str> = page.items.iter().map(|user| user.uid.as_str()).collect();
    let rows = active(org).filter(Column::UserId.is_in(ids)).all(db).await?;
    let members = page.items.into_iter().filter_map(|user| {
        let row = rows.iter().find(|row| row.user_id == user.uid)?;
        Some(rights(row).map(|rights| Member {
            user,
            rights,
            since: row.created_at,
        }))
    });
    Ok(ListPage {
        items: members.collect::<Result<_, _>>()?,
        total: page.total,
    })
}

/// How many admins the organisation has, not counting this person.
pub async fn count_other_admins(
    db: &impl ConnectionTrait,
    org: &OrgId,
    user: &UserId,
) -> Result<u64, StoreError> {
    let people = users::Entity::find()
        .select_only()
        .column(users::Column::Uid)
        .filter(users::Column::IsDeleted.eq(false))
        .filter(users::Column::IsActive.eq(true))
        .into_query();
    let count = active(org)
        .filter(Column::Role.eq(Role::Admin.as_str()))
        .filter(Column::UserId.ne(user.as_str()))
        .filter(Column::UserId.in_subquery(people))
        .count(db)
        .await?;
    Ok(count)
}

/// Changes what a person may do. False when they do not belong to the organisation.
pub async fn update(
    db: &impl ConnectionTrait,
    org: &OrgId,
    user: &UserId,
    rights: &Rights,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::Role, Expr::value(rights.role.as_str()))
        .col_expr(Column::Permissions, Expr::value(rights.permissions.to_json()))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Takes a person out of the organisation. False when they did not belong to it.
pub async fn remove(
    db: &impl ConnectionTrait,
    org: &OrgId,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let removed = Entity::update_many()
        .col_expr(Column::IsDeleted, Expr::value(true))
        .col_expr(Column::DeletedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .exec(db)
        .await?;
    Ok(removed.rows_affected == 1)
}
