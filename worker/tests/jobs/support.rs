//! What the tests of the jobs start from: real Redis, real database, real engine, simulated GitHub.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use domain::Clock;
use domain::ids::{CredentialId, InstanceId, NodeId, OrgId, RunnerId, UserId};
use domain::instance::InstanceState;
use domain::keyring::{Keyring, Place};
use domain::node::{NodeStatus, NodeType};
use domain::org::OrgType;
use domain::runner::{NetworkMode, NodeSelection, Resources, RunnerScope};
use entities::repo::credentials::{CredentialSpec, SealedSecret};
use entities::repo::node_checks::NodeCheck;
use entities::repo::nodes::NodeSpec;
use entities::repo::runners::RunnerSpec;
use entities::repo::users::NewUser;
use entities::repo::{credentials, fleet, installation, node_checks, nodes, orgs, runners, users};
use migration::{Migrator, MigratorTrait as _};
use runner_pilot_worker::context::{self, Context, LastSamples};
use runner_pilot_worker::follow::Followers;
use runner_pilot_worker::github_access::GithubAccess;
use runner_pilot_worker::jobs::register_runner;
use runner_pilot_worker::nodes::EnginePool;
use runner_pilot_worker::sample_buffer::SampleBuffer;
use runner_pilot_worker::settings::MonitoringSettings;
use runner_pilot_worker::steps::{Steps, Unobserved};
use testkit::github::{SANDBOX_PAT, SimulatedGitHub};
use testkit::harness::{DatabaseKind, Engine, RedisServer, TestDatabase, engine};
use testkit::runner_image;

use super::faults::TestClock;

/// Where the runners of these tests are registered.
pub const REPO: &str = "acme/web";
/// How long something of the simulated runner may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Everything a job needs, with one organisation, one node and one credential.
pub struct Fixture {
    pub context: Arc<Context>,
    pub github: SimulatedGitHub,
    pub redis: RedisServer,
    pub database: TestDatabase,
    pub engine: Engine,
    pub clock: Arc<TestClock>,
    pub org: OrgId,
    pub user: UserId,
    pub node: NodeId,
    pub credential: CredentialId,
    key: String,
}

/// What differs between the runners of these tests.
pub struct RunnerKind<'a> {
    pub ephemeral: bool,
    /// A token of its own instead of the credential.
    pub own_token: Option<&'a str>,
    pub image: &'a str,
    pub min_idle: u32,
}

impl Default for RunnerKind<'_> {
    fn default() -> Self {
        Self {
            ephemeral: true,
            own_token: None,
            image: runner_image::TAG,
            min_idle: 0,
        }
    }
}

