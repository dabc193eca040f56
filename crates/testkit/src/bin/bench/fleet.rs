//! A running system with a node and a runner, ready to make instances.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;
use testkit::harness::client::ApiClient;
use testkit::harness::database::DatabaseKind;
use testkit::harness::engine::Engine;
use testkit::harness::poll::eventually;
use testkit::harness::stack::Stack;

/// What [`instance`](crate::instance) drives.
pub struct Fleet {
    /// The processes.
    pub stack: Stack,
    /// Signed in as the organisation's admin.
    pub api: ApiClient,
    /// The path of the runner.
    pub runner: String,
    /// The image of its containers.
    pub image: String,
}

impl Fleet {
    /// Starts the processes and makes node, credential and runner.
    pub async fn start(kind: DatabaseKind, engine: &Engine) -> anyhow::Result<Self> {
        let image = testkit::runner_image::build(engine.docker()).await?;
        let stack = Stack::start(kind, &[]).await?;
        let (api, org) = stack.onboard().await?;
        let socket = engine.socket().context("the engine has no socket")?;
        let node = json!({"name": "here", "type": "socket", "socket_path": socket, "capacity": 100});
        let node = api.post(&format!("{org}/nodes"), &node).await?.expect(201)?;
        let node = format!("{org}/nodes/{}", node["uid"].as_str().context("no uid")?);
        eventually(Duration::from_secs(30), "the node is active", async || {
            let node = api.get(&node).await?.expect(200)?;
            ensure!(node["status"] == "active", "{node}");
            Ok(())
        })
        .await?;
        let credential = json!({"name": "bench", "secret": stack.pat});
        let credential = api
            .post(&format!("{org}/credentials"), &credential)
            .await?
            .expect(201)?;
        let runner = json!({
            "name": "bench",
            "docker_image": image,
            "github_repo": "acme/bench",
            "credential_id": credential["uid"],
            "labels": ["bench"],
            "max_instances": 100,
            "resources": {"cpus": 0.5, "memory_mb": 128, "pids": 64, "network": "host"},
        });
        let runner = api.post(&format!("{org}/runners"), &runner).await?.expect(201)?;
        let runner = format!("{org}/runners/{}", runner["uid"].as_str().context("no uid")?);
        Ok(Self {
            stack,
            api,
            runner,
            image,
        })
    }
}
