//! GitHub credentials. The secret is sealed by the caller; nothing here can open it.

use chrono::{DateTime, Utc};
use domain::ids::{CredentialId, OrgId, UserId};
use domain::instance::InstanceState;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
};

use super::fleet::states_where;
use super::page::{self, ListPage, ListQuery};
use crate::StoreError;
use crate::model::github_credentials::{ActiveModel, Column, Entity, Model};
use crate::model::{runner_instances, runners};

impl Model {
    /// The row's id.
    pub fn id(&self) -> Result<CredentialId, StoreError> {
        self.uid
            .parse()
            .map_err(|_| StoreError::Corrupt("github_credentials.uid"))
    }
}

/// What a person says of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSpec {
    /// Unique in the organisation.
    pub name: String,
    /// What sort of secret it is, such as `pat`.
    pub kind: String,
    /// Base of GitHub's REST API.
    pub api_url: String,
    /// Base of GitHub's web pages.
    pub web_url: String,
}

/// A sealed secret and what of it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// As it is stored.
    pub sealed: String,
    /// Its last characters.
    pub hint: String,
}

/// Adds a credential.
pub async fn insert(
    db: &impl ConnectionTrait,
    id: &CredentialId,
    org: &OrgId,
    user: &UserId,
    spec: CredentialSpec,
    secret: SealedSecret,
    now: DateTime<Utc>,
) -> Result<Model, StoreError> {
    let CredentialSpec {
        name,
        kind,
        api_url,
        web_url,
    } = spec;
    let SealedSecret { sealed, hint } = secret;
    let row = ActiveModel {
        uid: Set(id.as_str().to_owned()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(true),
        org_id: Set(org.as_str().to_owned()),
        user_id: Set(user.as_str().to_owned()),
        name: Set(name),
        kind: Set(kind),
        secret: Set(sealed),
        hint: Set(hint),
        api_url: Set(api_url),
        web_url: Set(web_url),
    };
    Ok(Entity::insert(row).exec_with_returning(db).await?)
}

/// Changes a credential; the secret is written only where it is given. `None` when there is no such
/// credential.
pub async fn update(
    db: &impl ConnectionTrait,
    org: &OrgId,
    id: &CredentialId,
    spec: CredentialSpec,
    secret: Option<SealedSecret>,
    now: DateTime<Utc>,
) -> Result<Option<Model>, StoreError> {
    let CredentialSpec {
        name,
        kind,
        api_url,
        web_url,
    } = spec;
    let mut update = Entity::update_many()
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .col_expr(Column::Name, Expr::value(name))
        .col_expr(Column::Kind, Expr::value(kind))
        .col_expr(Column::ApiUrl, Expr::value(api_url))
        .col_expr(Column::WebUrl, Expr::value(web_url))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false));
    if let Some(SealedSecret { sealed, hint }) = secret {
        update = update
            .col_expr(Column::Secret, Expr::value(sealed))
            .col_expr(Column::Hint, Expr::value(hint));
    }
    if update.exec(db).await?.rows_affected == 0 {
        return Ok(None);
    }
    find(db, org, id).await
}

/// A credential of the organisation.
pub async fn find(
    db: &impl ConnectionTrait,
    org: &OrgId,
    id: &CredentialId,
) -> Result<Option<Model>, StoreError> {
    let row = Entity::find_by_id(id.as_str())
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .one(db)
        .await?;
    Ok(row)
}

/// A credential of the organisation, locked until the transaction ends, so that it can't be deleted
/// while a runner that names it is written, nor the other way round.
pub async fn lock(
    txn: &DatabaseTransaction,
    org: &OrgId,
    id: &CredentialId,
) -> Result<Option<Model>, StoreError> {
    let row = Entity::find_by_id(id.as_str())
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .lock_exclusive()
        .one(txn)
        .await?;
    Ok(row)
}

/// One window of the organisation's credentials.
pub async fn list(
    db: &impl ConnectionTrait,
    org: &OrgId,
    query: &ListQuery,
) -> Result<ListPage<Model>, StoreError> {
    let select = Entity::find()
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false));
    page::fetch(db, select, "github_credentials", &["name", "web_url"], query).await
}

/// The names of up to `limit` runners that use a credential, in order. A deleted runner counts while
/// instances of it are not yet removed: deregistering them needs the credential.
pub async fn list_runner_names(
    db: &impl ConnectionTrait,
    org: &OrgId,
    id: &CredentialId,
    limit: u64,
) -> Result<Vec<String>, StoreError> {
    let still_there = runners::Column::Uid.in_subquery(runners_with_instances(org));
    let used = runners::Column::IsDeleted.eq(false).or(still_there);
    names_of_runners(db, org, id, limit, used).await
}

/// The names of up to `limit` runners of a credential, deleted ones too, that have instances which take up
/// room and so may be registered by it.
pub async fn list_runner_names_in_use(
    db: &impl ConnectionTrait,
    org: &OrgId,
    id: &CredentialId,
    limit: u64,
) -> Result<Vec<String>, StoreError> {
    let states = states_where(InstanceState::takes_room);
    let mut alive = runners_with_instances(org);
    alive.and_where(runner_instances::Column::State.is_in(states));
    names_of_runners(db, org, id, limit, runners::Column::Uid.in_subquery(alive)).await
}

/// The ids of the organisation's runners that have instances which are not removed.
fn runners_with_instances(org: &OrgId) -> SelectStatement {
    Query::select()
        .column(runner_instances::Column::RunnerId)
        .from(runner_instances::Entity)
        .and_where(runner_instances::Column::OrgId.eq(org.as_str()))
        .and_where(runner_instances::Column::IsDeleted.eq(false))
        .to_owned()
}

async fn names_of_runners(
    db: &impl ConnectionTrait,
    org: &OrgId,
    id: &CredentialId,
    limit: u64,
    which: Expr,
) -> Result<Vec<String>, StoreError> {
    let names = runners::Entity::find()
        .select_only()
        .column(runners::Column::Name)
        .filter(runners::Column::OrgId.eq(org.as_str()))
        .filter(runners::Column::CredentialId.eq(id.as_str()))
        .filter(which)
        .order_by_asc(runners::Column::Name)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    Ok(names)
}

/// Marks a credential as deleted and forgets its secret; `false` when there is no such credential.
pub async fn soft_delete(
    db: &impl ConnectionTrait,
    org: &OrgId,
    id: &CredentialId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let deleted = Entity::update_many()
        .col_expr(Column::IsDeleted, Expr::value(true))
        .col_expr(Column::IsActive, Expr::value(false))
        .col_expr(Column::DeletedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .col_expr(Column::Secret, Expr::value(""))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected == 1)
}
