//! Runners, as they are shown.

use chrono::{DateTime, Utc};
use entities::model::runners::Model;
use poem_openapi::Object;

use super::credential::masked;
use super::words::{NetworkMode, RunnerScope, RunnerStatus};
use crate::error::ApiError;

/// What one container of a runner may use.
#[derive(Debug, Object)]
pub struct ResourcesView {
    /// CPUs.
    pub cpus: f64,
    /// Memory in MiB.
    pub memory_mb: u32,
    /// Processes and threads.
    pub pids: u32,
    /// How it reaches the network.
    pub network: NetworkMode,
}

/// Which nodes a runner's instances may be placed on.
#[derive(Debug, Object)]
pub struct NodeSelectionView {
    /// Only these; empty means any node of the organisation.
    pub node_ids: Vec<String>,
}

/// A runner definition, from which instances are made. Its token is never shown.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RunnerView {
    /// Its id.
    pub uid: String,
    /// The organisation that owns it.
    pub org_id: String,
    /// Who created it.
    pub user_id: String,
    /// Its name.
    pub name: String,
    /// What it is doing, over all its instances.
    pub status: RunnerStatus,
    /// The image its containers are made from.
    pub docker_image: String,
    /// Where it is registered: `owner/name` or an organisation's login.
    pub github_repo: String,
    /// Which of the two.
    pub scope: RunnerScope,
    /// The last characters of its own token, as `****cdef`; absent where a credential registers it.
    pub github_runner_token: Option<String>,
    /// The credential that registers it.
    pub credential_id: Option<String>,
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
    /// How many instances take up room.
    pub instances_in_use: u32,
    /// What one container may use.
    pub resources: ResourcesView,
    /// Which nodes its instances may be placed on.
    pub node_selection: NodeSelectionView,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl RunnerView {
    /// The view of a row with the number of its instances that take up room.
    pub fn of(row: Model, in_use: u64) -> Result<Self, ApiError> {
        let (status, scope, labels) = (row.status()?, row.scope()?, row.labels()?);
        let (resources, selection) = (row.resources()?, row.node_selection()?);
        let Model {
            uid,
            created_at,
            updated_at,
            deleted_at: _,
            is_deleted: _,
            is_active: _,
            name,
            status: _,
            user_id,
            org_id,
            docker_image,
            github_repo,
            github_runner_token,
            github_runner_token_hint,
            labels: _,
            scope: _,
            credential_id,
            runner_group_id,
            ephemeral,
            min_idle,
            max_instances,
            resources: _,
            node_selection: _,
        } = row;
        Ok(Self {
            uid,
            org_id,
            user_id,
            name,
            status: status.into(),
            docker_image,
            github_repo,
            scope: scope.into(),
            github_runner_token: github_runner_token
                .map(|_| masked(github_runner_token_hint.as_deref().unwrap_or_default())),
            credential_id,
            runner_group_id,
            labels,
            ephemeral,
            min_idle: u32::try_from(min_idle).unwrap_or(0),
            max_instances: u32::try_from(max_instances).unwrap_or(0),
            instances_in_use: u32::try_from(in_use).unwrap_or(u32::MAX),
            resources: ResourcesView {
                cpus: resources.cpus,
                memory_mb: resources.memory_mb,
                pids: resources.pids,
                network: resources.network.into(),
            },
            node_selection: NodeSelectionView {
                node_ids: selection.node_ids.into_iter().map(String::from).collect(),
            },
            created_at,
            updated_at,
        })
    }
}
