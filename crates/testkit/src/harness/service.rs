//! One of our binaries as a process: started, killed, started again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::child::{Child, Signal};
use super::paths::binary;
use super::poll::eventually;

const READY_DEADLINE: Duration = Duration::from_mins(1);
const STOP_DEADLINE: Duration = Duration::from_secs(40);

/// How a service shows that it does its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// It answers 200 at this address.
    Http(String),
    /// It has logged a line that holds this text since it was started.
    Log(String),
}

/// A binary with its environment; at most one process of it runs at a time.
#[derive(Debug)]
pub struct Service {
    name: String,
    binary: PathBuf,
    environment: BTreeMap<String, String>,
    ready: Ready,
    logs: PathBuf,
    starts: usize,
    child: Option<Child>,
}

impl Service {
    /// A service that is not started yet. `program` is the binary's name; logs go to files in `logs` that
    /// begin with `name`.
    pub fn new(
        name: &str,
        program: &str,
        environment: BTreeMap<String, String>,
        ready: Ready,
        logs: &Path,
    ) -> anyhow::Result<Self> {
        let binary = binary(program)?;
        let (name, logs) = (name.to_owned(), logs.to_owned());
        Ok(Self {
            name,
            binary,
            environment,
            ready,
            logs,
            starts: 0,
            child: None,
        })
    }

    /// Starts it and waits until it is ready.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        self.spawn()?;
        self.wait_until_ready().await
    }

    /// Starts it without waiting.
    pub fn spawn(&mut self) -> anyhow::Result<()> {
        if self.child.as_mut().is_some_and(Child::is_running) {
            bail!("{} already runs", self.name);
        }
        self.starts += 1;
        let log = self.logs.join(format!("{}.{}.log", self.name, self.starts));
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .envs(&self.environment)
            .current_dir(&self.logs);
        self.child = Some(Child::spawn(&self.name, &mut command, &log, Signal::Term)?);
        Ok(())
    }

    /// Waits until it is ready. Errors with the end of its log when it ends instead, or takes too long.
    pub async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let (name, ready) = (self.name.clone(), self.ready.clone());
        let child = self
            .child
            .as_mut()
            .with_context(|| format!("{name} was not started"))?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()?;
        let waited = eventually(READY_DEADLINE, &format!("{name} is ready"), || {
            let running = child.ensure_running();
            let log = if matches!(ready, Ready::Log(_)) {
                child.log_text()
            } else {
                String::new()
            };
            let (ready, http) = (&ready, &http);
            async move {
                running?;
                match ready {
                    Ready::Log(text) => ensure!(log.contains(text), "nothing in its log says {text:?}"),
                    Ready::Http(address) => {
                        let status = http.get(address).send().await?.status();
                        ensure!(status.is_success(), "{address} answers {status}");
                    }
                }
                Ok(())
            }
        })
        .await;
        waited.with_context(|| format!("the last lines of {name}:\n{}", child.log_tail()))
    }

    /// The running process. Errors when there is none.
    pub fn process(&mut self) -> anyhow::Result<&mut Child> {
        let name = &self.name;
        self.child
            .as_mut()
            .with_context(|| format!("{name} does not run"))
    }

    /// Asks it to stop and waits; returns its exit code (none after a signal).
    pub async fn terminate(&mut self) -> anyhow::Result<Option<i32>> {
        let status = self.process()?.terminate(STOP_DEADLINE).await?;
        self.child = None;
        Ok(status.code())
    }

    /// Kills it: it gets to do nothing more.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process()?.kill()?;
        self.child = None;
        Ok(())
    }

    /// Runs the binary with `arguments` to its end and returns its exit code with all it wrote.
    pub async fn run_once(&self, arguments: &[&str]) -> anyhow::Result<(Option<i32>, String)> {
        let output = tokio::process::Command::new(&self.binary)
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(&self.logs)
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(READY_DEADLINE, output)
            .await
            .with_context(|| format!("{} {} does not end", self.name, arguments.join(" ")))??;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
    }

    /// Its environment; changes count from the next start on.
    pub fn environment_mut(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.environment
    }

    /// What the process that runs now, or ran last, has logged.
    pub fn log_text(&self) -> String {
        let log = self.logs.join(format!("{}.{}.log", self.name, self.starts));
        String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()
    }
}
