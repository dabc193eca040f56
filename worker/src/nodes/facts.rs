//! What is known of a node after a check.

use bollard::models::{SystemInfo, SystemInfoCgroupVersionEnum};
use serde::Serialize;

use super::error::plain;
use super::host::HostFigures;

/// Figures of a node, as its engine gives them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeFacts {
    /// Docker's version.
    pub engine_version: String,
    /// The API version in use.
    pub api_version: String,
    /// `linux`, and what else there may be.
    pub os: String,
    /// `x86_64`, `aarch64` …
    pub arch: String,
    /// CPUs of the node.
    pub cpus: u32,
    /// Memory of the node, in bytes.
    pub memory_bytes: u64,
    /// `v1` or `v2`, with the driver: `v2 systemd`.
    pub cgroup: String,
    /// How images and containers are stored, for example `overlay2`.
    pub storage_driver: String,
    /// Containers that run, ours and others.
    pub containers_running: u32,
    /// The host's own figures; only of a local node.
    #[serde(flatten)]
    pub host: Option<HostFigures>,
}

impl NodeFacts {
    pub(super) fn new(info: &SystemInfo, api_version: String, host: Option<HostFigures>) -> Self {
        let text = |value: &Option<String>| plain(value.as_deref().unwrap_or_default());
        let version = match info.cgroup_version {
            Some(SystemInfoCgroupVersionEnum::_1) => "v1",
            Some(SystemInfoCgroupVersionEnum::_2) => "v2",
            Some(SystemInfoCgroupVersionEnum::EMPTY) | None => "unknown",
        };
        let driver = info
            .cgroup_driver
            .map(|driver| driver.to_string())
            .unwrap_or_default();
        Self {
            engine_version: text(&info.server_version),
            api_version,
            os: text(&info.os_type),
            arch: text(&info.architecture),
            cpus: positive(info.ncpu),
            memory_bytes: positive(info.mem_total),
            cgroup: format!("{version} {driver}").trim_end().to_owned(),
            storage_driver: text(&info.driver),
            containers_running: positive(info.containers_running),
            host,
        }
    }
}

/// What an engine gives as a count; a negative or missing one counts as none.
fn positive<T: TryFrom<i64> + Default>(count: Option<i64>) -> T {
    count
        .and_then(|count| T::try_from(count).ok())
        .unwrap_or_default()
}
