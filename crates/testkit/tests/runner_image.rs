//! The simulated runner image on a real engine, against the simulated GitHub.

use std::{collections::HashMap, time::Duration};

use anyhow::Context;
use bollard::{
    Docker,
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        CreateContainerOptionsBuilder, KillContainerOptionsBuilder, LogsOptionsBuilder,
        RemoveContainerOptionsBuilder, StartContainerOptions, UploadToContainerOptionsBuilder,
        WaitContainerOptions,
    },
};
use futures::TryStreamExt;
use github::{DeleteOutcome, GitHub, JitConfigRequest, Target};
use secrecy::ExposeSecret;
use testkit::{
    github::{Conclusion, JobSpec, JobStatus, Registration, SANDBOX_PAT, SimulatedGitHub},
    runner_image::{self, Variant},
};

const PATIENCE: Duration = Duration::from_secs(30);
const LABEL: &str = "runner-pilot.test.runner-image";
const DUPLICATE: &str = "A runner exists with the same name";

struct World {
    docker: Docker,
    server: SimulatedGitHub,
    github: GitHub,
    target: Target,
    containers: Vec<String>,
}

async fn world() -> anyhow::Result<World> {
    let docker = Docker::connect_with_defaults()?
        .negotiate_version()
        .await
        .context("no Docker engine answers; scripts/docker-engine.sh starts one")?;
    let server = SimulatedGitHub::start().await?;
    let github = GitHub::new(server.url(), SANDBOX_PAT.to_owned().into())?;
    Ok(World {
        docker,
        server,
        github,
        target: "acme/web".parse()?,
        containers: Vec::new(),
    })
}

