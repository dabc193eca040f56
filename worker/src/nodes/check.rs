//! The checks of a node: each with a name, an outcome and, if it failed, what to do.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{ContainerCreateBody, SystemInfo};
use bollard::query_parameters::{
    CreateContainerOptions, ListContainersOptions, ListImagesOptions, RemoveContainerOptions,
};
use chrono::{DateTime, Utc};
use domain::Clock;
use domain::container::LABEL_INSTALL;
use domain::runner::Resources;
use serde::Serialize;
use uuid::Uuid;

use super::container::{ContainerId, engine_made};
use super::disk::root_dir;
use super::engine::{CALL, CREATE, Engine};
use super::error::NodeError;
use super::facts::NodeFacts;
use super::host::{self, Filesystem};
use super::spec::host_config;
use super::target::NodeTarget;

/// Marks the container that a check creates and removes; it is never started.
const LABEL_CHECK: &str = "runner-pilot.check";
/// Below this a runner image hardly fits.
const LEAST_FREE_DISK: u64 = 2 << 30;
/// Above this, tokens and certificates begin to be refused.
const MOST_SKEW_SECS: i64 = 60;

/// One named check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked: `address`, `tls`, `api_version`, `platform`, `limits`, `disk`, `clock`, `container`.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub message: String,
    /// What to do about it, if it is not as it should be.
    pub fix: Option<String>,
}

/// What a check of a node found. Without facts the engine did not answer, and the last check says why.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeReport {
    /// The node's figures, if its engine answered.
    pub facts: Option<NodeFacts>,
    /// The checks, in the order in which they were made.
    pub checks: Vec<Check>,
}

impl NodeReport {
    /// Whether every check passed.
    pub fn is_ok(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }
}

/// Connects to the node and checks everything that a runner there needs. It takes at most about a minute,
/// and does not use the pool: a check must look for itself.
pub async fn check(target: &NodeTarget, install_id: &str, clock: &dyn Clock) -> NodeReport {
    let mut checks = Vec::new();
    let engine = match Engine::connect(target).await {
        Ok(engine) => engine,
        Err(error) => {
            unreached(target, &error, &mut checks);
            return NodeReport { facts: None, checks };
        }
    };
    checks.push(passed("address", format!("{target} answers")));
    if let NodeTarget::Remote { tls: Some(_), .. } = target {
        checks.push(passed("tls", "both sides proved who they are"));
    }
    checks.push(passed("api_version", format!("API {}", engine.api_version())));
    let asked_at = clock.now();
    let info = match engine.call("info", CALL, engine.docker().info()).await {
        Ok(info) => info,
        Err(error) => {
            checks.push(failed("platform", &error, "Look at the engine's log."));
            return NodeReport { facts: None, checks };
        }
    };
    checks.push(platform(&info));
    checks.push(limits(&info));
    let root = info.docker_root_dir.as_deref().and_then(root_dir);
    let host = match (target, &root) {
        (NodeTarget::Local { .. }, root) => {
            host::figures(root.clone().unwrap_or_else(|| Path::new("/").to_owned())).await
        }
        (NodeTarget::Socket(_) | NodeTarget::Remote { .. }, _) => None,
    };
    let storage = match (root, engine.by_socket()) {
        (Some(root), true) => host::filesystem_of(root).await,
        (Some(_) | None, _) => None,
    };
    checks.push(disk(storage));
    checks.push(clock_skew(&info, asked_at));
    checks.push(container(&engine, install_id).await);
    NodeReport {
        facts: Some(NodeFacts::new(&info, engine.api_version(), host)),
        checks,
    }
}

