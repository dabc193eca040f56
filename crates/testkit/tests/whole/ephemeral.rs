//! An ephemeral runner from its configuration to its replacement.

use anyhow::ensure;
use testkit::github::{Conclusion, JobSpec, JobStatus};
use testkit::harness::{DatabaseKind, Engine, Stack, engine, eventually};

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
    let names: Vec<String> = stack
        .github
        .registrations()
        .into_iter()
        .map(|one| one.name)
        .collect();
    ensure!(names == [text(&next, "name")?], "GitHub knows {names:?}");
    Ok(())
}
