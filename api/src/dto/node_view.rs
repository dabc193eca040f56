//! Nodes, as they are shown.

use chrono::{DateTime, Utc};
use entities::model::nodes::Model;
use poem_openapi::Object;
use serde::Deserialize;

use super::words::{NodeStatus, NodeType};
use crate::error::ApiError;

/// What an engine said of itself at the last check.
#[derive(Debug, Default, Deserialize, Object)]
#[oai(skip_serializing_if_is_none)]
#[serde(default)]
pub struct NodeFacts {
    /// The engine's version.
    pub engine_version: Option<String>,
    /// The version of its API that is spoken.
    pub api_version: Option<String>,
    /// The operating system.
    pub os: Option<String>,
    /// The processor's architecture.
    pub arch: Option<String>,
    /// How many CPUs it has.
    pub cpus: Option<f64>,
    /// How much memory it has, in bytes.
    pub memory_bytes: Option<i64>,
    /// The version of control groups.
    pub cgroup: Option<String>,
    /// How it stores images.
    pub storage_driver: Option<String>,
    /// Local nodes: the share of the host's CPU time in use, in percent.
    pub host_cpu_usage: Option<f64>,
    /// Local nodes: the share of the host's memory in use, in percent.
    pub host_memory_usage: Option<f64>,
    /// Local nodes: the share of the host's disk in use, in percent.
    pub host_disk_usage: Option<f64>,
}

/// One named check of a node.
#[derive(Debug, Deserialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct NodeCheck {
    /// What was checked.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What was found.
    #[serde(default)]
    pub message: Option<String>,
    /// What to do about it.
    #[serde(default)]
    pub fix: Option<String>,
}

/// A Docker engine that runners are placed on.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct NodeView {
    /// Its id.
    pub uid: String,
    /// The organisation that owns it.
    pub org_id: String,
    /// Who added it.
    pub user_id: String,
    /// Its name.
    pub name: String,
    /// How the engine is reached.
    pub r#type: NodeType,
    /// Of a remote node.
    pub ip_address: Option<String>,
    /// Of a remote node.
    pub port: Option<u16>,
    /// Of a node reached by a socket.
    pub socket_path: Option<String>,
    /// Of a local node: the host whose workers reach it.
    pub host: Option<String>,
    /// Whether TLS material is stored; it is never shown.
    pub has_tls: bool,
    /// Whether its engine answered the last check.
    pub status: NodeStatus,
    /// Why it is inactive, and what to do.
    pub status_reason: Option<String>,
    /// Whether new instances may be placed on it.
    pub is_active: bool,
    /// How many instances may take up room on it.
    pub capacity: u32,
    /// How many instances do.
    pub instances_in_use: u32,
    /// What the engine said of itself.
    pub facts: Option<NodeFacts>,
    /// The named checks with their results.
    pub checks: Vec<NodeCheck>,
    /// When it was last checked; absent before the first check.
    pub last_checked_at: Option<DateTime<Utc>>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl NodeView {
    /// The view of a row with the number of instances that take up room on it.
    pub fn of(row: Model, in_use: u64) -> Result<Self, ApiError> {
        let (kind, status) = (row.node_type()?, row.status()?);
        let Model {
            uid,
            created_at,
            updated_at,
            deleted_at: _,
            is_deleted: _,
            is_active,
            name,
            ip_address,
            port,
            socket_path,
            r#type: _,
            status: _,
            user_id,
            org_id,
            host,
            tls_material,
            capacity,
            facts,
            checks,
            status_reason,
            last_checked_at,
        } = row;
        Ok(Self {
            uid,
            org_id,
            user_id,
            name,
            r#type: kind.into(),
            ip_address,
            port: port.and_then(|port| u16::try_from(port).ok()),
            socket_path,
            host,
            has_tls: tls_material.is_some(),
            status: status.into(),
            status_reason,
            is_active,
            capacity: u32::try_from(capacity).unwrap_or(0),
            instances_in_use: u32::try_from(in_use).unwrap_or(u32::MAX),
            // Written by workers, perhaps of another release: what can't be read is left out.
            facts: facts.and_then(|facts| serde_json::from_value(facts).ok()),
            checks: checks
                .and_then(|checks| serde_json::from_value(checks).ok())
                .unwrap_or_default(),
            last_checked_at,
            created_at,
            updated_at,
        })
    }
}
