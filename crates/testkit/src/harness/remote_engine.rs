//! A second Docker engine that listens on TCP with mutual TLS, as the engine of another host would.
//!
//! It needs root. It has a bridge of its own: an engine started with `--bridge=none` deletes the
//! `docker0` of the first one, and every container there fails until that engine is restarted.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bollard::{API_DEFAULT_VERSION, Docker};
use tempfile::TempDir;

use super::child::{Child, Signal};
use super::engine::Engine;
use super::paths::program;
use super::poll::eventually;
use super::port::Port;
use super::reaper::{Duty, quoted};
use super::tls::{TlsFiles, TlsMaterial};

const START_DEADLINE: Duration = Duration::from_secs(40);
/// A stopping engine gives its containers ten seconds each, all at the same time.
const STOP_DEADLINE: Duration = Duration::from_secs(30);
const TIMEOUT_SECS: u64 = 30;

/// Ends what a killed engine leaves behind (containerd, shims, containers: all name the engine's own
/// directory on their command line), unmounts its file systems and deletes its bridge. Everything it
/// touches lies under `$1` or is the bridge `$2`.
const SWEEP: &str = r#"
for process in /proc/[0-9]*; do
    case "$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null)" in
        *"$1"/exec/*) kill -KILL "${process#/proc/}" ;;
    esac
done
for _ in 1 2 3; do
    awk -v d="$1/" 'index($2, d) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
done
rm -rf -- "$1/data" "$1/exec"
[ -z "${2:-}" ] || ip link del "$2"
"#;
const SWEEP_FILE: &str = "sweep.sh";

/// A `dockerd` on a free port of loopback.
#[derive(Debug)]
pub struct RemoteEngine {
    port: Port,
    child: Child,
    network: Network,
    tls: TlsMaterial,
    files: TlsFiles,
    directory: TempDir,
    _duty: Duty,
}

/// The bridge that its containers are on.
#[derive(Debug)]
struct Network {
    bridge: String,
}

impl RemoteEngine {
    /// Starts one with certificates of its own and waits until it answers.
    pub async fn start() -> anyhow::Result<Self> {
        process::install_crypto_provider();
        let directory = TempDir::with_prefix("rp-engine-")?;
        let tls = TlsMaterial::generate()?;
        let files = tls.write_to(directory.path())?;
        let network = Network::create()?;
        std::fs::write(directory.path().join(SWEEP_FILE), SWEEP)?;
        let here = quoted(&directory.path().to_string_lossy());
        let sweep = format!(
            "bash {here}/{SWEEP_FILE} {here} {}; rm -rf -- {here}",
            network.bridge
        );
        let duty = Duty::run(&sweep)?;
        let port = Port::reserve()?;
        let child = launch(directory.path(), &files, port.number(), &network.bridge).await?;
        Ok(Self {
            port,
            child,
            network,
            tls,
            files,
            directory,
            _duty: duty,
        })
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The certificates and keys.
    pub fn tls(&self) -> &TlsMaterial {
        &self.tls
    }

    /// The same as files.
    pub fn tls_files(&self) -> &TlsFiles {
        &self.files
    }

    /// A client that the engine accepts.
    pub async fn engine(&self) -> anyhow::Result<Engine> {
        connect(self.port.number(), &self.files).await
    }

    /// What it logged.
    pub fn log_text(&self) -> String {
        self.child.log_text()
    }

    /// Kills it. Its containers go on without an engine; the next start stops them.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()
    }

    /// Stops it, and its containers with it.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.child.terminate(STOP_DEADLINE).await.map(drop)
    }

    /// Starts it again on the same port with the same images and containers.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        if self.child.is_running() {
            bail!("the engine still runs; stop or kill it first");
        }
        forget_containerd(self.directory.path());
        self.child = launch(
            self.directory.path(),
            &self.files,
            self.port.number(),
            &self.network.bridge,
        )
        .await?;
        Ok(())
    }

    /// Freezes it: it accepts connections and never answers.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.child.signal(Signal::Stop)
    }

    /// Lets it go on after [`RemoteEngine::pause`].
    pub fn resume(&self) -> anyhow::Result<()> {
        self.child.signal(Signal::Cont)
    }
}

impl Drop for RemoteEngine {
    fn drop(&mut self) {
        // A frozen engine cannot stop its containers.
        let _ = self.child.signal(Signal::Cont);
        self.child.end(STOP_DEADLINE);
        sweep(self.directory.path());
    }
}

impl Network {
    fn create() -> anyhow::Result<Self> {
        let mut failure = None;
        for _ in 0..10 {
            let id: u8 = rand::random_range(1..=254);
            let bridge = format!("rp-br{id}");
            // Fails when another test has it, which is what makes it ours alone.
            if let Err(error) = ip(&["link", "add", &bridge, "type", "bridge"]) {
                failure = Some(error);
                continue;
            }
            let network = Self { bridge };
            ip(&[
                "addr",
                "add",
                &format!("172.31.{id}.1/24"),
                "dev",
                &network.bridge,
            ])?;
            ip(&["link", "set", &network.bridge, "up"])?;
            return Ok(network);
        }
        Err(failure.context("no attempt was made")?)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Nothing more can be done about a bridge that stays; the next test takes another.
        let _ = ip(&["link", "del", &self.bridge]);
    }
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program("ip", "iproute2")?)
        .args(arguments)
        .output()?;
    ensure!(
        output.status.success(),
        "ip {}: {} (a second engine needs root)",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

async fn launch(directory: &Path, files: &TlsFiles, port: u16, bridge: &str) -> anyhow::Result<Child> {
    let mut command = Command::new(program("dockerd", "docker.io")?);
    let file = |option: &str, path: &Path| format!("--{option}={}", path.display());
    command
        .arg(format!("--host=tcp://127.0.0.1:{port}"))
        .arg("--tlsverify")
        .args([
            file("tlscacert", &files.ca),
            file("tlscert", &files.server_cert),
            file("tlskey", &files.server_key),
            file("data-root", &directory.join("data")),
            file("exec-root", &directory.join("exec")),
            file("pidfile", &directory.join("dockerd.pid")),
        ])
        .arg(format!("--bridge={bridge}"))
        .args(["--iptables=false", "--ip-masq=false"]);
    let mut child = Child::spawn(
        "dockerd",
        &mut command,
        &directory.join("dockerd.log"),
        Signal::Term,
    )?;
    eventually(START_DEADLINE, "the second Docker engine answers", || {
        let running = child.ensure_running();
        async move {
            running?;
            connect(port, files).await.map(drop)
        }
    })
    .await
    .with_context(|| format!("its last lines:\n{}", child.log_tail()))?;
    Ok(child)
}

async fn connect(port: u16, files: &TlsFiles) -> anyhow::Result<Engine> {
    let address = format!("tcp://127.0.0.1:{port}");
    let docker = Docker::connect_with_ssl(
        &address,
        &files.client_key,
        &files.client_cert,
        &files.ca,
        TIMEOUT_SECS,
        API_DEFAULT_VERSION,
    )?;
    Engine::answering(docker, None).await
}

/// An engine that finds the pid file of a containerd that died with it waits for that containerd and
/// gives up.
fn forget_containerd(directory: &Path) {
    let containerd = directory.join("exec/containerd");
    let Ok(entries) = std::fs::read_dir(&containerd) else {
        return;
    };
    if let Ok(pid) = std::fs::read_to_string(containerd.join("containerd.pid")) {
        // An orphan of the killed engine; it may be gone already.
        let _ = Command::new("kill").args(["-KILL", pid.trim()]).status();
    }
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "containerd.pid" || name.contains(".sock") {
            // What stays only makes the start fail, with a message of its own.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn sweep(directory: &Path) {
    let script = directory.join(SWEEP_FILE);
    if let Err(error) = Command::new("bash").arg(script).arg(directory).output() {
        tracing::warn!(%error, "the second engine's files could not be removed");
    }
}
