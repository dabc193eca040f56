//! Runner definitions.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::ids::{CredentialId, OrgId, RunnerId, UserId};
use domain::runner::{NodeSelection, Resources, RunnerScope, RunnerStatus};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, Set,
};

use super::credentials::SealedSecret;
use super::overview::InstanceCount;
use super::page::{self, ListPage, ListQuery};
use crate::StoreError;
use crate::model::runner_instances;
use crate::model::runners::{ActiveModel, Column, Entity, Model};

impl Model {
    /// The row's id.
    pub fn id(&self) -> Result<RunnerId, StoreError> {
        self.uid.parse().map_err(|_| StoreError::Corrupt("runners.uid"))
    }

    /// Where it is registered.
    pub fn scope(&self) -> Result<RunnerScope, StoreError> {
        self.scope
            .parse()
            .map_err(|_| StoreError::Corrupt("runners.scope"))
    }

    /// What it is doing, over all its instances.
    pub fn status(&self) -> Result<RunnerStatus, StoreError> {
        self.status
            .parse()
            .map_err(|_| StoreError::Corrupt("runners.status"))
    }

    /// The labels a workflow may name.
    pub fn labels(&self) -> Result<Vec<String>, StoreError> {
        serde_json::from_value(self.labels.clone()).map_err(|_| StoreError::Corrupt("runners.labels"))
    }

    /// What one container may use.
    pub fn resources(&self) -> Result<Resources, StoreError> {
        serde_json::from_value(self.resources.clone()).map_err(|_| StoreError::Corrupt("runners.resources"))
    }

    /// Which nodes its instances may be placed on.
    pub fn node_selection(&self) -> Result<NodeSelection, StoreError> {
        serde_json::from_value(self.node_selection.clone())
            .map_err(|_| StoreError::Corrupt("runners.node_selection"))
    }
}

/// What a person says of a runner.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerSpec {
    /// Unique in the organisation.
    pub name: String,
    /// The image its containers are made from.
    pub docker_image: String,
    /// `owner/name`, or an organisation's login.
    pub github_repo: String,
    /// Which of the two.
    pub scope: RunnerScope,
    /// The credential that registers it; `None` where it has a token of its own.
    pub credential_id: Option<CredentialId>,
    /// GitHub's runner group, for runners of an organisation.
    pub runner_group_id: i64,
    /// The labels a workflow may name.
    pub labels: Vec<String>,
    /// Whether each instance runs one job only.
    pub ephemeral: bool,
    /// How many idle instances are kept.
    pub min_idle: u32,
    /// How many instances there may be.
    pub max_instances: u32,
    /// What one container may use.
    pub resources: Resources,
    /// Which nodes its instances may be placed on.
    pub node_selection: NodeSelection,
}

/// What becomes of the runner's own token when it is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenChange {
    /// It stays as it is.
    Keep,
    /// It is replaced.
    Set(SealedSecret),
    /// It goes: a credential takes its place.
    Clear,
}

/// Which runners are listed.
#[derive(Debug, Clone)]
pub struct RunnerQuery {
    /// The part asked for, its order, and a text to be found.
    pub list: ListQuery,
    /// Only with this status.
    pub status: Option<RunnerStatus>,
}

fn json_of(value: &impl serde::Serialize, column: &'static str) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(value).map_err(|_| StoreError::Corrupt(column))
}

