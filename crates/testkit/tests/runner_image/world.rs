//! What every test of the image needs.

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
use github::{GitHub, JitConfigRequest, Target};
use secrecy::ExposeSecret;
use testkit::{
    github::{JobStatus, Registration, SANDBOX_PAT, SimulatedGitHub},
    runner_image::{self, Variant},
};

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const LABEL: &str = "runner-pilot.test.runner-image";

/// An engine, a simulated GitHub, a client of it, and the containers that the test made.
pub(crate) struct World {
    pub(crate) docker: Docker,
    pub(crate) server: SimulatedGitHub,
    pub(crate) github: GitHub,
    pub(crate) target: Target,
    pub(crate) containers: Vec<String>,
}

/// A fresh world.
pub(crate) async fn world() -> anyhow::Result<World> {
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
    pub(crate) async fn create(
        &mut self,
        variant: Variant,
        command: &[&str],
        env: &[&str],
    ) -> anyhow::Result<String> {
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

    pub(crate) async fn start(&self, id: &str) -> anyhow::Result<()> {
        Ok(self
            .docker
            .start_container(id, None::<StartContainerOptions>)
            .await?)
    }

    /// A container that registers with a token and runs.
    pub(crate) async fn run_by_token(&mut self, name: &str, options: &str) -> anyhow::Result<String> {
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
    pub(crate) async fn run_by_jit(
        &mut self,
        name: &str,
        variant: Variant,
        env: &[&str],
    ) -> anyhow::Result<String> {
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

    pub(crate) async fn until(
        &self,
        what: &str,
        name: &str,
        is: fn(&Registration) -> bool,
    ) -> anyhow::Result<Registration> {
        let found = |server: &SimulatedGitHub| server.registration("acme/web", name).filter(is);
        self.server.wait_until(what, PATIENCE, found).await
    }

    pub(crate) async fn until_job(&self, id: u64, status: JobStatus) -> anyhow::Result<()> {
        let found = |server: &SimulatedGitHub| server.job(id).filter(|job| job.status == status).map(drop);
        self.server
            .wait_until(&format!("job {id} {status:?}"), PATIENCE, found)
            .await
    }

    /// The exit code, once the container is over.
    pub(crate) async fn exit_code(&self, id: &str) -> anyhow::Result<i64> {
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
    pub(crate) async fn lines(&self, id: &str) -> anyhow::Result<Vec<String>> {
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
    pub(crate) async fn lines_until(&self, id: &str, text: &str) -> anyhow::Result<Vec<String>> {
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

    pub(crate) async fn signal(&self, id: &str, signal: &str) -> anyhow::Result<()> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        Ok(self.docker.kill_container(id, Some(options)).await?)
    }

    /// Removes the containers that the test made.
    pub(crate) async fn clean(mut self) -> anyhow::Result<()> {
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
            // Nobody is left to tell should this fail.
            let _ = std::process::Command::new("docker")
                .args(["rm", "--force"])
                .args(&self.containers)
                .output();
        }
    }
}

/// Whether a line is `<yyyy-MM-dd HH:mm:ssZ>: <text>`.
pub(crate) fn is_timed(line: &str, text: &str) -> bool {
    let digits: String = line
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    digits.starts_with("0000-00-00 00:00:00Z: ") && line.get(22..) == Some(text)
}

#[track_caller]
pub(crate) fn assert_timed(lines: &[String], text: &str) {
    assert!(
        lines.iter().any(|line| is_timed(line, text)),
        "no `<time>: {text}` in {lines:#?}"
    );
}

#[track_caller]
pub(crate) fn assert_line(lines: &[String], start: &str) {
    assert!(
        lines.iter().any(|line| line.starts_with(start)),
        "no `{start}` in {lines:#?}"
    );
}
