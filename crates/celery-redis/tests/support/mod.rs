//! What the integration tests share: a private Redis server, workers, and waiting with a deadline.
#![expect(dead_code, reason = "each test binary uses a part of it")]

pub mod calls;
pub mod gate;
pub mod python;

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use celery_redis::{Client, Error, Worker, WorkerBuilder};
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Longest time anything in a test may take.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A Redis server of this test alone, stopped by its own process id.
pub struct RedisServer {
    child: Child,
    port: u16,
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
        let port = free_port();
        let child = spawn_redis(port, directory.path(), persistent);
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
        self.child = spawn_redis(self.port, self.directory.path(), self.persistent);
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

fn spawn_redis(port: u16, directory: &std::path::Path, persistent: bool) -> Child {
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

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
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

/// All keys but results and bindings, which are meant to stay.
pub async fn stray_keys(connection: &mut MultiplexedConnection) -> Vec<String> {
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(connection)
        .await
        .expect("keys");
    keys.into_iter()
        .filter(|key| !key.starts_with("celery-task-meta-") && !key.starts_with("_kombu.binding"))
        .collect()
}

/// The example worker, built once.
pub fn conformance_worker() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let test = std::env::current_exe().expect("the path of this test");
            let profile = test
                .ancestors()
                .nth(2)
                .expect("target/<profile>/deps/<test>")
                .to_owned();
            let mut build = Command::new(env!("CARGO"));
            // With the features of the whole workspace, as whatever built this test: nothing is compiled anew.
            build.args([
                "build",
                "--quiet",
                "--workspace",
                "--example",
                "conformance",
                "--target-dir",
            ]);
            build.arg(profile.parent().expect("a target directory"));
            if profile.ends_with("release") {
                build.arg("--release");
            }
            assert!(
                build.status().expect("cargo runs").success(),
                "the example worker does not build"
            );
            profile.join("examples/conformance")
        })
        .clone()
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
    pub async fn terminate(mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        eventually("the process ends after SIGTERM", async || {
            self.0.try_wait().expect("a child")
        })
        .await
    }

    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("a child").is_some()
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
