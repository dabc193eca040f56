//! The life of a container: find or create by label, start, look at, stop, remove.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, ListContainersOptions, RemoveContainerOptions,
    StartContainerOptions, StopContainerOptions,
};
use chrono::{DateTime, Utc};
use domain::Invalid;
use domain::container::{LABEL_INSTALL, LABEL_INSTANCE, LABEL_RUNNER, is_container_id};
use domain::ids::{InstanceId, RunnerId};

use super::engine::{CALL, CREATE, Engine};
use super::error::{NodeError, plain};
use super::spec::ContainerSpec;

/// A container's id as an engine makes it: 64 lower-case hex digits, fit for a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContainerId(String);

impl ContainerId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ContainerId {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        if is_container_id(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid("must be a container id of 64 hex digits"))
        }
    }
}

impl std::fmt::Display for ContainerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A container together with whose it must be. Each call that changes it reads its labels first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedContainer {
    /// Its id.
    pub id: ContainerId,
    /// The installation its label must name.
    pub install_id: String,
    /// The instance its label must name.
    pub instance: InstanceId,
}

/// What [`Engine::create_or_adopt`] ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The container.
    pub container: OwnedContainer,
    /// Whether an earlier attempt had made it; it may be running or have ended.
    pub adopted: bool,
}

/// A container of this installation, as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundContainer {
    /// The container.
    pub container: OwnedContainer,
    /// The runner its label names, if the label is one.
    pub runner: Option<RunnerId>,
    /// Whether it runs.
    pub running: bool,
    /// When it was created.
    pub created_at: Option<DateTime<Utc>>,
}

/// What is read of a container: an allow-list, because the whole of it holds its environment.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerState {
    /// Whether it runs.
    pub running: bool,
    /// Whether it was ever started.
    pub started: bool,
    /// The exit code, once it ended.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed it, or a process in it, for want of memory.
    pub oom_killed: bool,
    /// Why the engine could not start it.
    pub error: Option<String>,
    /// When it was last started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// The id of the image it was made from.
    pub image_id: Option<String>,
    /// The network it is on.
    pub network: Option<String>,
    /// Its CPU limit in CPUs.
    pub cpus: Option<f64>,
    /// Its memory limit in MiB.
    pub memory_mb: Option<i64>,
    /// Its process limit.
    pub pids: Option<i64>,
}

impl Engine {
    /// Finds the instance's container by its labels or creates it, not started. A container of the same
    /// name that is not this instance's is left alone: [`NodeError::ForeignContainer`].
    pub async fn create_or_adopt(&self, spec: &ContainerSpec) -> Result<Created, NodeError> {
        if let Some(found) = self.find_by_instance(&spec.install_id, &spec.instance).await? {
            return Ok(adopted(found));
        }
        let options = CreateContainerOptions {
            name: Some(spec.name.clone()),
            ..CreateContainerOptions::default()
        };
        let creation = Box::pin(self.docker().create_container(Some(options), spec.create_body()));
        match self.call("create container", CREATE, creation).await {
            Ok(reply) => Ok(Created {
                container: OwnedContainer {
                    id: engine_made("create container", &reply.id)?,
                    install_id: spec.install_id.clone(),
                    instance: spec.instance.clone(),
                },
                adopted: false,
            }),
            // Another attempt was quicker, or somebody else has the name.
            Err(NodeError::Conflict(message)) => {
                match self.find_by_instance(&spec.install_id, &spec.instance).await? {
                    Some(found) => Ok(adopted(found)),
                    None if self.is_name_taken(&spec.name).await? => Err(NodeError::ForeignContainer {
                        name: spec.name.clone(),
                    }),
                    // The other attempt has reserved the name and is not done yet.
                    None => Err(NodeError::Conflict(message)),
                }
            }
            Err(NodeError::NotFound(message)) => Err(NodeError::ImageNotFound {
                image: spec.image.as_str().to_owned(),
                message,
            }),
            Err(other) => Err(other),
        }
    }