impl World {
    async fn create(&mut self, variant: Variant, command: &[&str], env: &[&str]) -> anyhow::Result<String> {
        let image = runner_image::build_variant(&self.docker, variant).await?;
        let owned = |texts: &[&str]| Some(texts.iter().map(ToString::to_string).collect());
        let body = ContainerCreateBody {
            image: Some(image),
            cmd: owned(command),
            env: owned(env),
            labels: Some(HashMap::from([(LABEL.to_owned(), String::new())])),
            host_config: Some(HostConfig {
                network_mode: Some("host".into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let options = CreateContainerOptionsBuilder::new().build();
        let id = self.docker.create_container(Some(options), body).await?.id;
        self.containers.push(id.clone());
        Ok(id)
    }

    async fn start(&self, id: &str) -> anyhow::Result<()> {
        Ok(self
            .docker
            .start_container(id, None::<StartContainerOptions>)
            .await?)
    }

    /// A container that registers with a token and runs.
    async fn run_by_token(&mut self, name: &str, options: &str) -> anyhow::Result<String> {
        let token = self.github.create_registration_token(&self.target).await?;
        let url = self.target.html_url(self.server.url());
        let script = format!(
            "./config.sh --unattended --url {url} --token {} --name {name} {options} && exec ./run.sh",
            token.token.expose_secret()
        );
        let id = self
            .create(Variant::Normal, &["/bin/bash", "-c", &script], &[])
            .await?;
        self.start(&id).await?;
        Ok(id)
    }

    /// A container whose three files were uploaded before its start.
    async fn run_by_jit(&mut self, name: &str, variant: Variant, env: &[&str]) -> anyhow::Result<String> {
        let request = JitConfigRequest {
            name: name.to_owned(),
            runner_group_id: 1,
            labels: vec!["jit".into()],
            work_folder: "_work".into(),
        };
        let config = self.github.generate_jit_config(&self.target, &request).await?;
        let id = self.create(variant, &["/home/runner/run.sh"], env).await?;
        let mut tar = tar::Builder::new(Vec::new());
        for (file, content) in config.files()? {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o600);
            header.set_uid(1001);
            header.set_gid(1001);
            header.set_size(u64::try_from(content.len())?);
            tar.append_data(&mut header, file, content.as_slice())?;
        }
        let options = UploadToContainerOptionsBuilder::new()
            .path("/home/runner")
            .build();
        let body = bollard::body_full(tar.into_inner()?.into());
        self.docker.upload_to_container(&id, Some(options), body).await?;
        self.start(&id).await?;
        Ok(id)
    }

    async fn until(
        &self,
        what: &str,
        name: &str,
        is: fn(&Registration) -> bool,
    ) -> anyhow::Result<Registration> {
        let found = |server: &SimulatedGitHub| server.registration("acme/web", name).filter(is);
        self.server.wait_until(what, PATIENCE, found).await
    }

    async fn until_job(&self, id: u64, status: JobStatus) -> anyhow::Result<()> {
        let found = |server: &SimulatedGitHub| server.job(id).filter(|job| job.status == status).map(drop);
        self.server
            .wait_until(&format!("job {id} {status:?}"), PATIENCE, found)
            .await
    }

    /// The exit code, once the container is over.
    async fn exit_code(&self, id: &str) -> anyhow::Result<i64> {
        let wait = self
            .docker
            .wait_container(id, None::<WaitContainerOptions>)
            .try_collect::<Vec<_>>();
        match tokio::time::timeout(PATIENCE, wait)
            .await
            .context("the container goes on")?
        {
            Ok(ended) => Ok(ended.first().context("no exit code")?.status_code),
            Err(bollard::errors::Error::DockerContainerWaitError { code, .. }) => Ok(code),
            Err(error) => Err(error.into()),
        }
    }

    /// The lines that a person sees, without their copies from the log.
    async fn lines(&self, id: &str) -> anyhow::Result<Vec<String>> {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
        let chunks: Vec<_> = self.docker.logs(id, Some(options)).try_collect().await?;
        let text: Vec<u8> = chunks
            .into_iter()
            .flat_map(bollard::container::LogOutput::into_bytes)
            .collect();
        let text = String::from_utf8(text)?;
        Ok(text
            .lines()
            .filter(|line| !line.starts_with("[RUNNER "))
            .map(ToOwned::to_owned)
            .collect())
    }

    /// The lines, once one of them is `<time>: <text>`.
    async fn lines_until(&self, id: &str, text: &str) -> anyhow::Result<Vec<String>> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let lines = self.lines(id).await?;
            if lines.iter().any(|line| is_timed(line, text)) {
                return Ok(lines);
            }
            anyhow::ensure!(
                tokio::time::Instant::now() < deadline,
                "no `<time>: {text}` in {lines:#?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn signal(&self, id: &str, signal: &str) -> anyhow::Result<()> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        Ok(self.docker.kill_container(id, Some(options)).await?)
    }

    /// Removes the containers that the test made.
    async fn clean(mut self) -> anyhow::Result<()> {
        for id in std::mem::take(&mut self.containers) {
            let options = RemoveContainerOptionsBuilder::new().force(true).build();
            self.docker.remove_container(&id, Some(options)).await?;
        }
        Ok(())
    }
}

/// A failed test leaves no container behind either.
impl Drop for World {
    fn drop(&mut self) {
        if !self.containers.is_empty() {
            let removed = std::process::Command::new("docker")
                .args(["rm", "--force"])
                .args(&self.containers)
                .output();
            println!("removed {:?}: {removed:?}", self.containers);
        }
    }
}

/// Whether a line is `<yyyy-MM-dd HH:mm:ssZ>: <text>`.
fn is_timed(line: &str, text: &str) -> bool {
    let digits: String = line
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    digits.starts_with("0000-00-00 00:00:00Z: ") && line.get(22..) == Some(text)
}

#[track_caller]
fn assert_timed(lines: &[String], text: &str) {
    assert!(
        lines.iter().any(|line| is_timed(line, text)),
        "no `<time>: {text}` in {lines:#?}"
    );
}

#[track_caller]
fn assert_line(lines: &[String], start: &str) {
    assert!(
        lines.iter().any(|line| line.starts_with(start)),
        "no `{start}` in {lines:#?}"
    );
}

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
        let spec = JobSpec::new("acme/web", name, 1)
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
    assert_line(&world.lines(&refused).await?, DUPLICATE);
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
async fn a_second_session_is_a_conflict_that_ends_with_zero() -> anyhow::Result<()> {
    let mut world = world().await?;
    world.run_by_jit("twin", Variant::Normal, &[]).await?;
    world.until("online", "twin", |r| r.online).await?;
    let first = world.containers[0].clone();
    // The same files in a second container.
    let archive = bollard::query_parameters::DownloadFromContainerOptionsBuilder::new()
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
