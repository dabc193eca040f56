//! Invitations of people without an account, known by their tokens' hashes only.

use chrono::{DateTime, Utc};
use domain::ids::{OrgId, UserId};
use domain::permissions::{Permissions, Rights};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Set};
use uuid::Uuid;

use super::page::{self, ListPage, ListQuery};
use crate::StoreError;
use crate::model::invitations::{ActiveModel, Column, Entity, Model};

/// Columns that the list may be sorted by.
pub const SORTABLE: &[&str] = &["email", "created_at", "expires_at"];

/// What a new invitation is made of.
#[derive(Debug)]
pub struct NewInvitation<'a> {
    /// Where to.
    pub org: &'a OrgId,
    /// Whom, in lower case.
    pub email: &'a str,
    /// As what.
    pub rights: &'a Rights,
    /// SHA-256 of the token, in hexadecimal.
    pub token_hash: &'a str,
    /// Who invites.
    pub invited_by: &'a UserId,
    /// Not good after this.
    pub expires_at: DateTime<Utc>,
}

/// Stores an invitation.
pub async fn insert(
    db: &impl ConnectionTrait,
    invitation: NewInvitation<'_>,
    now: DateTime<Utc>,
) -> Result<Model, StoreError> {
    let row = ActiveModel {
        uid: Set(Uuid::now_v7().to_string()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(true),
        org_id: Set(invitation.org.to_string()),
        email: Set(invitation.email.to_owned()),
        role: Set(invitation.rights.role.as_str().to_owned()),
        permissions: Set(invitation.rights.permissions.to_json()),
        token_hash: Set(invitation.token_hash.to_owned()),
        invited_by: Set(invitation.invited_by.to_string()),
        expires_at: Set(invitation.expires_at),
        accepted_at: Set(None),
    };
    Ok(row.insert(db).await?)
}

/// What an invitation grants.
pub fn rights(row: &Model) -> Result<Rights, StoreError> {
    Ok(Rights {
        role: row
            .role
            .parse()
            .map_err(|_| StoreError::Corrupt("invitations.role"))?,
        permissions: Permissions::try_from(&row.permissions)
            .map_err(|_| StoreError::Corrupt("invitations.permissions"))?,
    })
}

/// The open invitation with this token, for this e-mail address.
pub async fn find_open(
    db: &impl ConnectionTrait,
    token_hash: &str,
    email: &str,
    now: DateTime<Utc>,
) -> Result<Option<Model>, StoreError> {
    let row = Entity::find()
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::Email.eq(email))
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::AcceptedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .one(db)
        .await?;
    Ok(row)
}

/// Marks an invitation as accepted. False when it was accepted or withdrawn before.
pub async fn accept(db: &impl ConnectionTrait, uid: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let accepted = Entity::update_many()
        .col_expr(Column::AcceptedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(uid))
        .filter(Column::AcceptedAt.is_null())
        .filter(Column::IsDeleted.eq(false))
        .exec(db)
        .await?;
    Ok(accepted.rows_affected == 1)
}

/// The open invitations of an organisation, expired ones among them.
pub async fn list_open(
    db: &impl ConnectionTrait,
    org: &OrgId,
    query: &ListQuery,
) -> Result<ListPage<Model>, StoreError> {
    let select = Entity::find()
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::AcceptedAt.is_null());
    page::fetch(db, select, "invitations", &["email"], query).await
}

/// Withdraws an open invitation of the organisation. False when there is none with this id.
pub async fn withdraw(
    db: &impl ConnectionTrait,
    org: &OrgId,
    uid: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    Ok(withdraw_where(db, org, Column::Uid, uid, now).await? == 1)
}

/// Withdraws the organisation's open invitations of this e-mail address: a newer one takes their place.
pub async fn withdraw_for(
    db: &impl ConnectionTrait,
    org: &OrgId,
    email: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    withdraw_where(db, org, Column::Email, email, now).await?;
    Ok(())
}

async fn withdraw_where(
    db: &impl ConnectionTrait,
    org: &OrgId,
    by: Column,
    value: &str,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let withdrawn = Entity::update_many()
        .col_expr(Column::IsDeleted, Expr::value(true))
        .col_expr(Column::DeletedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(by.eq(value))
        .filter(Column::AcceptedAt.is_null())
        .filter(Column::IsDeleted.eq(false))
        .exec(db)
        .await?;
    Ok(withdrawn.rows_affected)
}
