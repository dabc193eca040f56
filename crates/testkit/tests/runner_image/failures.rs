//! Runners that fail, each in its own way.

use anyhow::Context;
use bollard::query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder};
use futures::TryStreamExt;
use secrecy::ExposeSecret;
use testkit::{
    github::{Conclusion, JobSpec, JobStatus, SimulatedGitHub},
    runner_image::Variant,
};

use crate::world::{PATIENCE, assert_line, world};

#[tokio::test]
async fn a_killed_runner_is_offline_soon_and_its_job_is_given_up() -> anyhow::Result<()> {
    let mut world = world().await?;
    let id = world.run_by_token("r1", "").await?;
    world.until("online", "r1", |r| r.online).await?;
    let job = world.server.queue_job(JobSpec::new("acme/web", "long", 600))?;
    world.until_job(job.id, JobStatus::InProgress).await?;
    world.signal(&id, "SIGKILL").await?;
    assert_eq!(world.exit_code(&id).await?, 137);
    let runner = world.until("offline", "r1", |r| !r.online).await?;
    assert!(runner.is_busy(), "GitHub does not know yet that the job is lost");
    world.until_job(job.id, JobStatus::Completed).await?;
    assert_eq!(
        world.server.job(job.id).context("job")?.conclusion,
        Some(Conclusion::Abandoned)
    );
    world.clean().await
}

#[tokio::test]
async fn a_deprecated_version_ends_with_seven_only_if_asked_for() -> anyhow::Result<()> {
    for (env, code) in [
        (&["ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE=1"][..], 7),
        (&[], 0),
    ] {
        let mut world = world().await?;
        let id = world.run_by_jit("old", Variant::Deprecated, env).await?;
        assert_eq!(world.exit_code(&id).await?, code);
        let lines = world.lines(&id).await?;
        let sentence =
            "An error occurred: Runner version v2.336.0 is deprecated and cannot receive messages.";
        assert_line(&lines, sentence);
        assert!(
            !world
                .server
                .registration("acme/web", "old")
                .context("registered")?
                .online
        );
        world.clean().await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_other_variants_fail_in_their_own_way() -> anyhow::Result<()> {
    let mut world = world().await?;
    let crashing = world.run_by_jit("crash", Variant::CrashAtStart, &[]).await?;
    assert_eq!(world.exit_code(&crashing).await?, 1);
    let silent = world.run_by_jit("silent", Variant::NeverConnects, &[]).await?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !world
        .lines(&silent)
        .await?
        .iter()
        .any(|line| line.contains("Runner connect error"))
    {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the listener says nothing"
        );
        tokio::task::yield_now().await;
    }
    let runner = world
        .server
        .registration("acme/web", "silent")
        .context("registered")?;
    assert!(!runner.online && runner.version.is_none());
    world.signal(&silent, "SIGTERM").await?;
    assert_eq!(world.exit_code(&silent).await?, 143);
    world.clean().await
}

#[tokio::test]
async fn a_taken_name_is_refused_unless_it_is_to_be_replaced() -> anyhow::Result<()> {
    let mut world = world().await?;
    world.run_by_token("r1", "").await?;
    let first = world.until("online", "r1", |r| r.online).await?;
    let refused = world.run_by_token("r1", "").await?;
    assert_eq!(world.exit_code(&refused).await?, 1);
    assert_line(
        &world.lines(&refused).await?,
        "A runner exists with the same name",
    );
    world.run_by_token("r1", "--replace").await?;
    let replaced = |server: &SimulatedGitHub| {
        server
            .registration("acme/web", "r1")
            .filter(|runner| runner.online && runner.id != first.id)
    };
    world.server.wait_until("replaced", PATIENCE, replaced).await?;
    world.clean().await
}

#[tokio::test]
async fn an_expired_token_and_a_deleted_registration_end_with_the_official_sentences() -> anyhow::Result<()> {
    let mut world = world().await?;
    let id = world.run_by_jit("gone", Variant::Normal, &[]).await?;
    let runner = world.until("online", "gone", |r| r.online).await?;
    world.server.forget_runner(runner.id);
    assert_eq!(
        world.exit_code(&id).await?,
        0,
        "run-helper hides a terminated error"
    );
    let deleted = "Failed to create a session. The runner registration has been deleted from the server";
    assert_line(&world.lines(&id).await?, deleted);

    let token = world.github.create_registration_token(&world.target).await?;
    world.server.clock().advance(chrono::TimeDelta::minutes(61));
    let env = [
        format!(
            "ACTIONS_RUNNER_INPUT_URL={}",
            world.target.html_url(world.server.url())
        ),
        format!("ACTIONS_RUNNER_INPUT_TOKEN={}", token.token.expose_secret()),
        "ACTIONS_RUNNER_INPUT_UNATTENDED=true".to_owned(),
        "ACTIONS_RUNNER_INPUT_NAME=late".to_owned(),
    ];
    let env: Vec<&str> = env.iter().map(String::as_str).collect();
    let late = world.create(Variant::Normal, &["./config.sh"], &env).await?;
    world.start(&late).await?;
    assert_eq!(world.exit_code(&late).await?, 1);
    assert_line(&world.lines(&late).await?, "Http response code: NotFound");
    world.clean().await
}

#[tokio::test]
async fn a_second_session_is_a_conflict_that_ends_with_zero() -> anyhow::Result<()> {
    let mut world = world().await?;
    world.run_by_jit("twin", Variant::Normal, &[]).await?;
    world.until("online", "twin", |r| r.online).await?;
    let first = world.containers[0].clone();
    // The same files in a second container.
    let archive = DownloadFromContainerOptionsBuilder::new()
        .path("/home/runner/.")
        .build();
    let files: Vec<bytes::Bytes> = world
        .docker
        .download_from_container(&first, Some(archive))
        .try_collect()
        .await?;
    let id = world
        .create(
            Variant::Normal,
            &["./run.sh"],
            &["SIM_RUNNER_SESSION_RETRY_SECS=0"],
        )
        .await?;
    let options = UploadToContainerOptionsBuilder::new()
        .path("/home/runner")
        .build();
    world
        .docker
        .upload_to_container(&id, Some(options), bollard::body_full(files.concat().into()))
        .await?;
    world.start(&id).await?;
    assert_eq!(world.exit_code(&id).await?, 0);
    let lines = world.lines(&id).await?;
    assert_line(&lines, "A session for this runner already exists.");
    assert_line(&lines, "Runner listener exit with Session Conflict error");
    world.clean().await
}