    /// The instance's container, if the node has it. Of several (which only a hand could have made) the
    /// running one, else the newest.
    pub async fn find_by_instance(
        &self,
        install_id: &str,
        instance: &InstanceId,
    ) -> Result<Option<FoundContainer>, NodeError> {
        let labels = vec![
            format!("{LABEL_INSTALL}={install_id}"),
            format!("{LABEL_INSTANCE}={instance}"),
        ];
        let mut found = self.list_by_labels(install_id, labels).await?;
        // The filter was the engine's to apply, the answer is ours to check.
        found.retain(|container| container.container.instance == *instance);
        found.sort_by_key(|container| (container.running, container.created_at));
        Ok(found.pop())
    }

    /// Whether a finished container bears exactly this name.
    async fn is_name_taken(&self, name: &str) -> Result<bool, NodeError> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(HashMap::from([("name".to_owned(), vec![name.to_owned()])])),
            ..ListContainersOptions::default()
        };
        let listed = self
            .call(
                "list containers",
                CALL,
                self.docker().list_containers(Some(options)),
            )
            .await?;
        let full = format!("/{name}");
        // The engine's filter finds parts of names too.
        Ok(listed
            .iter()
            .any(|summary| summary.names.iter().flatten().any(|one| *one == full)))
    }

    /// Every container of this installation, running or not.
    pub async fn list_ours(&self, install_id: &str) -> Result<Vec<FoundContainer>, NodeError> {
        self.list_by_labels(install_id, vec![format!("{LABEL_INSTALL}={install_id}")])
            .await
    }

    async fn list_by_labels(
        &self,
        install_id: &str,
        labels: Vec<String>,
    ) -> Result<Vec<FoundContainer>, NodeError> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(HashMap::from([("label".to_owned(), labels)])),
            ..ListContainersOptions::default()
        };
        let listed = self
            .call(
                "list containers",
                CALL,
                self.docker().list_containers(Some(options)),
            )
            .await?;
        Ok(listed
            .iter()
            .filter_map(|summary| found(install_id, summary))
            .collect())
    }

    /// Starts it; one that runs already is left as it is.
    pub async fn start(&self, container: &OwnedContainer) -> Result<(), NodeError> {
        let start = self
            .docker()
            .start_container(container.id.as_str(), None::<StartContainerOptions>);
        self.call("start container", CREATE, start).await
    }

    /// Looks at it. [`NodeError::NotFound`] if it is gone, [`NodeError::ForeignContainer`] if it is not
    /// the instance's.
    pub async fn inspect(&self, container: &OwnedContainer) -> Result<ContainerState, NodeError> {
        let look = self
            .docker()
            .inspect_container(container.id.as_str(), None::<InspectContainerOptions>);
        let seen = self.call("inspect container", CALL, look).await?;
        if !is_owned(container, &seen) {
            return Err(NodeError::ForeignContainer {
                name: container.id.to_string(),
            });
        }
        Ok(ContainerState::from(seen))
    }

    /// Asks it to end and kills it after `grace`. One that ended already, or is gone, is no error.
    pub async fn stop(&self, container: &OwnedContainer, grace: Duration) -> Result<(), NodeError> {
        match self.inspect(container).await {
            Ok(state) if state.running => {}
            Ok(_) | Err(NodeError::NotFound(_)) => return Ok(()),
            Err(other) => return Err(other),
        }
        let options = StopContainerOptions {
            signal: None,
            t: Some(i32::try_from(grace.as_secs()).unwrap_or(i32::MAX)),
        };
        let stop = self.docker().stop_container(container.id.as_str(), Some(options));
        match self
            .call("stop container", grace.saturating_add(CREATE), stop)
            .await
        {
            Err(NodeError::NotFound(_)) => Ok(()),
            outcome => outcome,
        }
    }

    /// Removes it and its anonymous volumes, killing it if it still runs. One that is gone is no error.
    pub async fn remove(&self, container: &OwnedContainer) -> Result<(), NodeError> {
        match self.inspect(container).await {
            Ok(_) => {}
            Err(NodeError::NotFound(_)) => return Ok(()),
            Err(other) => return Err(other),
        }
        let options = RemoveContainerOptions {
            v: true,
            force: true,
            link: false,
        };
        let removal = self
            .docker()
            .remove_container(container.id.as_str(), Some(options));
        match self.call("remove container", CREATE, removal).await {
            Err(NodeError::NotFound(_)) => Ok(()),
            // Somebody else removes it at this moment, which is what was asked for.
            Err(NodeError::Conflict(message)) if message.contains("already in progress") => Ok(()),
            outcome => outcome,
        }
    }
}

