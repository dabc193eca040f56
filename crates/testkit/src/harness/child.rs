//! A process that a test started: signalled by pid, logged to a file, ended when dropped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::poll::eventually;
use super::reaper::Duty;

/// The signals that tests send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Please stop.
    Term,
    /// As Ctrl-C.
    Int,
    /// Stop without saving; for PostgreSQL.
    Quit,
    /// The process gets no say.
    Kill,
    /// Freeze.
    Stop,
    /// Go on after [`Signal::Stop`].
    Cont,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        }
    }
}

/// A running process whose output goes to a file.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: std::process::Child,
    log: PathBuf,
    last_signal: Signal,
    _duty: Duty,
}

impl Child {
    /// Starts `command` with its output appended to `log`. `last_signal` ends it when it is dropped.
    pub fn spawn(name: &str, command: &mut Command, log: &Path, last_signal: Signal) -> anyhow::Result<Self> {
        let open = || File::options().create(true).append(true).open(log);
        let output = open().with_context(|| format!("opening {}", log.display()))?;
        let errors = output.try_clone()?;
        let process = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let duty = Duty::end_process(process.id(), last_signal.name())?;
        Ok(Self {
            name: name.to_owned(),
            process,
            log: log.to_owned(),
            last_signal,
            _duty: duty,
        })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The file that its output goes to.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Everything it has written so far.
    pub fn log_text(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of what it has written, for a failure message.
    pub fn log_tail(&self) -> String {
        const LINES: usize = 15;
        let text = self.log_text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Sends `signal` to this process and no other.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let status = Command::new("kill")
            .args([&format!("-{}", signal.name()), &self.pid().to_string()])
            .stderr(Stdio::null())
            .status()?;
        ensure!(
            status.success(),
            "{} (pid {}) is gone, it cannot be signalled",
            self.name,
            self.pid()
        );
        Ok(())
    }

    /// Waits for its end. Errors when it still runs after `deadline`.
    pub async fn wait(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        let name = self.name.clone();
        let process = &mut self.process;
        eventually(deadline, &format!("the end of {name}"), || {
            let status = process.try_wait();
            async { status?.context("it still runs") }
        })
        .await
    }

    /// Asks it to stop and waits for that.
    pub async fn terminate(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::Term)?;
        self.wait(deadline).await
    }

    /// Kills it, so that it gets to do nothing more, and waits until it is gone.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Errors with the end of its log when it no longer runs.
    pub fn ensure_running(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.process.try_wait()? {
            bail!(
                "{} ended with {status}; its last lines:\n{}",
                self.name,
                self.log_tail()
            );
        }
        Ok(())
    }

    /// Ends it with its last signal and, if it does not obey within `grace`, by force. Blocks; for `Drop`.
    pub fn end(&mut self, grace: Duration) {
        let start = Instant::now();
        // A frozen process would not hear anything but KILL.
        if self.last_signal != Signal::Kill && self.signal(self.last_signal).is_ok() {
            while start.elapsed() < grace && self.is_running() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        if self.is_running() {
            // It may have ended in between, which is just as well.
            let _ = self.kill();
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.end(Duration::from_secs(5));
    }
}
