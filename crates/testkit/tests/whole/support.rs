//! What both journeys begin with.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use testkit::harness::{ApiClient, Engine, Stack, eventually};

pub const REPOSITORY: &str = "acme/app";
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Ends a journey: leaves neither its containers nor the reason of its failure behind.
pub async fn end(stack: &mut Stack, engine: &Engine, outcome: anyhow::Result<()>) -> anyhow::Result<()> {
    if outcome.is_err() {
        eprintln!("the worker's log:\n{}", stack.worker.log_text());
    }
    stack.remove_containers(engine).await?;
    outcome
}

/// The engine as a node.
pub async fn add_node(api: &ApiClient, org: &str, engine: &Engine) -> anyhow::Result<()> {
    let socket = engine.socket().context("the engine has no socket")?;
    let node = json!({"name": "here", "type": "socket", "socket_path": socket, "capacity": 5});
    api.post(&format!("{org}/nodes"), &node).await?.expect(201)?;
    Ok(())
}

/// A runner of the simulated image; the path of it.
pub async fn create_runner(
    api: &ApiClient,
    org: &str,
    image: &str,
    (pat, min_idle): (&str, u32),
) -> anyhow::Result<String> {
    let credential = json!({"name": "sandbox", "secret": pat});
    let credential = api
        .post(&format!("{org}/credentials"), &credential)
        .await?
        .expect(201)?;
    let body = json!({
        "name": "linux", "docker_image": image, "github_repo": REPOSITORY, "labels": ["e2e"],
        "credential_id": text(&credential, "uid")?, "ephemeral": true, "min_idle": min_idle, "max_instances": 3,
        "resources": {"cpus": 0.5, "memory_mb": 128, "pids": 64, "network": "host"},
    });
    let runner = api.post(&format!("{org}/runners"), &body).await?.expect(201)?;
    Ok(format!("{org}/runners/{}", text(&runner, "uid")?))
}

/// Waits until an instance of the runner, other than `but`, waits for a job.
pub async fn wait_for_idle(api: &ApiClient, runner: &str, but: Option<&str>) -> anyhow::Result<Value> {
    eventually(PATIENCE, "an instance waits for a job", async || {
        let page = api.get(&format!("{runner}/instance")).await?.expect(200)?;
        let items = page["items"].as_array().context("no items")?;
        let ready = items.iter().find(|item| {
            item["state"] == "running" && item["status"] == "idle" && item["uid"].as_str() != but
        });
        ready.cloned().with_context(|| page.to_string())
    })
    .await
}

pub fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    let found = value[field].as_str();
    ensure!(found.is_some(), "no {field} in {value}");
    Ok(found.unwrap_or_default().to_owned())
}
