//! Our client and our simulation, held against GitHub's official description by a validating proxy between them.
//!
//! The proxy answers 500 when a reply of the simulation breaks the description, and 422 without asking the
//! simulation when a request of the client does.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use github::{DeleteOutcome, Error, GitHub, JitConfigRequest, Target};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::github::{JobSpec, SANDBOX_PAT, SimulatedGitHub};
use testkit::harness::Port;
use tokio::process::{Child, Command};
use url::Url;

const PROXY: &str = "node_modules/@stoplight/prism-cli/dist/index.js";
const START_PATIENCE: Duration = Duration::from_mins(1);

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("github-contract")
}

/// The proxy in front of a simulation; both end with it.
struct Checked {
    server: SimulatedGitHub,
    url: Url,
    _proxy: Child,
    _port: Port,
    _files: tempfile::TempDir,
}

async fn checked() -> anyhow::Result<Checked> {
    let directory = directory();
    ensure!(
        directory.join(PROXY).exists() && directory.join("node_modules/@octokit/openapi").exists(),
        "the contract checker is not installed: run `npm ci --ignore-scripts` in {}",
        directory.display()
    );
    let files = tempfile::tempdir()?;
    let description = files.path().join("github.json");
    let trimmed = Command::new("node")
        .arg("trim.mjs")
        .arg(&description)
        .current_dir(&directory)
        .output()
        .await?;
    ensure!(
        trimmed.status.success(),
        "trim.mjs: {}",
        String::from_utf8_lossy(&trimmed.stderr)
    );
    let server = SimulatedGitHub::start().await?;
    // The proxy can't be told to choose one.
    let port = Port::reserve()?;
    let proxy = Command::new("node")
        .args([PROXY, "proxy"])
        .arg(&description)
        .args([
            server.url().as_str().trim_end_matches('/'),
            "--errors",
            "-h",
            "127.0.0.1",
            "-p",
        ])
        .arg(port.to_string())
        .current_dir(&directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("could not start the proxy; is node installed?")?;
    let url: Url = format!("http://127.0.0.1:{port}").parse()?;
    let deadline = tokio::time::Instant::now() + START_PATIENCE;
    while tokio::net::TcpStream::connect(("127.0.0.1", port.number()))
        .await
        .is_err()
    {
        ensure!(
            tokio::time::Instant::now() < deadline,
            "the proxy does not listen"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(Checked {
        server,
        url,
        _proxy: proxy,
        _port: port,
        _files: files,
    })
}

impl Checked {
    fn client(&self) -> Result<GitHub, Error> {
        GitHub::new(&self.url, SANDBOX_PAT.to_owned().into())
    }

    /// A plain request through the proxy: the status and the JSON, with a violation turned into an error.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<(u16, Value)> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(15))
            .build()?;
        let mut request = http
            .request(method, self.url.join(path)?)
            .header("user-agent", "contract")
            .header("accept", "application/vnd.github+json")
            .bearer_auth(SANDBOX_PAT);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let violations = response
            .headers()
            .get("sl-violations")
            .map(|value| format!("{value:?}"));
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        if violations.is_some() || text.contains("stoplight.io/prism/errors") {
            bail!("{path}: {status} {violations:?} {text}");
        }
        Ok((status, json))
    }
}

fn request(name: &str) -> JitConfigRequest {
    JitConfigRequest {
        name: name.to_owned(),
        runner_group_id: 1,
        labels: vec!["self-hosted".into(), "gpu".into()],
        work_folder: "_work".into(),
    }
}

#[tokio::test]
async fn every_call_of_the_client_keeps_to_githubs_description() -> anyhow::Result<()> {
    let checked = checked().await?;
    let github = checked.client()?;
    for target in ["acme/web", "acme"] {
        let target: Target = target.parse()?;
        github.create_registration_token(&target).await?;
        github.create_remove_token(&target).await?;
        let config = github.generate_jit_config(&target, &request("r1")).await?;
        ensure!(config.files()?.len() == 3);
        let conflict = github.generate_jit_config(&target, &request("r1")).await;
        ensure!(
            matches!(&conflict, Err(Error::Conflict { message, .. }) if message.contains("r1")),
            "{conflict:?}"
        );
        github.generate_jit_config(&target, &request("r2")).await?;
        ensure!(github.list_runners(&target).await?.len() == 2);
        ensure!(github.list_runners(&target).await?.len() == 2, "from the cache");
        let found = github.find_runner(&target, "r2").await?.context("r2")?;
        ensure!(github.get_runner(&target, found.id).await?.as_ref() == Some(&found));
        let access = github.verify(&target).await?;
        ensure!(access.is_sufficient() && access.login.is_some(), "{access:?}");
        ensure!(github.delete_runner(&target, found.id).await? == DeleteOutcome::Deleted);
    }
    // Nothing was answered by the proxy itself.
    let reached = checked.server.requests();
    ensure!(
        reached
            .iter()
            .filter(|request| request.path.ends_with("/generate-jitconfig"))
            .count()
            == 6
    );
    Ok(())
}

#[tokio::test]
async fn runners_of_every_kind_and_their_labels_keep_to_githubs_description() -> anyhow::Result<()> {
    let checked = checked().await?;
    let github = checked.client()?;
    let target: Target = "acme/web".parse()?;
    let runner = github.generate_jit_config(&target, &request("r1")).await?.runner;
    let one = format!("/repos/acme/web/actions/runners/{}", runner.id);
    let labels = format!("{one}/labels");
    ensure!(checked.ask(Method::GET, &labels, None).await?.0 == 200);
    let added = checked
        .ask(Method::POST, &labels, Some(json!({ "labels": ["new"] })))
        .await?;
    ensure!(added.1["total_count"] == 3, "{added:?}");
    ensure!(
        checked
            .ask(Method::PUT, &labels, Some(json!({ "labels": ["other"] })))
            .await?
            .0
            == 200
    );
    ensure!(
        checked
            .ask(Method::DELETE, &format!("{labels}/other"), None)
            .await?
            .0
            == 200
    );
    ensure!(
        checked
            .ask(Method::DELETE, &format!("{labels}/other"), None)
            .await?
            .0
            == 404
    );
    ensure!(
        checked
            .ask(Method::DELETE, &format!("{labels}/self-hosted"), None)
            .await?
            .0
            == 422
    );
    ensure!(checked.ask(Method::DELETE, &labels, None).await?.0 == 200);

    // A connected, busy runner: the session is opened as the image would.
    let config = github.generate_jit_config(&target, &request("r2")).await?;
    let secret = config
        .files()?
        .into_iter()
        .find(|(name, _)| name == ".credentials_rsaparams");
    let secret: Value = serde_json::from_slice(&secret.context("file")?.1)?;
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(15))
        .build()?;
    let sessions = checked.server.url().join("/_runner/sessions")?;
    let session = http
        .post(sessions)
        .bearer_auth(secret["d"].as_str().context("credential")?)
        .json(&json!({ "version": "2.336.0" }))
        .send()
        .await?;
    ensure!(session.status() == 201);
    checked
        .server
        .queue_job(JobSpec::new("acme/web", "build", 60).with_labels(&["gpu"]))?;
    ensure!(
        checked
            .server
            .registration("acme/web", "r2")
            .is_some_and(|runner| runner.is_busy())
    );
    let busy = github
        .get_runner(&target, config.runner.id)
        .await?
        .context("r2")?;
    ensure!(
        busy.busy && busy.version.as_deref() == Some("2.336.0"),
        "{busy:?}"
    );
    ensure!(github.delete_runner(&target, busy.id).await? == DeleteOutcome::Busy);
    Ok(())
}

#[tokio::test]
async fn a_reply_that_breaks_the_description_is_noticed() -> anyhow::Result<()> {
    use testkit::github::{Effect, Fault};
    let checked = checked().await?;
    checked
        .server
        .script(Fault::next(Effect::Status(200, "no list of runners".into())));
    let answer = checked
        .ask(Method::GET, "/repos/acme/web/actions/runners", None)
        .await;
    ensure!(answer.is_err(), "the proxy lets everything through: {answer:?}");
    let unasked = json!({ "name": "r", "labels": [] });
    let path = "/repos/acme/web/actions/runners/generate-jitconfig";
    let answer = checked.ask(Method::POST, path, Some(unasked)).await;
    ensure!(
        answer.is_err(),
        "the proxy lets a bad request through: {answer:?}"
    );
    Ok(())
}
