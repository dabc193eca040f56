//! What the integration tests share: a private Redis server, workers, and waiting with a deadline.
#![expect(dead_code, reason = "each test binary uses a part of it")]

pub mod beating;
pub mod calls;
pub mod gate;
pub mod port;
pub mod python;
pub mod wire;

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use celery_redis::{Client, Error, Worker, WorkerBuilder};
use port::Port;
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longest time anything in a test may take.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A Redis server of this test alone, stopped by its own process id.
pub struct RedisServer {
    child: Child,
    port: Port,
    directory: tempfile::TempDir,
    persistent: bool,
}

impl RedisServer {
    /// A server that keeps nothing on disk.
    pub fn start() -> Self {
        Self::launch(false)
    }

    /// A server that survives a restart with its data.
    pub fn start_persistent() -> Self {
        Self::launch(true)
    }

    fn launch(persistent: bool) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the server");
        let port = Port::reserve();
        let child = spawn_redis(&port, directory.path(), persistent);
        let server = Self {
            child,
            port,
            directory,
            persistent,
        };
        server.wait_until_up();
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Kills the server as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server dies");
        self.child.wait().expect("the server is gone");
    }

    pub fn start_again(&mut self) {
        self.child = spawn_redis(&self.port, self.directory.path(), self.persistent);
        self.wait_until_up();
    }

    fn wait_until_up(&self) {
        let client = redis::Client::open(self.url()).expect("a valid URL");
        let started = Instant::now();
        while client
            .get_connection()
            .and_then(|mut c| redis::cmd("PING").query::<String>(&mut c))
            .is_err()
        {
            assert!(started.elapsed() < DEADLINE, "redis-server did not come up");
            std::thread::yield_now();
        }
    }

    /// A connection for looking behind the scenes.
    pub async fn connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a valid URL");
        client
            .get_multiplexed_async_connection()
            .await
            .expect("a connection")
    }

    pub fn client(&self) -> Client {
        Client::new(&self.url()).expect("a valid URL")
    }

    pub fn worker(&self) -> WorkerBuilder {
        Worker::builder(&self.url())
            .concurrency(4)
            .shutdown_grace(Duration::from_secs(5))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn_redis(port: &Port, directory: &Path, persistent: bool) -> Child {
    Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
        ])
        .arg(directory)
        .args([
            "--appendonly",
            if persistent { "yes" } else { "no" },
            "--appendfsync",
            "always",
        ])
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

/// A worker inside the test.
pub struct Running {
    stop: CancellationToken,
    tasks: JoinSet<Result<(), Error>>,
}

impl Running {
    pub fn start(builder: WorkerBuilder) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(builder.build().expect("valid settings").run(stop.clone()));
        Self { stop, tasks }
    }

    /// Shuts down warmly and waits for the end.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(DEADLINE, self.tasks.join_next())
            .await
            .expect("the worker stops in time");
        ended.expect("a worker").expect("no panic").expect("no error");
    }
}

/// Polls until `look` finds something; fails with `what` at the deadline.
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(DEADLINE, what, look).await
}

/// As `eventually`, with a deadline of its own.
pub async fn eventually_within<T>(
    limit: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// All keys but results and bindings, which are meant to stay, and the list of workers, in which one that was killed
/// stands until another sweeps.
pub async fn stray_keys(connection: &mut MultiplexedConnection) -> Vec<String> {
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(connection)
        .await
        .expect("keys");
    keys.into_iter()
        .filter(|key| !key.starts_with("celery-task-meta-") && !key.starts_with("_kombu.binding"))
        .filter(|key| !key.ends_with("celery-redis.workers"))
        .collect()
}

/// After a crash the lock of an interrupted sweep may outlive it by its five seconds; nothing else may.
pub async fn no_stray_keys(connection: &mut MultiplexedConnection) {
    let strays = stray_keys(connection).await;
    assert!(strays.iter().all(|key| key == "unacked_mutex"), "{strays:?}");
    eventually("the lock of an interrupted sweep lapses", async || {
        stray_keys(connection).await.is_empty().then_some(())
    })
    .await;
}

/// The example worker.
pub fn conformance_worker() -> PathBuf {
    examples().join("conformance")
}

/// The directory of the example worker and the example beat, built once.
fn examples() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let test = std::env::current_exe().expect("the path of this test");
        let profile = test
            .ancestors()
            .nth(2)
            .expect("target/<profile>/deps/<test>")
            .to_owned();
        let mut build = Command::new(env!("CARGO"));
        // What a test is told of its own package is a change to build scripts that read it, as ring's does: everything
        // above ring would be compiled anew, here and at the next build.
        let told = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for name in told.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            build.env_remove(name);
        }
        // With the features of the whole workspace, as whatever built this test: nothing is compiled anew.
        build.args(["build", "--quiet", "--workspace"]);
        build.args(["--example", "conformance", "--example", "ticking"]);
        build
            .arg("--target-dir")
            .arg(profile.parent().expect("a target directory"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(
            build.status().expect("cargo runs").success(),
            "the examples do not build"
        );
        profile.join("examples")
    })
}

/// A process that is killed when the test is done with it.
pub struct Process(Child);

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().expect("the process starts"))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.0.kill().expect("the process dies");
        self.0.wait().expect("the process is gone");
    }

    /// Sends a signal by its name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.0.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// SIGTERM, then the exit status.
    pub async fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        eventually("the process ends after SIGTERM", async || self.ended()).await
    }

    pub fn has_ended(&mut self) -> bool {
        self.ended().is_some()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("a child")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The example worker as a process.
pub fn spawn_worker(redis: &RedisServer, arguments: &[&str]) -> Process {
    Process::spawn(
        Command::new(conformance_worker())
            .args(arguments)
            .env("REDIS_URL", redis.url())
            .env("RUST_LOG", "error")
            .stderr(Stdio::null()),
    )
}

/// The example beat as a process: it sends `tick` into the queue `ticks`.
pub fn spawn_beat(redis: &RedisServer, interval: Duration, lock_ttl: Duration) -> Process {
    let seconds = [interval, lock_ttl].map(|time| time.as_secs_f64().to_string());
    Process::spawn(
        Command::new(examples().join("ticking"))
            .args(seconds)
            .env("REDIS_URL", redis.url())
            .stderr(Stdio::null()),
    )
}
