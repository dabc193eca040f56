//! An ephemeral runner from its configuration to its replacement.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;
use testkit::github::{Conclusion, Effect, Fault, JobSpec, JobStatus};
use testkit::harness::{Canary, DatabaseKind, Engine, Stack, engine, eventually};

use crate::support::{PATIENCE, REPOSITORY, add_node, create_runner, end, text, wait_for_idle};

#[tokio::test(flavor = "multi_thread")]
async fn an_ephemeral_runner_does_one_job_and_is_replaced() -> anyhow::Result<()> {
    let engine = engine().await?;
    let image = testkit::runner_image::build(engine.docker()).await?;
    let settings = [("HEARTBEAT_INTERVAL_SECS", "1"), ("RECONCILE_INTERVAL_SECS", "2")];
    let mut stack = Stack::start(DatabaseKind::Sqlite, &settings).await?;
    let outcome = journey(&mut stack, &engine, &image).await;
    end(&mut stack, &engine, outcome).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_while_github_registers_leaves_one_runner() -> anyhow::Result<()> {
    let engine = engine().await?;
    let image = testkit::runner_image::build(engine.docker()).await?;
    let settings = [
        ("HEARTBEAT_INTERVAL_SECS", "1"),
        ("RECONCILE_INTERVAL_SECS", "2"),
        ("VISIBILITY_TIMEOUT_SECS", "5"),
    ];
    let mut stack = Stack::start(DatabaseKind::Sqlite, &settings).await?;
    let outcome = killed(&mut stack, &engine, &image).await;
    end(&mut stack, &engine, outcome).await
}

/// The names of the runners that GitHub knows.
fn registered(stack: &Stack) -> Vec<String> {
    let registrations = stack.github.registrations();
    registrations.into_iter().map(|one| one.name).collect()
}

async fn killed(stack: &mut Stack, engine: &Engine, image: &str) -> anyhow::Result<()> {
    let (api, org) = stack.onboard().await?;
    add_node(&api, &org, engine).await?;
    let runner = create_runner(&api, &org, image, (&stack.pat, 0)).await?;
    // GitHub has registered the runner, but its answer is read by nobody: the worker tries again later.
    let lost = Fault::next(Effect::StatusAfterEffect(502)).on("POST", "generate-jitconfig");
    stack.github.script(lost);
    let slow = Fault::next(Effect::Delay(Duration::from_secs(30))).on("POST", "generate-jitconfig");
    stack.github.script(slow);
    let made = api
        .post(&format!("{runner}/instance"), &json!({}))
        .await?
        .expect(201)?;
    eventually(PATIENCE, "the worker asks a second time", async || {
        let requests = stack.github.requests();
        let asked = requests
            .iter()
            .filter(|request| request.path.ends_with("generate-jitconfig"))
            .count();
        ensure!(asked == 2, "{asked} times so far");
        Ok(())
    })
    .await?;
    stack.worker.kill()?;
    stack.worker.start().await?;
    let idle = wait_for_idle(&api, &runner, None).await?;
    ensure!(idle["uid"] == made["uid"], "another instance was made: {idle}");
    let names = registered(stack);
    ensure!(names == [text(&idle, "name")?], "GitHub knows {names:?}");
    let containers = engine.containers(&stack.install_label().await?).await?.len();
    ensure!(containers == 1, "{containers} containers");
    Ok(())
}

async fn journey(stack: &mut Stack, engine: &Engine, image: &str) -> anyhow::Result<()> {
    let (api, org) = stack.onboard().await?;
    add_node(&api, &org, engine).await?;
    let runner = create_runner(&api, &org, image, (&stack.pat, 1)).await?;
    // Nobody asks for an instance: `min_idle` does.
    let first = wait_for_idle(&api, &runner, None).await?;
    let (uid, name) = (text(&first, "uid")?, text(&first, "name")?);
    let jit = |path: &str| path.ends_with("generate-jitconfig");
    let asked = stack
        .github
        .requests()
        .iter()
        .filter(|request| jit(&request.path))
        .count();
    ensure!(asked == 1, "{asked} configurations were asked for");

    let mut canary = Canary::new();
    canary.add_issued(&stack.github)?;
    let label = stack.install_label().await?;
    canary.ensure_absent("docker inspect and logs", &engine.told_about(&label).await?)?;

    let job = stack
        .github
        .queue_job(JobSpec::new(REPOSITORY, "build", 1).with_labels(&["e2e"]))?;
    let done = stack
        .github
        .wait_until("the job is over", PATIENCE, |github| {
            github
                .job(job.id)
                .filter(|job| job.status == JobStatus::Completed)
        })
        .await?;
    ensure!(done.conclusion == Some(Conclusion::Succeeded), "{done:?}");
    ensure!(done.runner_name.as_deref() == Some(name.as_str()), "{done:?}");

    let path = format!("{runner}/instance/{uid}");
    eventually(PATIENCE, "the instance is removed", async || {
        let status = api.get(&path).await?.status;
        ensure!(status == 404, "it answers {status}");
        Ok(())
    })
    .await?;
    let left = engine.containers(&format!("runner-pilot.instance={uid}")).await?;
    ensure!(left.is_empty(), "{left:?}");
    let next = wait_for_idle(&api, &runner, Some(&uid)).await?;
    let names = registered(stack);
    ensure!(names == [text(&next, "name")?], "GitHub knows {names:?}");
    canary.add_issued(&stack.github)?;
    canary.ensure_absent_in_files(stack.logs())?;
    Ok(())
}
