//! Accounts.

use chrono::{DateTime, Utc};
use domain::ids::UserId;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, Set,
};

use crate::StoreError;
use crate::model::users::{ActiveModel, Column, Entity, Model};

/// What a new account is made of.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// Its id.
    pub id: &'a UserId,
    /// As people read it.
    pub full_name: &'a str,
    /// In lower case.
    pub email: &'a str,
    /// The password's hash in PHC form.
    pub password: &'a str,
}

/// Adds an account; a taken e-mail address is a conflict on `uq_users_email`.
pub async fn insert(
    db: &impl ConnectionTrait,
    user: NewUser<'_>,
    now: DateTime<Utc>,
) -> Result<Model, StoreError> {
    let row = ActiveModel {
        uid: Set(user.id.to_string()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(true),
        full_name: Set(user.full_name.to_owned()),
        email: Set(user.email.to_owned()),
        password: Set(user.password.to_owned()),
        token_version: Set(0),
    };
    Ok(row.insert(db).await?)
}

/// The account, unless it is deleted or deactivated.
pub async fn find_active(db: &impl ConnectionTrait, id: &UserId) -> Result<Option<Model>, StoreError> {
    let row = Entity::find_by_id(id.as_str())
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::IsActive.eq(true))
        .one(db)
        .await?;
    Ok(row)
}

/// The account with this e-mail address in lower case, unless it is deleted or deactivated.
pub async fn find_active_by_email(
    db: &impl ConnectionTrait,
    email: &str,
) -> Result<Option<Model>, StoreError> {
    let row = Entity::find()
        .filter(Column::Email.eq(email))
        .filter(Column::IsDeleted.eq(false))
        .filter(Column::IsActive.eq(true))
        .one(db)
        .await?;
    Ok(row)
}

/// Whether there was ever an account: a system with one is not fresh, whatever became of it.
pub async fn any_exists(db: &impl ConnectionTrait) -> Result<bool, StoreError> {
    Ok(Entity::find().count(db).await? > 0)
}

/// Changes name and e-mail address; a taken address is a conflict on `uq_users_email`.
pub async fn update_profile(
    db: &impl ConnectionTrait,
    id: &UserId,
    full_name: &str,
    email: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::FullName, Expr::value(full_name))
        .col_expr(Column::Email, Expr::value(email))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .exec(db)
        .await?;
    Ok(())
}

/// Stores a new hash of the same password, made with newer parameters, unless the password changed since.
pub async fn rehash(db: &impl ConnectionTrait, id: &UserId, old: &str, new: &str) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Password, Expr::value(new))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::Password.eq(old))
        .exec(db)
        .await?;
    Ok(())
}

/// Stores the hash of a new password, unless it was changed since `old` was read. Every access token
/// issued before is void. False when it was changed.
pub async fn change_password(
    db: &impl ConnectionTrait,
    id: &UserId,
    old: &str,
    new: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::Password, Expr::value(new))
        .col_expr(Column::TokenVersion, Expr::col(Column::TokenVersion).add(1))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::Password.eq(old))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Voids every access token issued before.
pub async fn raise_token_version(
    db: &impl ConnectionTrait,
    id: &UserId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::TokenVersion, Expr::col(Column::TokenVersion).add(1))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .exec(db)
        .await?;
    Ok(())
}
