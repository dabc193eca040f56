//! A place for a test on this machine's own Docker engine.

use std::time::Duration;

use bollard::query_parameters::InspectContainerOptions;
use domain::container::LABEL_INSTALL;
use runner_pilot_worker::nodes::{ContainerState, Engine, NodeTarget, OwnedContainer};
use serde_json::Value;
use testkit::harness;
use testkit::harness::eventually;

use super::support::{import_image, install_id, socket, spec};

/// How long a container may take for anything small.
pub const SOON: Duration = Duration::from_secs(20);

/// This machine's engine, with the image, and an installation whose containers are removed at the end.
pub struct Place {
    pub outside: harness::Engine,
    pub engine: Engine,
    pub install_id: String,
}

impl Place {
    /// A fresh one.
    pub async fn new() -> Self {
        let outside = harness::engine().await.unwrap();
        import_image(outside.docker()).await;
        Self {
            engine: Engine::connect(&target(&outside)).await.unwrap(),
            install_id: install_id(),
            outside,
        }
    }

    /// Starts a container that runs a shell script.
    pub async fn run(&self, script: &str) -> OwnedContainer {
        let created = self
            .engine
            .create_or_adopt(&spec(&self.install_id, script))
            .await
            .unwrap();
        self.engine.start(&created.container).await.unwrap();
        created.container
    }

    /// Everything that the engine shows of a container.
    pub async fn inspected(&self, container: &OwnedContainer) -> Value {
        let id = container.id.as_str();
        let seen = self
            .outside
            .docker()
            .inspect_container(id, None::<InspectContainerOptions>)
            .await
            .unwrap();
        serde_json::to_value(seen).unwrap()
    }

    /// Its state, once it has ended.
    pub async fn ended(&self, container: &OwnedContainer) -> ContainerState {
        eventually(SOON, "the container ends", || async {
            let state = self.engine.inspect(container).await?;
            anyhow::ensure!(state.started && !state.running, "{state:?}");
            Ok(state)
        })
        .await
        .unwrap()
    }
}

impl Drop for Place {
    /// Also when the test failed; connections belong to the runtime that made them, so that this one
    /// makes its own.
    fn drop(&mut self) {
        let label = format!("{LABEL_INSTALL}={}", self.install_id);
        let removal = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async { harness::engine().await?.remove_containers(&label).await })
        };
        let outcome: anyhow::Result<usize> = std::thread::spawn(removal)
            .join()
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the removal panicked")));
        if let Err(error) = outcome {
            eprintln!("containers of {} may be left: {error:#}", self.install_id);
        }
    }
}

fn target(outside: &harness::Engine) -> NodeTarget {
    match outside.socket() {
        Some(path) => socket(path),
        None => NodeTarget::Local { docker_host: None },
    }
}
