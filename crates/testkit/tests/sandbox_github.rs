//! The simulated GitHub as a program, driven by HTTP alone, as a person with `curl` would.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

struct Sandbox {
    process: Child,
    url: String,
    http: Client,
}

async fn sandbox(arguments: &[&str]) -> anyhow::Result<Sandbox> {
    let mut process = Command::new(env!("CARGO_BIN_EXE_sandbox-github"))
        .args(["--bind", "127.0.0.1:0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = process.stdout.take().context("stdout")?;
    let line = BufReader::new(stdout)
        .lines()
        .next_line()
        .await?
        .context("it says nothing")?;
    let url = line
        .rsplit(' ')
        .next()
        .context("no address")?
        .trim_end_matches('/')
        .to_owned();
    let http = Client::builder()
        .timeout(Duration::from_secs(15))
        .user_agent("sandbox test")
        .build()?;
    Ok(Sandbox { process, url, http })
}

impl Sandbox {
    async fn post(&self, path: &str, token: &str, body: Value) -> anyhow::Result<(StatusCode, Value)> {
        let request = self
            .http
            .post(format!("{}{path}", self.url))
            .bearer_auth(token)
            .json(&body);
        let response = request.send().await?;
        Ok((response.status(), response.json().await.unwrap_or_default()))
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self
            .http
            .get(format!("{}{path}", self.url))
            .send()
            .await?
            .json()
            .await?)
    }

    /// Asks it to end, and waits for that.
    async fn terminate(mut self) -> anyhow::Result<()> {
        let id = self.process.id().context("it has ended")?.to_string();
        Command::new("kill").arg(id).status().await?;
        let ended = tokio::time::timeout(Duration::from_secs(10), self.process.wait()).await??;
        ensure!(ended.success(), "{ended}");
        Ok(())
    }
}

#[tokio::test]
async fn a_person_can_queue_a_job_and_look_at_everything() -> anyhow::Result<()> {
    let sandbox = sandbox(&[]).await?;
    let runner = json!({ "name": "r1", "runner_group_id": 1, "labels": ["x"] });
    let path = "/repos/any/thing/actions/runners/generate-jitconfig";
    ensure!(sandbox.post(path, "sandbox", runner.clone()).await?.0 == StatusCode::CREATED);
    ensure!(sandbox.post(path, "wrong", runner).await?.0 == StatusCode::UNAUTHORIZED);
    let spec = json!({ "target": "any/thing", "labels": ["x"], "name": "build", "result": "failure" });
    let (status, job) = sandbox.post("/_sandbox/jobs", "", spec).await?;
    ensure!(
        status == StatusCode::CREATED && job["status"] == "queued",
        "{job}"
    );
    ensure!(sandbox.get(&format!("/_sandbox/jobs/{}", job["id"])).await? == job);
    ensure!(sandbox.get("/_sandbox/runners").await?[0]["name"] == "r1");
    ensure!(sandbox.get("/_sandbox/requests").await?[1]["status"] == 401);
    let (status, _) = sandbox
        .post("/_sandbox/jobs", "", json!({ "target": "a/b", "typo": 1 }))
        .await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{status}");
    sandbox.terminate().await
}

#[tokio::test]
async fn its_own_token_replaces_the_default_one_and_its_state_survives() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("state.json");
    let arguments = ["--pat", "mine", "--state-file", file.to_str().context("path")?];
    let first = sandbox(&arguments).await?;
    let runner = json!({ "name": "r1", "runner_group_id": 1, "labels": ["x"] });
    let path = "/orgs/acme/actions/runners/generate-jitconfig";
    ensure!(first.post(path, "sandbox", runner.clone()).await?.0 == StatusCode::UNAUTHORIZED);
    ensure!(first.post(path, "mine", runner.clone()).await?.0 == StatusCode::CREATED);
    first.terminate().await?;
    let second = sandbox(&arguments).await?;
    ensure!(second.post(path, "mine", runner).await?.0 == StatusCode::CONFLICT);
    second.terminate().await
}

#[tokio::test]
async fn it_refuses_to_listen_for_the_whole_network() -> anyhow::Result<()> {
    let refused = Command::new(env!("CARGO_BIN_EXE_sandbox-github"))
        .args(["--bind", "0.0.0.0:0"])
        .output()
        .await?;
    ensure!(!refused.status.success());
    ensure!(
        String::from_utf8_lossy(&refused.stderr).contains("loopback"),
        "{refused:?}"
    );
    let help = Command::new(env!("CARGO_BIN_EXE_sandbox-github"))
        .arg("--help")
        .output()
        .await?;
    ensure!(
        String::from_utf8_lossy(&help.stdout).contains("`sandbox`"),
        "{help:?}"
    );
    Ok(())
}
