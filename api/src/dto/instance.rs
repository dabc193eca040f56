//! Instances and their logs.

use chrono::{DateTime, Utc};
use domain::Invalid;
use domain::ids::{NodeId, RunnerId};
use domain::instance::{DesiredState as Desired, InstanceStatus as Status};
use domain::telemetry::RunnerStatus;
use entities::model::runner_instances::Model;
use poem_openapi::{Enum, Object};
use serde::Deserialize;

use super::words::{DesiredState, InstanceState, InstanceStatus};
use crate::error::ApiError;
use crate::fields::Fields;

/// An instance to be created. The body may be left out.
#[derive(Debug, Default, Object)]
#[oai(deny_unknown_fields)]
pub struct InstanceCreate {
    /// The node to place it on; the one with the most room unless given.
    #[oai(validator(max_length = 36))]
    node_id: Option<String>,
}

impl InstanceCreate {
    /// Checks the node's id.
    pub fn parse(self) -> Result<Option<NodeId>, ApiError> {
        let mut fields = Fields::default();
        let node = self
            .node_id
            .and_then(|id| fields.check("node_id", parse_node_id(&id)));
        fields.finish()?;
        Ok(node)
    }
}

/// Reads a node's id, with one sentence for what is none and for what is another organisation's.
pub fn parse_node_id(text: &str) -> Result<NodeId, Invalid> {
    text.parse()
        .map_err(|_| Invalid("must be the uid of a node of this organisation"))
}

/// Reads a runner's id, with one sentence as for nodes.
pub fn parse_runner_id(text: &str) -> Result<RunnerId, Invalid> {
    text.parse()
        .map_err(|_| Invalid("must be the uid of a runner of this organisation"))
}

/// What a person may want of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum WantedState {
    /// A registered runner in a running container.
    Running,
    /// No container and no registration, but ready to be started again.
    Stopped,
}

impl From<WantedState> for Desired {
    fn from(wanted: WantedState) -> Self {
        match wanted {
            WantedState::Running => Self::Running,
            WantedState::Stopped => Self::Stopped,
        }
    }
}

/// What a person may change of an instance.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct InstanceUpdate {
    /// What is wanted of it; its state follows.
    pub desired_state: WantedState,
}

/// What a reporter says of the runner in an instance.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct InstancePatch {
    /// What the runner is.
    pub status: InstanceStatus,
}

/// What is shown of an instance's container.
#[derive(Debug, Default, Deserialize, Object)]
#[oai(skip_serializing_if_is_none)]
#[serde(default)]
pub struct InstanceMeta {
    /// The image it was made from.
    pub image: Option<String>,
    /// That image's id.
    pub image_id: Option<String>,
    /// How it reaches the network.
    pub network: Option<String>,
    /// CPUs it may use.
    pub cpus: Option<f64>,
    /// Memory it may use, in MiB.
    pub memory_mb: Option<u32>,
    /// Processes and threads it may have.
    pub pids: Option<u32>,
    /// When it was started.
    pub started_at: Option<DateTime<Utc>>,
    /// The exit code, once it ended.
    pub exit_code: Option<i64>,
    /// Whether it ended because it used up its memory.
    pub oom_killed: Option<bool>,
}

/// One container that is, was or will be a runner at GitHub.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct InstanceView {
    /// Its id.
    pub uid: String,
    /// The organisation that owns it.
    pub org_id: String,
    /// The runner it was made from.
    pub runner_id: String,
    /// The node it is placed on.
    pub node_id: String,
    /// That runner's name; in lists only.
    pub runner_name: Option<String>,
    /// That node's name; in lists only.
    pub node_name: Option<String>,
    /// The runner's name at GitHub.
    pub name: String,
    /// The container's id.
    pub instance_identifier: Option<String>,
    /// The node's address or host.
    pub instance_host: Option<String>,
    /// What is shown of the container.
    pub instance_meta: InstanceMeta,
    /// What the runner in it is: as last reported, offline five minutes after the last report.
    pub status: InstanceStatus,
    /// Where it stands in its life.
    pub state: InstanceState,
    /// Why it stands there.
    pub state_reason: Option<String>,
    /// Since when it stands there.
    pub state_changed_at: DateTime<Utc>,
    /// What a person wants of it.
    pub desired_state: DesiredState,
    /// How often registration was tried.
    pub attempts: u32,
    /// The runner's id at GitHub.
    pub github_runner_id: Option<i64>,
    /// When the runner was last reported of.
    pub last_heartbeat: Option<DateTime<Utc>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What Redis says of an instance's runner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Live {
    /// This.
    Reported(RunnerStatus),
    /// Nothing: no report for five minutes, so it is offline.
    Silent,
    /// Redis does not answer: what the database holds is the best that is known.
    Unknown,
}

impl InstanceView {
    /// The view of a row with what Redis says.
    pub fn of(row: Model, live: &Live) -> Result<Self, ApiError> {
        let (state, desired, stored) = (row.state()?, row.desired()?, row.status()?);
        let Model {
            uid,
            created_at,
            updated_at,
            deleted_at: _,
            is_deleted: _,
            is_active: _,
            runner_id,
            org_id,
            node_id,
            name,
            instance_identifier,
            instance_host,
            instance_meta,
            status: _,
            state: _,
            desired_state: _,
            state_reason,
            state_changed_at,
            state_deadline: _,
            lease_token: _,
            lease_until: _,
            attempts,
            github_runner_id,
            last_heartbeat,
        } = row;
        let (status, last_heartbeat) = match live {
            Live::Reported(report) => (report.status, Some(report.last_heartbeat)),
            Live::Silent => (Status::Offline, last_heartbeat),
            Live::Unknown => (stored, last_heartbeat),
        };
        Ok(Self {
            uid,
            org_id,
            runner_id,
            node_id,
            runner_name: None,
            node_name: None,
            name,
            instance_identifier,
            instance_host,
            // Written by workers, perhaps of another release: what can't be read is left out.
            instance_meta: serde_json::from_value(instance_meta).unwrap_or_default(),
            status: status.into(),
            state: state.into(),
            state_reason,
            state_changed_at,
            desired_state: desired.into(),
            attempts: u32::try_from(attempts).unwrap_or(0),
            github_runner_id,
            last_heartbeat,
            created_at,
            updated_at,
        })
    }
}

/// The last lines of an instance's log.
#[derive(Debug, Object)]
pub struct LogView {
    /// The lines, oldest first. They come from code that runs in the container: show them as text only.
    pub lines: Vec<String>,
    /// Whether lines were left out because the whole was too large.
    pub truncated: bool,
}
