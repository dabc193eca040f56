//! The whole product as a person would run it: Redis, a database, api, workers, beat.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use process::Variables;
use tempfile::TempDir;

use super::canary::Canary;
use super::client::ApiClient;
use super::database::{DatabaseKind, TestDatabase};
use super::paths::free_port;
use super::redis_server::{RedisOptions, RedisServer};
use super::service::{Ready, Service};

/// What a worker logs when it takes tasks.
const WORKER_READY: &str = "worker ready";
/// What a beat logs when it runs, leading or standing by.
const BEAT_READY: &str = "beat ready";

/// How a [`System`] is set up.
#[derive(Debug, Clone)]
pub struct SystemOptions {
    /// On which database.
    pub database: DatabaseKind,
    /// How many workers run.
    pub workers: usize,
    /// Whether a beat runs.
    pub beat: bool,
    /// Further variables for every process; they win over the system's own.
    pub environment: BTreeMap<String, String>,
}

impl SystemOptions {
    /// One worker and a beat on that database.
    pub fn on(database: DatabaseKind) -> Self {
        Self {
            database,
            workers: 1,
            beat: true,
            environment: BTreeMap::new(),
        }
    }

    /// The same with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }
}

/// A running product. Its processes end before its Redis and its database when it is dropped.
#[derive(Debug)]
pub struct System {
    /// The api.
    pub api: Service,
    /// The workers.
    pub workers: Vec<Service>,
    /// The beat, when one was asked for.
    pub beat: Option<Service>,
    /// Its Redis, which asks for a password and keeps what it acknowledged.
    pub redis: RedisServer,
    /// Its database, migrated.
    pub database: TestDatabase,
    port: u16,
    environment: BTreeMap<String, String>,
    canary: Canary,
    logs: TempDir,
}

impl System {
    /// Starts everything and waits until it is ready.
    pub async fn start(options: SystemOptions) -> anyhow::Result<Self> {
        let SystemOptions {
            database,
            workers,
            beat,
            environment: more,
        } = options;
        let logs = TempDir::with_prefix("rp-system-")?;
        let password = random_base64(24).replace(['+', '/', '='], "x");
        let redis = RedisOptions {
            append_only: true,
            password: Some(password.clone()),
        };
        let redis = RedisServer::start_with(redis).await?;
        let database = TestDatabase::create(database).await?;
        let port = free_port()?;

        let mut canary = Canary::new();
        let (jwt, key) = (random_base64(48), random_base64(32));
        for (name, secret) in [
            ("Redis password", &password),
            ("JWT_SECRET", &jwt),
            ("ENCRYPTION_KEY", &key),
        ] {
            canary.add(name, secret)?;
        }
        let mut environment = inherited();
        for (name, value) in [
            ("DATABASE_URL", database.url().to_owned()),
            ("REDIS_URL", redis.url()),
            ("BIND_ADDR", format!("127.0.0.1:{port}")),
            ("PUBLIC_URL", format!("http://127.0.0.1:{port}")),
            ("JWT_SECRET", jwt),
            ("ENCRYPTION_KEY", key),
        ] {
            environment.insert(name.to_owned(), value);
        }
        environment.extend(more);

        let api = Service::new(
            "api",
            "runner-pilot-api",
            environment.clone(),
            Ready::Http(format!("http://127.0.0.1:{port}/readyz")),
            logs.path(),
        )?;
        let mut system = Self {
            api,
            workers: Vec::new(),
            beat: None,
            redis,
            database,
            port,
            environment,
            canary,
            logs,
        };
        system.migrate().await?;
        system.api.start().await?;
        for _ in 0..workers {
            system.add_worker().await?;
        }
        if beat {
            let mut beat = system.service("beat", "runner-pilot-beat", &[], BEAT_READY)?;
            beat.start().await?;
            system.beat = Some(beat);
        }
        Ok(system)
    }

    /// Starts one more worker, with a name of its own.
    pub async fn add_worker(&mut self) -> anyhow::Result<&mut Service> {
        let name = format!("worker-{}", self.workers.len() + 1);
        let hostname = format!("runner-pilot@{name}");
        let mut worker = self.service(
            &name,
            "runner-pilot-worker",
            &[("WORKER_HOSTNAME", &hostname)],
            WORKER_READY,
        )?;
        worker.start().await?;
        self.workers.push(worker);
        self.workers.last_mut().context("a worker was just added")
    }

    /// The base address of the api.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client that is not signed in.
    pub fn client(&self) -> anyhow::Result<ApiClient> {
        ApiClient::new(&self.url())
    }

    /// Where the processes log, one file per start.
    pub fn logs(&self) -> &Path {
        self.logs.path()
    }

    /// The secrets of this system; a test adds its own.
    pub fn canary_mut(&mut self) -> &mut Canary {
        &mut self.canary
    }

    /// Errors when a secret is found in a log, in Redis or in the database.
    pub async fn ensure_no_secret_leaked(&self) -> anyhow::Result<()> {
        self.canary.ensure_absent_in_files(self.logs())?;
        for (key, content) in self.redis.dump().await? {
            self.canary
                .ensure_absent(&format!("the Redis key {key}"), &content)?;
        }
        self.canary
            .ensure_absent("the database", &self.database.dump().await?)
    }

    /// The secrets of this system, to be looked for in other places.
    pub fn canary(&self) -> &Canary {
        &self.canary
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        let (code, output) = self.api.run_once(&["migrate"]).await?;
        ensure!(code == Some(0), "runner-pilot-api migrate failed:\n{output}");
        Ok(())
    }

    fn service(
        &self,
        name: &str,
        program: &str,
        own: &[(&str, &str)],
        ready: &str,
    ) -> anyhow::Result<Service> {
        let mut environment = self.environment.clone();
        environment.extend(
            own.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        Service::new(
            name,
            program,
            environment,
            Ready::Log(ready.to_owned()),
            self.logs(),
        )
    }
}

/// The few variables of the test's own environment that a process needs; anything else would make a
/// test depend on who runs it.
fn inherited() -> BTreeMap<String, String> {
    let mut variables = Variables::from_process();
    ["PATH", "HOME", "DOCKER_HOST", "RUST_LOG", "RUST_BACKTRACE"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), variables.optional(name)?)))
        .collect()
}

fn random_base64(bytes: usize) -> String {
    let random: Vec<u8> = (0..bytes).map(|_| rand::random()).collect();
    STANDARD.encode(random)
}