impl Fixture {
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_on(DatabaseKind::Sqlite).await
    }

    pub async fn start_on(kind: DatabaseKind) -> anyhow::Result<Self> {
        process::install_crypto_provider();
        let (engine, redis, database) = (
            engine().await?,
            RedisServer::start().await?,
            TestDatabase::create(kind).await?,
        );
        runner_image::build(engine.docker()).await?;
        let github = SimulatedGitHub::start().await?;
        let clock = Arc::new(TestClock::default());
        let key = STANDARD.encode(uuid_bytes());
        let db = entities::connect(database.url()).await?;
        Migrator::up(&db, None).await?;
        let parts = Parts {
            redis: &redis,
            github: &github,
            database: &database,
            clock: &clock,
            key: &key,
        };
        let context = Arc::new(parts.context(Arc::new(Unobserved)).await?);
        let mut fixture = Self {
            context,
            github,
            redis,
            database,
            engine,
            clock,
            org: OrgId::new(),
            user: UserId::new(),
            node: NodeId::new(),
            credential: CredentialId::new(),
            key,
        };
        fixture.fill().await?;
        Ok(fixture)
    }

    /// Another worker on the same parts, which is stopped at `steps`.
    pub async fn other_worker(&self, steps: Arc<dyn Steps>) -> anyhow::Result<Context> {
        let parts = Parts {
            redis: &self.redis,
            github: &self.github,
            database: &self.database,
            clock: &self.clock,
            key: &self.key,
        };
        parts.context(steps).await
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        let (db, now) = (&self.context.db, self.context.now());
        let user = NewUser {
            id: &self.user,
            full_name: "Ada",
            email: "ada@example.org",
            password: "-",
        };
        users::insert(db, user, now).await?;
        orgs::insert(db, &self.org, "acme", OrgType::Organization, &self.user, now).await?;
        self.add_node(&self.node, "here", self.socket()?).await?;
        let url = self.github.url().to_string();
        let credential = CredentialSpec {
            name: "sandbox".to_owned(),
            kind: "pat".to_owned(),
            api_url: url.clone(),
            web_url: url,
        };
        let sealed = self.seal(
            "github_credentials",
            "secret",
            self.credential.as_str(),
            SANDBOX_PAT,
        );
        credentials::insert(
            db,
            &self.credential,
            &self.org,
            &self.user,
            credential,
            sealed,
            now,
        )
        .await?;
        Ok(())
    }

    /// The socket of the engine of the tests.
    pub fn socket(&self) -> anyhow::Result<&Path> {
        self.engine
            .socket()
            .context("these tests need the engine's socket")
    }

    /// Adds an active node whose engine answers on a socket.
    pub async fn add_node(&self, id: &NodeId, name: &str, socket: &Path) -> anyhow::Result<()> {
        let (db, now) = (&self.context.db, self.context.now());
        let node = NodeSpec {
            name: name.to_owned(),
            node_type: NodeType::Socket,
            ip_address: None,
            port: None,
            socket_path: Some(socket.display().to_string()),
            host: None,
            capacity: 100,
            is_active: true,
        };
        nodes::insert(db, id, &self.org, &self.user, node, None, now).await?;
        let active = NodeCheck {
            status: NodeStatus::Active,
            reason: None,
            facts: None,
            checks: serde_json::json!([]),
        };
        node_checks::record(db, id, active, now).await?;
        Ok(())
    }

    fn seal(&self, table: &str, column: &str, row: &str, secret: &str) -> SealedSecret {
        let place = Place {
            table,
            column,
            row,
            org: self.org.as_str(),
        };
        SealedSecret {
            sealed: self.context.keyring.seal(&secret.into(), place),
            hint: "1234".to_owned(),
        }
    }

    /// Adds a runner.
    pub async fn runner(&self, kind: RunnerKind<'_>) -> anyhow::Result<RunnerId> {
        let id = RunnerId::new();
        let token = kind
            .own_token
            .map(|token| self.seal("runners", "github_runner_token", id.as_str(), token));
        let spec = RunnerSpec {
            name: format!("web-{}", &id.as_str()[30..]),
            docker_image: kind.image.to_owned(),
            github_repo: REPO.to_owned(),
            scope: RunnerScope::Repo,
            credential_id: token.is_none().then(|| self.credential.clone()),
            runner_group_id: 1,
            labels: vec!["gpu".to_owned()],
            ephemeral: kind.ephemeral,
            min_idle: kind.min_idle,
            max_instances: 3,
            resources: Resources {
                cpus: 0.5,
                memory_mb: 128,
                pids: 64,
                network: NetworkMode::Host,
            },
            node_selection: NodeSelection::default(),
        };
        let now = self.context.now();
        runners::insert(&self.context.db, &id, &self.org, &self.user, spec, token, now).await?;
        Ok(id)
    }

    /// Adds a `pending` instance of a runner.
    pub async fn instance(&self, runner: &RunnerId) -> anyhow::Result<InstanceId> {
        self.instance_on(runner, &self.node).await
    }

    /// The same on another node.
    pub async fn instance_on(&self, runner: &RunnerId, node: &NodeId) -> anyhow::Result<InstanceId> {
        let db = &self.context.db;
        let runner = runners::find(db, &self.org, runner)
            .await?
            .context("there is no such runner")?;
        let row = fleet::insert_instance(db, &runner, node, self.context.now()).await?;
        Ok(row.id()?)
    }

    /// A `pending` instance of a new runner.
    pub async fn pending(&self, kind: RunnerKind<'_>) -> anyhow::Result<InstanceId> {
        self.instance(&self.runner(kind).await?).await
    }

    /// A `running` instance of a new runner.
    pub async fn running(&self, kind: RunnerKind<'_>) -> anyhow::Result<InstanceId> {
        let id = self.pending(kind).await?;
        register_runner::run(&self.context, &id).await?;
        self.until(&id, InstanceState::Running).await?;
        Ok(id)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let (engine, label) = (self.engine.clone(), self.label());
        // A failed test must not leave containers behind either.
        let cleaning = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(engine.remove_containers(&label))
        });
        if let Ok(Err(error)) = cleaning.join() {
            eprintln!("containers of a test were not removed: {error:#}");
        }
    }
}

struct Parts<'a> {
    redis: &'a RedisServer,
    github: &'a SimulatedGitHub,
    database: &'a TestDatabase,
    clock: &'a Arc<TestClock>,
    key: &'a str,
}

impl Parts<'_> {
    async fn context(&self, steps: Arc<dyn Steps>) -> anyhow::Result<Context> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let db = entities::connect(self.database.url()).await?;
        let url = self.redis.url();
        Ok(Context {
            install_id: installation::install_id(&db, clock.now()).await?,
            db,
            redis: context::redis_connection(&url)?,
            celery: celery_redis::Client::new(&url)?,
            keyring: Keyring::parse(&self.key.into())?,
            clock: Arc::clone(&clock),
            host: "test-host".to_owned(),
            docker_host: None,
            allow_plain_tcp_nodes: false,
            github_url: self.github.url().clone(),
            monitoring: MonitoringSettings {
                // Lists of runners are never older than a moment in these tests.
                heartbeat_interval: Duration::from_millis(200),
                metrics_interval: Duration::from_secs(1),
                retention: TimeDelta::days(1),
                history: TimeDelta::days(365),
            },
            engines: EnginePool::default(),
            github: GithubAccess::new(clock),
            samples: SampleBuffer::default(),
            last_samples: LastSamples::default(),
            followers: Followers::default(),
            steps,
        })
    }
}

fn uuid_bytes() -> [u8; 32] {
    let (a, b) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(a.as_bytes());
    bytes[16..].copy_from_slice(b.as_bytes());
    bytes
}