fn integer(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// Adds a runner without instances.
pub async fn insert(
    db: &impl ConnectionTrait,
    id: &RunnerId,
    org: &OrgId,
    user: &UserId,
    spec: RunnerSpec,
    token: Option<SealedSecret>,
    now: DateTime<Utc>,
) -> Result<Model, StoreError> {
    let RunnerSpec {
        name,
        docker_image,
        github_repo,
        scope,
        credential_id,
        runner_group_id,
        labels,
        ephemeral,
        min_idle,
        max_instances,
        resources,
        node_selection,
    } = spec;
    let (sealed, hint) = token.map(|token| (token.sealed, token.hint)).unzip();
    let row = ActiveModel {
        uid: Set(id.as_str().to_owned()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(true),
        name: Set(name),
        status: Set(RunnerStatus::Idle.as_str().to_owned()),
        user_id: Set(user.as_str().to_owned()),
        org_id: Set(org.as_str().to_owned()),
        docker_image: Set(docker_image),
        github_repo: Set(github_repo),
        github_runner_token: Set(sealed),
        github_runner_token_hint: Set(hint),
        labels: Set(json_of(&labels, "runners.labels")?),
        scope: Set(scope.as_str().to_owned()),
        credential_id: Set(credential_id.map(String::from)),
        runner_group_id: Set(runner_group_id),
        ephemeral: Set(ephemeral),
        min_idle: Set(integer(min_idle)),
        max_instances: Set(integer(max_instances)),
        resources: Set(json_of(&resources, "runners.resources")?),
        node_selection: Set(json_of(&node_selection, "runners.node_selection")?),
    };
    Ok(Entity::insert(row).exec_with_returning(db).await?)
}

/// Changes a runner. `None` when there is no such runner.
pub async fn update(
    db: &impl ConnectionTrait,
    org: &OrgId,
    id: &RunnerId,
    spec: RunnerSpec,
    token: TokenChange,
    now: DateTime<Utc>,
) -> Result<Option<Model>, StoreError> {
    let RunnerSpec {
        name,
        docker_image,
        github_repo,
        scope,
        credential_id,
        runner_group_id,
        labels,
        ephemeral,
        min_idle,
        max_instances,
        resources,
        node_selection,
    } = spec;
    let mut update = Entity::update_many()
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .col_expr(Column::Name, Expr::value(name))
        .col_expr(Column::DockerImage, Expr::value(docker_image))
        .col_expr(Column::GithubRepo, Expr::value(github_repo))
        .col_expr(Column::Scope, Expr::value(scope.as_str()))
        .col_expr(Column::CredentialId, Expr::value(credential_id.map(String::from)))
        .col_expr(Column::RunnerGroupId, Expr::value(runner_group_id))
        .col_expr(Column::Labels, Expr::value(json_of(&labels, "runners.labels")?))
        .col_expr(Column::Ephemeral, Expr::value(ephemeral))
        .col_expr(Column::MinIdle, Expr::value(integer(min_idle)))
        .col_expr(Column::MaxInstances, Expr::value(integer(max_instances)))
        .col_expr(
            Column::Resources,
            Expr::value(json_of(&resources, "runners.resources")?),
        )
        .col_expr(
            Column::NodeSelection,
            Expr::value(json_of(&node_selection, "runners.node_selection")?),
        )
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false));
    let (sealed, hint) = match token {
        TokenChange::Keep => (None, None),
        TokenChange::Set(SealedSecret { sealed, hint }) => (Some(Some(sealed)), Some(Some(hint))),
        TokenChange::Clear => (Some(None), Some(None)),
    };
    if let (Some(sealed), Some(hint)) = (sealed, hint) {
        update = update
            .col_expr(Column::GithubRunnerToken, Expr::value::<Option<String>>(sealed))
            .col_expr(Column::GithubRunnerTokenHint, Expr::value::<Option<String>>(hint));
    }
    if update.exec(db).await?.rows_affected == 0 {
        return Ok(None);
    }
    find(db, org, id).await
}

/// A runner of the organisation.
pub async fn find(
    db: &impl ConnectionTrait,
    org: &OrgId,
    id: &RunnerId,
) -> Result<Option<Model>, StoreError> {
    let row = Entity::find_by_id(id.as_str())
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .one(db)
        .await?;
    Ok(row)
}

/// A runner of the organisation, locked until the transaction ends: whoever counts its instances and
/// then adds one must hold it, or two would each take the last place.
pub async fn lock(
    txn: &DatabaseTransaction,
    org: &OrgId,
    id: &RunnerId,
) -> Result<Option<Model>, StoreError> {
    let row = Entity::find_by_id(id.as_str())
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .lock_exclusive()
        .one(txn)
        .await?;
    Ok(row)
}

/// One window of the organisation's runners.
pub async fn list(
    db: &impl ConnectionTrait,
    org: &OrgId,
    query: &RunnerQuery,
) -> Result<ListPage<Model>, StoreError> {
    let mut select = Entity::find()
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false));
    if let Some(status) = query.status {
        select = select.filter(Column::Status.eq(status.as_str()));
    }
    page::fetch(
        db,
        select,
        "runners",
        &["name", "github_repo", "docker_image"],
        &query.list,
    )
    .await
}

/// The instances of these runners, counted by state and status, by the runner's uid; a runner without
/// instances is left out.
pub async fn count_instances(
    db: &impl ConnectionTrait,
    uids: impl IntoIterator<Item = &str>,
) -> Result<HashMap<String, Vec<InstanceCount>>, StoreError> {
    let uids: Vec<&str> = uids.into_iter().collect();
    if uids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String, String, i64)> = runner_instances::Entity::find()
        .select_only()
        .column(runner_instances::Column::RunnerId)
        .column(runner_instances::Column::State)
        .column(runner_instances::Column::Status)
        .column_as(runner_instances::Column::Uid.count(), "count")
        .filter(runner_instances::Column::RunnerId.is_in(uids))
        .filter(runner_instances::Column::IsDeleted.eq(false))
        .group_by(runner_instances::Column::RunnerId)
        .group_by(runner_instances::Column::State)
        .group_by(runner_instances::Column::Status)
        .into_tuple()
        .all(db)
        .await?;
    let mut counts: HashMap<String, Vec<InstanceCount>> = HashMap::new();
    for (uid, state, status, count) in rows {
        let count = InstanceCount::read(&state, &status, count)?;
        counts.entry(uid).or_default().push(count);
    }
    Ok(counts)
}

/// Sets what a runner is said to be doing; `false` when there is no such runner.
pub async fn set_status(
    db: &impl ConnectionTrait,
    org: &OrgId,
    id: &RunnerId,
    status: RunnerStatus,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let changed = Entity::update_many()
        .col_expr(Column::Status, Expr::value(status.as_str()))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .exec(db)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Marks a runner as deleted; `false` when there is no such runner.
pub async fn soft_delete(
    db: &impl ConnectionTrait,
    org: &OrgId,
    id: &RunnerId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let deleted = Entity::update_many()
        .col_expr(Column::IsDeleted, Expr::value(true))
        .col_expr(Column::IsActive, Expr::value(false))
        .col_expr(Column::DeletedAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Uid.eq(id.as_str()))
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Column::IsDeleted.eq(false))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected == 1)
}
