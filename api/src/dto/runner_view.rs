//! Runners, as they are shown.

use chrono::{DateTime, Utc};
use domain::instance::{InstanceState as State, InstanceStatus as Status};
use entities::model::runners::Model;
use entities::repo::overview::InstanceCount;
use poem_openapi::Object;

use super::credential::masked;
use super::overview::amount;
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

/// A runner's instances, each counted once. What their runners are is as last stored; the instances
/// themselves say it to the second.
#[derive(Debug, Default, Object)]
pub struct RunnerInstances {
    /// All of them.
    pub total: u32,
    /// No container yet: waiting for a worker or being prepared.
    pub pending: u32,
    /// Started, not seen online yet.
    pub starting: u32,
    /// Waiting for a job.
    pub idle: u32,
    /// Running a job.
    pub busy: u32,
    /// Connected; whether they run a job is not known.
    pub online: u32,
    /// Running, but not connected.
    pub offline: u32,
    /// To go once their job is done, or being removed.
    pub draining: u32,
    /// Without a container, ready to be started again.
    pub stopped: u32,
    /// They need somebody's help.
    pub failed: u32,
}

impl RunnerInstances {
    fn of(counted: &[InstanceCount]) -> Self {
        let mut counts = Self::default();
        for entry in counted {
            *match (entry.state, entry.status) {
                (State::Pending | State::Creating, _) => &mut counts.pending,
                (State::Starting, _) => &mut counts.starting,
                (State::Running, Status::Idle) => &mut counts.idle,
                (State::Running, Status::Busy) => &mut counts.busy,
                (State::Running, Status::Online) => &mut counts.online,
                (State::Running, Status::Offline) => &mut counts.offline,
                (State::Draining | State::Stopping, _) => &mut counts.draining,
                (State::Stopped, _) => &mut counts.stopped,
                (State::Failed, _) => &mut counts.failed,
                // Its row is deleted with it.
                (State::Removed, _) => continue,
            } += amount(entry.count);
            counts.total += amount(entry.count);
        }
        counts
    }
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
    /// Its instances.
    pub instances: RunnerInstances,
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
    /// The view of a row with its instances as counted.
    pub fn of(row: Model, counted: &[InstanceCount]) -> Result<Self, ApiError> {
        let taking_room = counted.iter().filter(|entry| entry.state.takes_room());
        let in_use = taking_room.map(|entry| entry.count).sum();
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
            instances_in_use: amount(in_use),
            instances: RunnerInstances::of(counted),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_instance_is_counted_once() {
        let mut counted = Vec::new();
        for state in State::ALL {
            for status in [Status::Online, Status::Offline, Status::Busy, Status::Idle] {
                counted.push(InstanceCount {
                    state,
                    status,
                    count: 1,
                });
            }
        }
        let RunnerInstances {
            total,
            pending,
            starting,
            idle,
            busy,
            online,
            offline,
            draining,
            stopped,
            failed,
        } = RunnerInstances::of(&counted);
        assert_eq!([idle, busy, online, offline], [1; 4]);
        assert_eq!([pending, starting, draining, stopped, failed], [8, 4, 8, 4, 4]);
        // All but the removed ones.
        assert_eq!(total, 32);
    }
}