fn unreached(target: &NodeTarget, error: &NodeError, checks: &mut Vec<Check>) {
    let (name, fix) = match error {
        NodeError::PermissionDenied(_) => (
            "address",
            "Add the worker's user to the socket's group, for example `usermod -aG docker <user>`, and restart the worker.",
        ),
        NodeError::AddressRefused(_) => ("address", "Give the node another address."),
        NodeError::Tls(_) => (
            "tls",
            "The engine's certificate must be signed by the CA given here and bear the node's name or address; \
             the client certificate must be signed by the CA of the engine's --tlscacert.",
        ),
        NodeError::ApiTooOld(_) => ("api_version", "Update Docker on the node to 20.10 or newer."),
        NodeError::Malformed { .. } | NodeError::Api { .. } => (
            "api_version",
            "Something answers there that is no Docker engine: check address and port. An engine with TLS answers plain requests like this too.",
        ),
        NodeError::Timeout { .. } => (
            "address",
            "Check that the node is up and that no firewall drops the port; an engine that hangs needs a restart.",
        ),
        _ => match target {
            NodeTarget::Remote { .. } => (
                "address",
                "Check address and port, that `dockerd` runs there with -H tcp://…, and the firewall between.",
            ),
            NodeTarget::Socket(_) | NodeTarget::Local { .. } => (
                "address",
                "Check that Docker runs (`systemctl status docker`) and that the socket's path is right.",
            ),
        },
    };
    if name != "address" {
        checks.push(passed("address", format!("{target} accepts connections")));
    }
    checks.push(failed(name, error, fix));
}

fn platform(info: &SystemInfo) -> Check {
    let os = info.os_type.as_deref().unwrap_or_default();
    let arch = info.architecture.as_deref().unwrap_or_default();
    let known = ["x86_64", "amd64", "aarch64", "arm64"].contains(&arch);
    let message = super::error::plain(&format!("{os}, {arch}"));
    if os == "linux" && known {
        passed("platform", message)
    } else {
        wrong(
            "platform",
            message,
            "Runner containers need Linux on x86_64 or arm64: use another node, or an image of your own for this one.",
        )
    }
}

fn limits(info: &SystemInfo) -> Check {
    let missing: Vec<&str> = [
        ("memory", info.memory_limit),
        ("CPU", info.cpu_cfs_quota),
        ("process", info.pids_limit),
    ]
    .into_iter()
    .filter(|(_, supported)| *supported != Some(true))
    .map(|(name, _)| name)
    .collect();
    if !missing.is_empty() {
        return wrong(
            "limits",
            format!("the kernel does not enforce {} limits", missing.join(", ")),
            "Enable the cgroup controllers memory, cpu and pids (rootless engines: delegate them to the user's systemd).",
        );
    }
    let swap = if info.swap_limit == Some(true) {
        ""
    } else {
        "; swap is not counted, so a container may swap beyond its memory limit"
    };
    passed(
        "limits",
        format!("memory, CPU and process limits are enforced{swap}"),
    )
}

fn disk(storage: Option<Filesystem>) -> Check {
    let gib = |bytes: u64| format!("{}.{} GiB", bytes >> 30, ((bytes >> 20) % 1024) * 10 / 1024);
    match storage {
        None => passed(
            "disk",
            "not known from here: a remote engine does not tell; measured once a runner runs there",
        ),
        Some(storage) => {
            let (free, total) = (storage.disk_available_bytes, storage.disk_total_bytes);
            let message = format!("{} of {} free", gib(free), gib(total));
            if free >= LEAST_FREE_DISK {
                passed("disk", message)
            } else {
                wrong(
                    "disk",
                    message,
                    "Free at least 2 GiB, for example with `docker system prune`.",
                )
            }
        }
    }
}

fn clock_skew(info: &SystemInfo, asked_at: DateTime<Utc>) -> Check {
    let told = info
        .system_time
        .as_deref()
        .and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let Some(told) = told else {
        return passed("clock", "the engine does not tell its time");
    };
    let skew = (told.with_timezone(&Utc) - asked_at).num_seconds();
    let message = match skew {
        -1..=1 => "within a second of this worker's".to_owned(),
        ahead @ 2.. => format!("{ahead} s ahead of this worker's"),
        behind => format!("{} s behind this worker's", behind.unsigned_abs()),
    };
    if skew.unsigned_abs() <= MOST_SKEW_SECS.unsigned_abs() {
        passed("clock", message)
    } else {
        wrong(
            "clock",
            message,
            "Set both clocks by NTP (`timedatectl set-ntp true`): GitHub refuses tokens when the time is wrong.",
        )
    }
}