/// An id that the engine made up is refused before it gets into a path.
pub(super) fn engine_made(operation: &'static str, id: &str) -> Result<ContainerId, NodeError> {
    id.parse().map_err(|Invalid(_)| NodeError::Malformed {
        operation,
        message: "it gave something that is no container id".into(),
    })
}

fn adopted(found: FoundContainer) -> Created {
    Created {
        container: found.container,
        adopted: true,
    }
}

fn found(install_id: &str, summary: &ContainerSummary) -> Option<FoundContainer> {
    let labels = summary.labels.as_ref()?;
    if labels.get(LABEL_INSTALL)? != install_id {
        return None;
    }
    Some(FoundContainer {
        container: OwnedContainer {
            id: summary.id.as_deref()?.parse().ok()?,
            install_id: install_id.to_owned(),
            instance: labels.get(LABEL_INSTANCE)?.parse().ok()?,
        },
        runner: labels.get(LABEL_RUNNER).and_then(|text| text.parse().ok()),
        running: summary.state == Some(ContainerSummaryStateEnum::RUNNING),
        created_at: summary
            .created
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
    })
}

fn is_owned(container: &OwnedContainer, seen: &ContainerInspectResponse) -> bool {
    let label = |name: &str| {
        let labels = seen.config.as_ref()?.labels.as_ref()?;
        labels.get(name).map(String::as_str)
    };
    label(LABEL_INSTALL) == Some(container.install_id.as_str())
        && label(LABEL_INSTANCE) == Some(container.instance.as_str())
        && seen.id.as_deref() == Some(container.id.as_str())
}

impl From<ContainerInspectResponse> for ContainerState {
    fn from(seen: ContainerInspectResponse) -> Self {
        let state = seen.state.unwrap_or_default();
        let host = seen.host_config.unwrap_or_default();
        let running = state.running.unwrap_or_default();
        let started_at = state.started_at.as_deref().and_then(engine_time);
        Self {
            running,
            started: started_at.is_some(),
            exit_code: state.exit_code.filter(|_| !running && started_at.is_some()),
            oom_killed: state.oom_killed.unwrap_or_default(),
            error: state
                .error
                .map(|text| plain(&text))
                .filter(|text| !text.is_empty()),
            started_at,
            finished_at: state.finished_at.as_deref().and_then(engine_time),
            image_id: seen.image.map(|text| plain(&text)),
            network: host.network_mode.map(|text| plain(&text)),
            cpus: host.nano_cpus.filter(|nano| *nano > 0).map(in_cpus),
            memory_mb: host.memory.filter(|bytes| *bytes > 0).map(|bytes| bytes >> 20),
            pids: host.pids_limit.filter(|pids| *pids > 0),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of CPUs has few digits")]
fn in_cpus(nano: i64) -> f64 {
    nano as f64 / 1e9
}

/// The engine writes "never" as the year 1.
fn engine_time(text: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    (at.timestamp() > 0).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_no_time() {
        assert_eq!(engine_time("0001-01-01T00:00:00Z"), None);
        assert!(engine_time("2026-08-01T10:00:00.123456789Z").is_some());
    }

    #[test]
    fn an_id_that_is_a_path_is_refused() {
        for text in ["../images/json?", "x?force=true&v=true", "", "ABC"] {
            assert!(matches!(
                engine_made("create container", text),
                Err(NodeError::Malformed { .. })
            ));
        }
    }
}
