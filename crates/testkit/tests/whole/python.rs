//! Python's Celery as a client of our worker, and as the worker of our api.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use testkit::harness::{Child, DatabaseKind, Engine, Signal, Stack, engine, eventually};

use crate::support::{PATIENCE, add_node, create_runner, end, text, wait_for_idle};

/// One of the programs in `tests/python`, with the Python that has Celery.
fn python(stack: &Stack, script: &str, argument: &str) -> anyhow::Result<Command> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one setting of these tests, given by scripts/test.sh"
    )]
    let named = std::env::var("CELERY_PYTHON").unwrap_or_default();
    ensure!(
        Path::new(&named).is_file(),
        "CELERY_PYTHON (now `{named}`) must name a Python with Celery; run: export CELERY_PYTHON=\"$(scripts/python-env.sh)\""
    );
    let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let mut command = Command::new(named);
    command
        .arg("-B")
        .arg(scripts.join(script))
        .arg(argument)
        .env("REDIS_URL", stack.redis.url());
    Ok(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_has_our_worker_look_at_a_runner() -> anyhow::Result<()> {
    let engine = engine().await?;
    let image = testkit::runner_image::build(engine.docker()).await?;
    let mut stack = Stack::start(DatabaseKind::Sqlite, &[("HEARTBEAT_INTERVAL_SECS", "1")]).await?;
    let outcome = ask(&mut stack, &engine, &image).await;
    end(&mut stack, &engine, outcome).await
}

async fn ask(stack: &mut Stack, engine: &Engine, image: &str) -> anyhow::Result<()> {
    let (api, org) = stack.onboard().await?;
    add_node(&api, &org, engine).await?;
    let runner = create_runner(&api, &org, image, (&stack.pat, 0)).await?;
    api.post(&format!("{runner}/instance"), &json!({}))
        .await?
        .expect(201)?;
    let instance = text(&wait_for_idle(&api, &runner, None).await?, "uid")?;
    // Only Python asks from here on.
    stack.beat.terminate().await?;
    let key = format!("runner_status:{instance}");
    let mut redis = stack.redis.connection().await?;
    let _: () = redis::cmd("DEL").arg(&key).query_async(&mut redis).await?;

    let mut client = python(stack, "send_heartbeat.py", &instance)?;
    let output = tokio::task::spawn_blocking(move || client.output()).await??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(answer["status"] == "idle", "{answer}");
    let stored: Option<String> = redis::cmd("GET").arg(&key).query_async(&mut redis).await?;
    let stored: Value = serde_json::from_str(&stored.context("the status was not refreshed")?)?;
    ensure!(stored == answer, "{stored} is stored, {answer} was answered");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_worker_runs_what_the_api_queued() -> anyhow::Result<()> {
    let mut stack = Stack::start(DatabaseKind::Sqlite, &[]).await?;
    let (api, org) = stack.onboard().await?;
    stack.beat.terminate().await?;
    stack.worker.terminate().await?;
    let node = json!({"name": "n", "type": "socket", "socket_path": "/run/nobody.sock"});
    api.post(&format!("{org}/nodes"), &node).await?.expect(201)?;
    let runner = create_runner(&api, &org, "simulated/runner:1", (&stack.pat, 0)).await?;
    let instance = api
        .post(&format!("{runner}/instance"), &json!({}))
        .await?
        .expect(201)?;

    let directory = tempfile::tempdir()?;
    let (record, log) = (directory.path().join("record.json"), directory.path().join("log"));
    let mut command = python(&stack, "stub_worker.py", &record.display().to_string())?;
    let worker = Child::spawn("python-worker", &mut command, &log, Signal::Term)?;
    let record: Value = eventually(PATIENCE, "Python runs the task", async || {
        let text = std::fs::read_to_string(&record).with_context(|| worker.log_tail())?;
        Ok(serde_json::from_str(&text)?)
    })
    .await?;
    ensure!(record["name"] == "register_runner", "{record}");
    ensure!(record["args"] == json!([instance["uid"]]), "{record}");
    ensure!(record["kwargs"] == json!({}), "{record}");
    Ok(())
}