async fn container(engine: &Engine, install_id: &str) -> Check {
    match try_container(engine, install_id).await {
        Ok(Some(image)) => passed(
            "container",
            format!("a container of {image} was created and removed"),
        ),
        Ok(None) => passed("container", "not tried: the node has no image yet"),
        Err(error) => failed(
            "container",
            &error,
            "Try `docker create` with the same image on the node and look at the engine's log.",
        ),
    }
}

/// Creates a container with a runner's own limits, without starting it, and removes it. Only from an
/// image that is there: a check must not download anything.
async fn try_container(engine: &Engine, install_id: &str) -> Result<Option<String>, NodeError> {
    remove_leftovers(engine, install_id).await?;
    let images = engine
        .call(
            "list images",
            CALL,
            engine.docker().list_images(None::<ListImagesOptions>),
        )
        .await?;
    let smallest = images
        .iter()
        .filter_map(|image| Some((image.size, image.repo_tags.first()?)))
        .filter(|(_, tag)| tag.parse::<domain::runner::ImageReference>().is_ok())
        .min_by_key(|(size, _)| *size);
    let Some((_, image)) = smallest else {
        return Ok(None);
    };
    let body = ContainerCreateBody {
        image: Some(image.clone()),
        // An image may have no command of its own; it is never run.
        cmd: Some(vec!["true".to_owned()]),
        labels: Some(HashMap::from([
            (LABEL_INSTALL.to_owned(), install_id.to_owned()),
            (LABEL_CHECK.to_owned(), "true".to_owned()),
        ])),
        host_config: Some(host_config(&Resources {
            cpus: 0.1,
            memory_mb: 64,
            pids: 16,
            ..Resources::default()
        })),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptions {
        name: Some(format!("runner-pilot-check-{}", Uuid::now_v7().simple())),
        ..CreateContainerOptions::default()
    };
    let creation = Box::pin(engine.docker().create_container(Some(options), body));
    let reply = engine.call("create container", CREATE, creation).await?;
    remove(engine, &engine_made("create container", &reply.id)?).await?;
    Ok(Some(image.clone()))
}

/// What a check that was cut off left behind.
async fn remove_leftovers(engine: &Engine, install_id: &str) -> Result<(), NodeError> {
    let labels = vec![
        format!("{LABEL_INSTALL}={install_id}"),
        format!("{LABEL_CHECK}=true"),
    ];
    let options = ListContainersOptions {
        all: true,
        filters: Some(HashMap::from([("label".to_owned(), labels)])),
        ..ListContainersOptions::default()
    };
    let listed = engine
        .call(
            "list containers",
            CALL,
            engine.docker().list_containers(Some(options)),
        )
        .await?;
    for summary in listed {
        let labels = summary.labels.unwrap_or_default();
        let ours = labels.get(LABEL_INSTALL).map(String::as_str) == Some(install_id)
            && labels.contains_key(LABEL_CHECK);
        if let (true, Some(Ok(id))) = (ours, summary.id.as_deref().map(str::parse::<ContainerId>)) {
            remove(engine, &id).await?;
        }
    }
    Ok(())
}

async fn remove(engine: &Engine, id: &ContainerId) -> Result<(), NodeError> {
    let options = RemoveContainerOptions {
        v: true,
        force: true,
        link: false,
    };
    let removal = engine.docker().remove_container(id.as_str(), Some(options));
    match engine.call("remove container", CREATE, removal).await {
        Err(NodeError::NotFound(_) | NodeError::Conflict(_)) => Ok(()),
        outcome => outcome,
    }
}

fn passed(name: &'static str, message: impl Into<String>) -> Check {
    Check {
        name,
        ok: true,
        message: message.into(),
        fix: None,
    }
}

fn wrong(name: &'static str, message: String, fix: &str) -> Check {
    Check {
        name,
        ok: false,
        message,
        fix: Some(fix.to_owned()),
    }
}

fn failed(name: &'static str, error: &NodeError, fix: &str) -> Check {
    wrong(name, error.to_string(), fix)
}
