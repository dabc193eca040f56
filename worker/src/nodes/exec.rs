//! A command run inside a container.

use std::pin::Pin;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error as BollardError;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures::{Stream, StreamExt};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::container::OwnedContainer;
use super::engine::{CALL, Engine};
use super::error::NodeError;

/// The most output that is kept, in bytes; the rest is read and dropped.
const MAX_OUTPUT: usize = 64 << 10;

/// What to run. Nothing secret may be in `command`: process lists and `docker inspect` show it.
#[derive(Clone, Default)]
pub struct ExecCommand {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// What is written to its standard input, which is then closed.
    pub stdin: Option<SecretString>,
    /// The user, if not the container's own.
    pub user: Option<String>,
    /// The working directory, if not the container's own.
    pub working_dir: Option<String>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutcome {
    /// The exit code; 126 and 127 if the program could not be run.
    pub exit_code: i64,
    /// Standard output and error together, at most 64 KiB.
    pub output: String,
    /// Whether there was more output than was kept.
    pub truncated: bool,
}

impl Engine {
    /// Runs a command in a running container. After `limit` it is a [`NodeError::Timeout`]; the engine
    /// has no way to end the command, which then goes on until the container stops.
    pub async fn exec(
        &self,
        container: &OwnedContainer,
        command: ExecCommand,
        limit: Duration,
    ) -> Result<ExecOutcome, NodeError> {
        // The time is the command's as much as the engine's, so that it says nothing about the engine
        // unless a step of the engine's own fails.
        tokio::time::timeout(limit, self.run(container, command))
            .await
            .unwrap_or(Err(NodeError::Timeout {
                operation: "exec",
                limit,
            }))
    }

    async fn run(&self, container: &OwnedContainer, command: ExecCommand) -> Result<ExecOutcome, NodeError> {
        let options = CreateExecOptions {
            attach_stdin: Some(command.stdin.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.command),
            user: command.user,
            working_dir: command.working_dir,
            ..CreateExecOptions::default()
        };
        let creation = self.docker().create_exec(container.id.as_str(), options);
        let exec = self.call("create exec", CALL, creation).await?.id;
        // It has the form of a container's id and goes into a path as one does.
        let exec = super::container::engine_made("create exec", &exec)?;
        let start = self.docker().start_exec(exec.as_str(), None::<StartExecOptions>);
        let (output, truncated) = match self.call("start exec", CALL, start).await? {
            StartExecResults::Attached { output, input } => converse(output, input, command.stdin).await?,
            StartExecResults::Detached => (Vec::new(), false),
        };
        let seen = self
            .call("inspect exec", CALL, self.docker().inspect_exec(exec.as_str()))
            .await?;
        Ok(ExecOutcome {
            exit_code: seen.exit_code.ok_or(NodeError::Malformed {
                operation: "inspect exec",
                message: "it gave no exit code".into(),
            })?,
            output: String::from_utf8_lossy(&output).into_owned(),
            truncated,
        })
    }
}

type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, BollardError>> + Send>>;

/// Writes and reads at once: a command that answers before it has read everything would block else.
async fn converse(
    mut output: Output,
    mut input: Pin<Box<dyn AsyncWrite + Send>>,
    stdin: Option<SecretString>,
) -> Result<(Vec<u8>, bool), NodeError> {
    let write = async {
        if let Some(text) = stdin {
            // A command that ends without reading its input closes it: its exit code tells more.
            if input.write_all(text.expose_secret().as_bytes()).await.is_ok() {
                drop(input.flush().await);
            }
            drop(input.shutdown().await);
        }
    };
    let read = async {
        let mut kept = Vec::new();
        let mut truncated = false;
        while let Some(piece) = output.next().await {
            let piece = piece
                .map_err(|error| NodeError::from_bollard("exec", &error))?
                .into_bytes();
            let room = MAX_OUTPUT - kept.len();
            truncated |= piece.len() > room;
            kept.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        Ok((kept, truncated))
    };
    let ((), outcome) = tokio::join!(write, read);
    outcome
}
