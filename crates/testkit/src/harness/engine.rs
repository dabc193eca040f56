//! The Docker engine of this machine, as tests look at it: from outside the product.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bollard::models::ContainerSummary;
use bollard::query_parameters::{
    ImportImageOptionsBuilder, ListContainersOptionsBuilder, LogsOptionsBuilder,
    RemoveContainerOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures::{StreamExt as _, TryStreamExt as _};
use process::Variables;

const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
const TIMEOUT_SECS: u64 = 30;

/// A Docker engine that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    socket: Option<PathBuf>,
}

/// The engine of this machine: that of `DOCKER_HOST`, or the one on `/var/run/docker.sock`.
///
/// Errors with what to do when none answers.
pub async fn engine() -> anyhow::Result<Engine> {
    let host = Variables::from_process().text("DOCKER_HOST", &format!("unix://{DEFAULT_SOCKET}"));
    let connected = match host.strip_prefix("unix://") {
        Some(socket) => Engine::on_socket(Path::new(socket)).await,
        None => match Docker::connect_with_defaults() {
            Ok(docker) => Engine::answering(docker, None).await,
            Err(error) => Err(error.into()),
        },
    };
    connected.with_context(|| {
        format!(
            "no Docker engine answers on {host}; start one with scripts/docker-engine.sh (make test does so)"
        )
    })
}

impl Engine {
    /// The engine on a unix socket.
    pub async fn on_socket(socket: &Path) -> anyhow::Result<Self> {
        let address = socket.to_str().context("the socket's path is no text")?;
        let docker = Docker::connect_with_unix(address, TIMEOUT_SECS, API_DEFAULT_VERSION)?;
        Self::answering(docker, Some(socket.to_owned())).await
    }

    /// An engine reached by a client made elsewhere; errors when it does not answer.
    pub async fn answering(docker: Docker, socket: Option<PathBuf>) -> anyhow::Result<Self> {
        let docker = docker.negotiate_version().await?;
        Ok(Self { docker, socket })
    }

    /// The client.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// The unix socket it listens on, when it was reached by one.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The containers, running or not, that carry `label` (`name` or `name=value`).
    pub async fn containers(&self, label: &str) -> anyhow::Result<Vec<ContainerSummary>> {
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        Ok(self.docker.list_containers(Some(options)).await?)
    }

    /// All that `docker inspect` and `docker logs` tell about the containers that carry `label`.
    pub async fn told_about(&self, label: &str) -> anyhow::Result<Vec<u8>> {
        let mut told = Vec::new();
        for container in self.containers(label).await? {
            let id = container.id.context("a container without id")?;
            let inspected = self.docker.inspect_container(&id, None).await?;
            told.extend(serde_json::to_vec(&inspected)?);
            let options = LogsOptionsBuilder::default().stdout(true).stderr(true).build();
            let mut logs = self.docker.logs(&id, Some(options));
            while let Some(line) = logs.next().await {
                told.extend_from_slice(&line?.into_bytes());
            }
        }
        Ok(told)
    }

    /// Removes the containers that carry `label`, running or not, and tells how many there were.
    pub async fn remove_containers(&self, label: &str) -> anyhow::Result<usize> {
        let containers = self.containers(label).await?;
        for container in &containers {
            let id = container.id.as_deref().context("a container without id")?;
            let options = RemoveContainerOptionsBuilder::default()
                .force(true)
                .v(true)
                .build();
            self.docker.remove_container(id, Some(options)).await?;
        }
        Ok(containers.len())
    }

    /// Brings an image of this engine into another one, without a registry.
    pub async fn copy_image(&self, image: &str, to: &Engine) -> anyhow::Result<()> {
        let archive: Vec<_> = self.docker.export_image(image).try_collect().await?;
        let archive = futures::stream::iter(archive.into_iter().map(Ok::<_, std::io::Error>));
        let options = ImportImageOptionsBuilder::default().build();
        to.docker
            .import_image_stream(options, archive, None)
            .try_for_each(|_| std::future::ready(Ok(())))
            .await
            .with_context(|| format!("loading {image} into the other engine"))
    }
}
