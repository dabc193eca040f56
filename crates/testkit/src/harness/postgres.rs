//! A PostgreSQL cluster of the test's own, from Debian's server programs.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::child::{Child, Signal};
use super::paths::program;
use super::poll::eventually;
use super::port::Port;
use super::reaper::{Duty, quoted};

const START_DEADLINE: Duration = Duration::from_mins(1);
const PACKAGE: &str = "postgresql";
const SUPERUSER: &str = "postgres";

static SHARED: OnceCell<Postgres> = OnceCell::const_new();

/// A running cluster on a free port of loopback. Fast rather than safe: a crash of
/// the server loses nothing that was committed, one of the machine may.
#[derive(Debug)]
pub struct Postgres {
    port: Port,
    child: Child,
    owner: Option<(u32, u32)>,
    directory: TempDir,
    // A static is never dropped, and then this removes the directory.
    _duty: Duty,
}

impl Postgres {
    /// Creates and starts a cluster of one's own, for tests that stop it.
    pub async fn start() -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("rp-postgres-")?;
        let duty = Duty::run(&format!(
            "rm -rf -- {}",
            quoted(&directory.path().to_string_lossy())
        ))?;
        let owner = owner()?;
        if let Some((user, group)) = owner {
            chown(directory.path(), Some(user), Some(group))?;
        }
        initialise(&data(directory.path()), owner)?;
        let port = Port::reserve()?;
        let child = launch(directory.path(), port.number(), owner).await?;
        Ok(Self {
            port,
            child,
            owner,
            directory,
            _duty: duty,
        })
    }

    /// The cluster that all tests of this process share; started at the first call.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        SHARED.get_or_try_init(Self::start).await
    }

    /// Creates an empty database with a name of its own and returns its address.
    pub async fn create_database(&self) -> anyhow::Result<String> {
        let name = format!("test_{}", Uuid::new_v4().simple());
        let mut command = tokio::process::Command::new(program("createdb", PACKAGE)?);
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            SUPERUSER,
            &name,
        ]);
        let output = command.stdin(Stdio::null()).output().await?;
        ensure!(
            output.status.success(),
            "createdb: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(format!("postgres://{SUPERUSER}@127.0.0.1:{}/{name}", self.port))
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Ends it as a crash would: sessions cut, recovery at the next start.
    pub async fn crash(&mut self) -> anyhow::Result<()> {
        self.child.signal(Signal::Quit)?;
        self.child.wait(START_DEADLINE).await.map(drop)
    }

    /// Starts it again on the same port.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        if self.child.is_running() {
            bail!("PostgreSQL still runs; crash it first");
        }
        self.child = launch(self.directory.path(), self.port(), self.owner).await?;
        Ok(())
    }
}

/// The user that the server has to run as: it refuses to run as root.
fn owner() -> anyhow::Result<Option<(u32, u32)>> {
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let entry = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields[0] == "postgres");
    let fields = entry.context("there is no user postgres; make test installs the package that makes it")?;
    Ok(Some((fields[2].parse()?, fields[3].parse()?)))
}

/// A server program, run as `owner`.
fn server_program(name: &str, owner: Option<(u32, u32)>) -> anyhow::Result<Command> {
    let path = program(name, PACKAGE)?;
    let Some((user, group)) = owner else {
        return Ok(Command::new(path));
    };
    // setpriv becomes the program, so that the pid is the program's.
    let mut command = Command::new("setpriv");
    command.args([
        format!("--reuid={user}"),
        format!("--regid={group}"),
        "--clear-groups".to_owned(),
        "--".to_owned(),
    ]);
    command.arg(path);
    Ok(command)
}

fn initialise(data: &Path, owner: Option<(u32, u32)>) -> anyhow::Result<()> {
    let output = server_program("initdb", owner)?
        .args([
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--username",
            SUPERUSER,
            "-D",
        ])
        .arg(data)
        .current_dir("/")
        .stdin(Stdio::null())
        .output()?;
    ensure!(
        output.status.success(),
        "initdb: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

async fn launch(directory: &Path, port: u16, owner: Option<(u32, u32)>) -> anyhow::Result<Child> {
    let mut command = server_program("postgres", owner)?;
    command
        .arg("-D")
        .arg(data(directory))
        .args(["-p", &port.to_string()])
        .current_dir("/");
    let sockets = format!("unix_socket_directories={}", directory.display());
    let settings = [
        "listen_addresses=127.0.0.1",
        "fsync=off",
        "full_page_writes=off",
        &sockets,
    ];
    for setting in settings {
        command.args(["-c", setting]);
    }
    let mut child = Child::spawn(
        "postgres",
        &mut command,
        &directory.join("postgres.log"),
        Signal::Quit,
    )?;
    let ready = program("pg_isready", PACKAGE)?;
    // Over the socket in its own directory: on the port, somebody else might answer.
    eventually(START_DEADLINE, "PostgreSQL answers", || {
        let running = child.ensure_running();
        let mut probe = tokio::process::Command::new(&ready);
        probe
            .arg("-q")
            .arg("-h")
            .arg(directory)
            .args(["-p", &port.to_string()])
            .stdin(Stdio::null());
        async move {
            running?;
            let status = probe.status().await?;
            ensure!(status.success(), "pg_isready ended with {status}");
            Ok(())
        }
    })
    .await?;
    Ok(child)
}

fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}
