//! Runners that do what they should, from registration to removal.

use anyhow::Context;
use github::{DeleteOutcome, JitConfigRequest};
use secrecy::ExposeSecret;
use testkit::{
    github::{Conclusion, JobSpec, JobStatus, Registration},
    runner_image::{self, Variant},
};

use crate::world::{assert_line, assert_timed, world};

#[tokio::test]
async fn a_runner_registered_by_token_takes_jobs_one_after_another() -> anyhow::Result<()> {
    let mut world = world().await?;
    let id = world
        .run_by_token("r1", "--labels gpu,big --work _work --disableupdate")
        .await?;
    let runner = world.until("online", "r1", |r| r.online).await?;
    assert_eq!(runner.custom_labels, ["gpu", "big"]);
    assert_eq!(runner.system_labels, ["self-hosted", "Linux", "X64"]);
    assert_eq!(
        (runner.ephemeral, runner.version.as_deref()),
        (false, Some(runner_image::RUNNER_VERSION))
    );
    for (name, result) in [
        ("build \"quoted\"", Conclusion::Succeeded),
        ("test", Conclusion::Failed),
    ] {
        let spec = JobSpec::new("acme/web", name, 5)
            .with_labels(&["self-hosted", "GPU"])
            .with_result(result);
        let job = world.server.queue_job(spec)?;
        world.until("busy", "r1", Registration::is_busy).await?;
        let outcome = world.github.delete_runner(&world.target, runner.id).await?;
        assert_eq!(outcome, DeleteOutcome::Busy);
        world.until_job(job.id, JobStatus::Completed).await?;
        assert_eq!(world.server.job(job.id).context("job")?.conclusion, Some(result));
        world.until("idle", "r1", |r| r.online && !r.is_busy()).await?;
    }
    let lines = world
        .lines_until(&id, "Job test completed with result: Failed")
        .await?;
    assert_line(&lines, "√ Connected to GitHub");
    assert_line(&lines, "Current runner version: '2.336.0'");
    assert_timed(&lines, "Listening for Jobs");
    assert_timed(&lines, "Running job: build \"quoted\"");
    assert_timed(&lines, "Job build \"quoted\" completed with result: Succeeded");
    world.clean().await
}

#[tokio::test]
async fn an_ephemeral_runner_from_uploaded_files_ends_with_zero_and_leaves_no_registration()
-> anyhow::Result<()> {
    let mut world = world().await?;
    let id = world.run_by_jit("jit1", Variant::Normal, &[]).await?;
    world.until("online", "jit1", |r| r.online).await?;
    let spec = JobSpec::new("acme/web", "once", 1)
        .with_labels(&["jit"])
        .with_result(Conclusion::Failed);
    let job = world.server.queue_job(spec)?;
    world.until_job(job.id, JobStatus::InProgress).await?;
    assert_eq!(
        world.exit_code(&id).await?,
        0,
        "the exit code never tells the job's result"
    );
    assert_eq!(
        world.server.job(job.id).context("job")?.conclusion,
        Some(Conclusion::Failed)
    );
    assert_eq!(world.server.registrations(), []);
    let lines = world.lines(&id).await?;
    assert_line(&lines, "Runner listener exit with 0 return code");
    assert_line(&lines, "Exiting runner...");
    world.clean().await
}

#[tokio::test]
async fn a_jit_config_in_the_environment_works_too() -> anyhow::Result<()> {
    let mut world = world().await?;
    let request = JitConfigRequest {
        name: "env1".into(),
        runner_group_id: 1,
        labels: vec!["x".into()],
        work_folder: "_work".into(),
    };
    let config = world.github.generate_jit_config(&world.target, &request).await?;
    let env = format!(
        "ACTIONS_RUNNER_INPUT_JITCONFIG={}",
        config.encoded.expose_secret()
    );
    let id = world.create(Variant::Normal, &["./run.sh"], &[&env]).await?;
    world.start(&id).await?;
    world.until("online", "env1", |r| r.online).await?;
    world.clean().await
}

#[tokio::test]
async fn sigterm_cancels_the_job_and_ends_with_143() -> anyhow::Result<()> {
    for (signal, code) in [("SIGTERM", 143), ("SIGINT", 130)] {
        let mut world = world().await?;
        let id = world
            .run_by_token("r1", "--no-default-labels --labels only")
            .await?;
        let runner = world.until("online", "r1", |r| r.online).await?;
        assert_eq!(runner.system_labels, Vec::<String>::new());
        let job = world.server.queue_job(JobSpec::new("acme/web", "long", 600))?;
        world.until_job(job.id, JobStatus::InProgress).await?;
        // GitHub calls it in progress before the runner has it.
        world.lines_until(&id, "Running job: long").await?;
        world.signal(&id, signal).await?;
        assert_eq!(world.exit_code(&id).await?, code);
        assert_eq!(
            world.server.job(job.id).context("job")?.conclusion,
            Some(Conclusion::Canceled)
        );
        // It is disconnected at once, and does not deregister.
        let runner = world
            .server
            .registration("acme/web", "r1")
            .context("the registration stays")?;
        assert!(!runner.online);
        assert_timed(
            &world.lines(&id).await?,
            "Job long completed with result: Canceled",
        );
        world.clean().await?;
    }
    Ok(())
}

#[tokio::test]
async fn config_remove_takes_the_registration_away() -> anyhow::Result<()> {
    let mut world = world().await?;
    let register = world.github.create_registration_token(&world.target).await?;
    let remove = world.github.create_remove_token(&world.target).await?;
    let url = world.target.html_url(world.server.url());
    let script = format!(
        "./config.sh --unattended --url {url} --token {} --name r1 && ./config.sh remove --token {} && ls -A",
        register.token.expose_secret(),
        remove.token.expose_secret()
    );
    let id = world.create(Variant::Normal, &["sh", "-c", &script], &[]).await?;
    world.start(&id).await?;
    assert_eq!(world.exit_code(&id).await?, 0);
    let lines = world.lines(&id).await?;
    assert_line(&lines, "√ Runner removed successfully");
    assert!(!lines.iter().any(|line| line == ".credentials"), "{lines:#?}");
    assert_eq!(world.server.registrations(), []);
    world.clean().await
}

#[tokio::test]
async fn the_image_looks_like_the_official_one() -> anyhow::Result<()> {
    let mut world = world().await?;
    let tag = runner_image::build(&world.docker).await?;
    let before = world.docker.inspect_image(&tag).await?;
    runner_image::build(&world.docker).await?;
    let after = world.docker.inspect_image(&tag).await?;
    assert_eq!(before.id, after.id, "an image that is up to date is left alone");
    let config = after.config.context("config")?;
    assert_eq!(config.user.as_deref(), Some("runner"));
    assert_eq!(config.working_dir.as_deref(), Some("/home/runner"));
    assert_eq!(config.entrypoint.unwrap_or_default(), Vec::<String>::new());
    let id = world
        .create(
            Variant::Normal,
            &["sh", "-c", "id -u; id -Gn; pwd; ./run.sh"],
            &[],
        )
        .await?;
    world.start(&id).await?;
    assert_eq!(world.exit_code(&id).await?, 0);
    let lines = world.lines(&id).await?;
    assert_eq!(lines[..3], ["1001", "runner docker", "/home/runner"]);
    assert_line(
        &lines,
        "Not configured. Run config.(sh/cmd) to configure the runner.",
    );
    world.clean().await
}
