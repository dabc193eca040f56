//! Refresh tokens, known by their hashes only. Each is used once; all that came of one sign-in form a
//! family, which is revoked as a whole.

use chrono::{DateTime, Utc};
use domain::ids::{RefreshTokenId, UserId};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Set};

use crate::StoreError;
use crate::model::refresh_tokens::{ActiveModel, Column, Entity, Model};

/// What a new token is made of.
#[derive(Debug)]
pub struct NewRefreshToken<'a> {
    /// Whose it is.
    pub user: &'a UserId,
    /// The sign-in it came of.
    pub family: &'a str,
    /// SHA-256 of the token, in hexadecimal.
    pub token_hash: &'a str,
    /// Not good after this if unused.
    pub expires_at: DateTime<Utc>,
    /// Nothing of the family is good after this.
    pub family_expires_at: DateTime<Utc>,
    /// Where it was given out to.
    pub ip_address: Option<String>,
    /// What it was given out to.
    pub user_agent: Option<String>,
}

/// Stores a token.
pub async fn insert(
    db: &impl ConnectionTrait,
    token: NewRefreshToken<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        uid: Set(RefreshTokenId::new().to_string()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(true),
        user_id: Set(token.user.to_string()),
        family: Set(token.family.to_owned()),
        token_hash: Set(token.token_hash.to_owned()),
        expires_at: Set(token.expires_at),
        family_expires_at: Set(token.family_expires_at),
        used_at: Set(None),
        revoked_at: Set(None),
        ip_address: Set(token.ip_address),
        user_agent: Set(token.user_agent),
    };
    row.insert(db).await?;
    Ok(())
}

/// The token with this hash, good or not.
pub async fn find_by_hash(db: &impl ConnectionTrait, token_hash: &str) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::TokenHash.eq(token_hash))
        .one(db)
        .await?)
}

/// Marks a token as used. False when it was used or revoked before, perhaps a moment ago.
pub async fn spend(db: &impl ConnectionTrait, uid: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let spent = Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(uid))
        .filter(Column::UsedAt.is_null())
        .filter(Column::RevokedAt.is_null())
        .exec(db)
        .await?;
    Ok(spent.rows_affected == 1)
}

/// Revokes every token of a family.
pub async fn revoke_family(
    db: &impl ConnectionTrait,
    family: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    revoke(db, Column::Family, family, now).await
}

/// Revokes every token of a user.
pub async fn revoke_user(
    db: &impl ConnectionTrait,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    revoke(db, Column::UserId, user.as_str(), now).await
}

async fn revoke(
    db: &impl ConnectionTrait,
    by: Column,
    value: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(by.eq(value))
        .filter(Column::RevokedAt.is_null())
        .exec(db)
        .await?;
    Ok(())
}
