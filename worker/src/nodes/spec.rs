//! What a runner's container is made from. The host configuration is built here from nothing and by
//! nobody else, so that no value of a request can add a mount, a device or a privilege.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, RestartPolicy, RestartPolicyNameEnum,
};
use domain::container::{LABEL_INSTALL, LABEL_INSTANCE, LABEL_ORG, LABEL_RUNNER};
use domain::ids::{InstanceId, OrgId, RunnerId};
use domain::runner::{ImageReference, NetworkMode, Resources};

/// The container of one instance.
#[derive(Debug, Clone)]
pub struct ContainerSpec {
    /// This installation.
    pub install_id: String,
    /// The instance it is.
    pub instance: InstanceId,
    /// The runner it belongs to.
    pub runner: RunnerId,
    /// The organisation that owns it.
    pub org: OrgId,
    /// The instance's name, also the container's and its host name: letters, digits, `_`, `.`, `-`.
    pub name: String,
    /// The image, present on the node.
    pub image: ImageReference,
    /// The command instead of the image's own; nothing secret, the engine shows it.
    pub command: Vec<String>,
    /// Environment variables; nothing secret, the engine shows them.
    pub env: Vec<(String, String)>,
    /// The limits.
    pub resources: Resources,
}

impl ContainerSpec {
    pub(super) fn create_body(&self) -> ContainerCreateBody {
        ContainerCreateBody {
            image: Some(self.image.as_str().to_owned()),
            cmd: Some(self.command.clone()).filter(|command| !command.is_empty()),
            env: Some(
                self.env
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect(),
            ),
            labels: Some(self.labels()),
            // For `Engine::feed`; the input ends with it, so that a container can't wait for more.
            attach_stdin: Some(true),
            open_stdin: Some(true),
            stdin_once: Some(true),
            host_config: Some(host_config(&self.resources)),
            // The image's user, entry point and working directory stay as they are.
            ..ContainerCreateBody::default()
        }
    }

    fn labels(&self) -> HashMap<String, String> {
        [
            (LABEL_INSTALL, self.install_id.as_str()),
            (LABEL_INSTANCE, self.instance.as_str()),
            (LABEL_RUNNER, self.runner.as_str()),
            (LABEL_ORG, self.org.as_str()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

/// Everything that the engine is told about isolation and limits.
pub(super) fn host_config(resources: &Resources) -> HostConfig {
    let memory = i64::from(resources.memory_mb) << 20;
    HostConfig {
        memory: Some(memory),
        // Memory and swap together: equal to the memory limit, no swap is added.
        memory_swap: Some(memory),
        nano_cpus: Some(nano_cpus(resources.cpus)),
        pids_limit: Some(i64::from(resources.pids)),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        // No job needs to forge packets or make device nodes.
        cap_drop: Some(vec!["MKNOD".to_owned(), "NET_RAW".to_owned()]),
        privileged: Some(false),
        network_mode: Some(
            match resources.network {
                NetworkMode::Bridge => "bridge",
                NetworkMode::Host => "host",
            }
            .to_owned(),
        ),
        ipc_mode: Some("private".to_owned()),
        // We reconcile: a container that restarts by itself would use a registration that is spent.
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        // Exit code and last log lines are read before it is removed.
        auto_remove: Some(false),
        // `run.sh` traps signals only where its image says so; as process 1 without a trap it would
        // ignore SIGTERM until the kill. A small init passes signals on, reaps what jobs leave behind
        // and keeps the exit code.
        init: Some(true),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(
                [("max-size", "10m"), ("max-file", "3")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
            ),
        }),
        ..HostConfig::default()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "at most 256 CPUs, far inside an i64 of billionths"
)]
fn nano_cpus(cpus: f64) -> i64 {
    (cpus * 1e9).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_configuration_is_the_reviewed_one() {
        let resources = Resources {
            cpus: 1.5,
            memory_mb: 512,
            pids: 128,
            network: NetworkMode::Bridge,
        };
        assert_eq!(
            serde_json::to_value(host_config(&resources)).unwrap(),
            serde_json::json!({
                "Memory": 536_870_912,
                "MemorySwap": 536_870_912,
                "NanoCpus": 1_500_000_000,
                "PidsLimit": 128,
                "SecurityOpt": ["no-new-privileges"],
                "CapDrop": ["MKNOD", "NET_RAW"],
                "Privileged": false,
                "NetworkMode": "bridge",
                "IpcMode": "private",
                "RestartPolicy": {"Name": "no"},
                "AutoRemove": false,
                "Init": true,
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
            })
        );
    }

    #[test]
    fn only_the_network_differs_for_a_host_network_runner() {
        let on = |network| {
            host_config(&Resources {
                network,
                ..Resources::default()
            })
        };
        let host = on(NetworkMode::Host);
        assert_eq!(host.network_mode.as_deref(), Some("host"));
        assert_eq!(
            HostConfig {
                network_mode: on(NetworkMode::Bridge).network_mode,
                ..host
            },
            on(NetworkMode::Bridge)
        );
    }
}
