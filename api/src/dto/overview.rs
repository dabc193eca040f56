//! The fleet at a glance, as it is shown.

use chrono::{DateTime, Utc};
use domain::instance::InstanceState as State;
use entities::repo::overview::{Failure, InstanceCount, NodeUse};
use poem_openapi::Object;

use super::words::NodeStatus;

/// Instances by where they stand in their lives.
#[derive(Debug, Default, Object)]
pub struct StateCounts {
    /// No worker has taken them yet.
    pub pending: u32,
    /// Being prepared.
    pub creating: u32,
    /// Started, not online yet.
    pub starting: u32,
    /// Seen online.
    pub running: u32,
    /// To go, once their job is done.
    pub draining: u32,
    /// Being stopped and removed.
    pub stopping: u32,
    /// Without a container, ready to be started again.
    pub stopped: u32,
    /// They need somebody's help.
    pub failed: u32,
}

/// Instances with a container by what their runners were last reported to be.
#[derive(Debug, Default, Object)]
pub struct StatusCounts {
    /// Connected to GitHub; whether they run a job is not known.
    pub online: u32,
    /// Not connected.
    pub offline: u32,
    /// Running a job.
    pub busy: u32,
    /// Waiting for a job.
    pub idle: u32,
}

/// Runners by what they are doing.
#[derive(Debug, Default, Object)]
pub struct RunnerCounts {
    /// No instance of them runs a job.
    pub idle: u32,
    /// At least one instance of them runs a job.
    pub busy: u32,
}

/// A node with its room.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct NodeUseView {
    /// Its id.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Whether its engine answered the last check.
    pub status: NodeStatus,
    /// Why it is not active, if that is known.
    pub status_reason: Option<String>,
    /// Whether new instances may be placed on it.
    pub is_active: bool,
    /// How many instances it may take.
    pub capacity: u32,
    /// How many instances take up room on it.
    pub instances_in_use: u32,
}

/// An instance that has failed.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct FailureView {
    /// The instance.
    pub instance_id: String,
    /// Its name.
    pub name: String,
    /// Its runner.
    pub runner_id: String,
    /// Its runner's name.
    pub runner_name: String,
    /// Its node.
    pub node_id: String,
    /// The cause, and what to do about it.
    pub reason: Option<String>,
    /// When.
    pub failed_at: DateTime<Utc>,
}

/// A queue that this organisation's tasks go through, perhaps together with others'.
#[derive(Debug, Object)]
pub struct QueueView {
    /// Its name.
    pub name: String,
    /// How many tasks wait in it.
    pub waiting: u32,
}

/// A worker that takes tasks of this organisation and was seen in the last 30 seconds.
#[derive(Debug, Object)]
pub struct WorkerView {
    /// Its name.
    pub name: String,
    /// Which of the queues it takes tasks from.
    pub queues: Vec<String>,
    /// How many tasks it runs at once.
    pub concurrency: u32,
    /// Its version.
    pub version: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it last said so.
    pub seen_at: DateTime<Utc>,
}

/// The fleet at a glance.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Overview {
    /// Instances by state.
    pub instances: StateCounts,
    /// Instances that start, run or drain, by status.
    pub statuses: StatusCounts,
    /// Runners by status.
    pub runners: RunnerCounts,
    /// The nodes by name, 500 at most.
    pub nodes: Vec<NodeUseView>,
    /// The last 10 instances that have failed in the last 24 hours and are still failed, the latest first.
    pub failures: Vec<FailureView>,
    /// What waits; absent while Redis does not answer.
    pub queues: Option<Vec<QueueView>>,
    /// Who works; absent while Redis does not answer.
    pub workers: Option<Vec<WorkerView>>,
}

impl Overview {
    /// From what was counted.
    pub fn of(
        instances: &[InstanceCount],
        runners: &[(domain::runner::RunnerStatus, u64)],
        nodes: Vec<NodeUse>,
        failures: Vec<Failure>,
        queues: Option<Vec<QueueView>>,
        workers: Option<Vec<WorkerView>>,
    ) -> Self {
        let mut runner_counts = RunnerCounts::default();
        for (status, count) in runners {
            *match status {
                domain::runner::RunnerStatus::Idle => &mut runner_counts.idle,
                domain::runner::RunnerStatus::Busy => &mut runner_counts.busy,
            } += amount(*count);
        }
        Self {
            instances: StateCounts::of(instances),
            statuses: StatusCounts::of(instances),
            runners: runner_counts,
            nodes: nodes.into_iter().map(NodeUseView::from).collect(),
            failures: failures.into_iter().map(FailureView::from).collect(),
            queues,
            workers,
        }
    }
}

/// A count as it is shown; more than this is never reached.
pub fn amount(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl StateCounts {
    fn of(counted: &[InstanceCount]) -> Self {
        let mut counts = Self::default();
        for entry in counted {
            *match entry.state {
                State::Pending => &mut counts.pending,
                State::Creating => &mut counts.creating,
                State::Starting => &mut counts.starting,
                State::Running => &mut counts.running,
                State::Draining => &mut counts.draining,
                State::Stopping => &mut counts.stopping,
                State::Stopped => &mut counts.stopped,
                State::Failed => &mut counts.failed,
                // Its row is deleted with it.
                State::Removed => continue,
            } += amount(entry.count);
        }
        counts
    }
}

impl StatusCounts {
    fn of(counted: &[InstanceCount]) -> Self {
        use domain::instance::InstanceStatus::{Busy, Idle, Offline, Online};
        let mut counts = Self::default();
        for entry in counted.iter().filter(|entry| entry.state.is_live()) {
            *match entry.status {
                Online => &mut counts.online,
                Offline => &mut counts.offline,
                Busy => &mut counts.busy,
                Idle => &mut counts.idle,
            } += amount(entry.count);
        }
        counts
    }
}

impl From<NodeUse> for NodeUseView {
    fn from(node: NodeUse) -> Self {
        let NodeUse {
            uid,
            name,
            status,
            status_reason,
            is_active,
            capacity,
            in_use,
            host: _,
        } = node;
        Self {
            uid,
            name,
            status: status.into(),
            status_reason,
            is_active,
            capacity,
            instances_in_use: amount(in_use),
        }
    }
}

impl From<Failure> for FailureView {
    fn from(failure: Failure) -> Self {
        let Failure {
            uid,
            name,
            runner_id,
            runner_name,
            node_id,
            state_reason,
            state_changed_at,
        } = failure;
        Self {
            instance_id: uid,
            name,
            runner_id,
            runner_name,
            node_id,
            reason: state_reason,
            failed_at: state_changed_at,
        }
    }
}
