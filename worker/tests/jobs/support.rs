//! What the tests of the jobs share: real Redis, real database, real engine, simulated GitHub.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::models::ContainerSummary;
use chrono::TimeDelta;
use domain::Clock;
use domain::ids::{CredentialId, InstanceId, NodeId, OrgId, RunnerId, UserId};
use domain::instance::InstanceState;
use domain::keyring::{Keyring, Place};
use domain::node::{NodeStatus, NodeType};
use domain::org::OrgType;
use domain::runner::{NetworkMode, NodeSelection, Resources, RunnerScope};
use entities::model::runner_instances;
use entities::repo::credentials::{CredentialSpec, SealedSecret};
use entities::repo::node_checks::NodeCheck;
use entities::repo::nodes::NodeSpec;
use entities::repo::page::{ListQuery, Sort};
use entities::repo::runners::RunnerSpec;
use entities::repo::users::NewUser;
use entities::repo::{
    credentials, fleet, installation, lifecycle, node_checks, nodes, orgs, runners, timeline, users,
};
use migration::{Migrator, MigratorTrait as _};
use runner_pilot_worker::context::{self, Context, LastSamples};
use runner_pilot_worker::github_access::GithubAccess;
use runner_pilot_worker::jobs::{register_runner, send_heartbeat};
use runner_pilot_worker::nodes::EnginePool;
use runner_pilot_worker::sample_buffer::SampleBuffer;
use runner_pilot_worker::settings::MonitoringSettings;
use runner_pilot_worker::steps::{Steps, Unobserved};
use serde_json::Value;
use testkit::github::{SANDBOX_PAT, SimulatedGitHub};
use testkit::harness::{DatabaseKind, Engine, RedisServer, TestDatabase, engine, eventually};
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
        let socket = self
            .engine
            .socket()
            .context("these tests need the engine's socket")?;
        let node = NodeSpec {
            name: "here".to_owned(),
            node_type: NodeType::Socket,
            ip_address: None,
            port: None,
            socket_path: Some(socket.display().to_string()),
            host: None,
            capacity: 100,
            is_active: true,
        };
        nodes::insert(db, &self.node, &self.org, &self.user, node, None, now).await?;
        let active = NodeCheck {
            status: NodeStatus::Active,
            reason: None,
            facts: None,
            checks: serde_json::json!([]),
        };
        node_checks::record(db, &self.node, active, now).await?;
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
        let db = &self.context.db;
        let runner = runners::find(db, &self.org, runner)
            .await?
            .context("there is no such runner")?;
        let row = fleet::insert_instance(db, &runner, &self.node, self.context.now()).await?;
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

    /// Looks at the instance until it is in that state.
    pub async fn until(&self, id: &InstanceId, state: InstanceState) -> anyhow::Result<()> {
        eventually(PATIENCE, &format!("the instance is {state}"), || async {
            send_heartbeat::run(&self.context, id).await?;
            let row = self.row(id).await?;
            anyhow::ensure!(
                row.state()? == state,
                "it is {} ({:?})",
                row.state,
                row.state_reason
            );
            Ok(())
        })
        .await
    }

    /// The instance's row.
    pub async fn row(&self, id: &InstanceId) -> anyhow::Result<runner_instances::Model> {
        lifecycle::find(&self.context.db, id)
            .await?
            .context("there is no such instance")
    }

    /// Moves an instance to `draining`, as the api does.
    pub async fn drain(
        &self,
        id: &InstanceId,
        desired: domain::instance::DesiredState,
    ) -> anyhow::Result<()> {
        let step = lifecycle::Transition {
            to: InstanceState::Draining,
            from: &InstanceState::ALL,
            lease_token: None,
            desired: Some(desired),
            reason: None,
            message: "A test wants it so.",
        };
        lifecycle::apply(&self.context.db, id, &step, self.context.now())
            .await?
            .context("it could not be drained")?;
        Ok(())
    }

    /// Freezes an instance's container.
    pub async fn pause(&self, id: &InstanceId) -> anyhow::Result<()> {
        let container = self
            .row(id)
            .await?
            .instance_identifier
            .context("it has no container")?;
        Ok(self.engine.docker().pause_container(&container).await?)
    }

    /// Lets a frozen container go on.
    pub async fn resume(&self, id: &InstanceId) -> anyhow::Result<()> {
        let container = self
            .row(id)
            .await?
            .instance_identifier
            .context("it has no container")?;
        Ok(self.engine.docker().unpause_container(&container).await?)
    }

    /// Points the node at a socket where nothing listens; the worker that believes in it.
    pub async fn unreachable_node(&self) -> anyhow::Result<Context> {
        self.point_node_at("/run/runner-pilot-tests/nothing.sock").await?;
        self.other_worker(Arc::new(Unobserved)).await
    }

    /// Points the node at the engine again.
    pub async fn reachable_node(&self) -> anyhow::Result<()> {
        let socket = self
            .engine
            .socket()
            .context("these tests need the engine's socket")?;
        self.point_node_at(&socket.display().to_string()).await
    }

    async fn point_node_at(&self, socket: &str) -> anyhow::Result<()> {
        let spec = NodeSpec {
            name: "here".to_owned(),
            node_type: NodeType::Socket,
            ip_address: None,
            port: None,
            socket_path: Some(socket.to_owned()),
            host: None,
            capacity: 100,
            is_active: true,
        };
        let (db, now) = (&self.context.db, self.context.now());
        nodes::update(db, &self.org, &self.node, spec, None, false, now)
            .await?
            .context("there is no such node")?;
        Ok(())
    }

    /// Writes down that an instance is removed without touching its container.
    pub async fn forget_container(&self, id: &InstanceId) -> anyhow::Result<()> {
        use InstanceState::{Draining, Removed, Stopping};
        self.drain(id, domain::instance::DesiredState::Removed).await?;
        for (from, to) in [(Draining, Stopping), (Stopping, Removed)] {
            let step = lifecycle::Transition {
                to,
                from: &[from],
                lease_token: None,
                desired: None,
                reason: None,
                message: "A test says so.",
            };
            lifecycle::apply(&self.context.db, id, &step, self.context.now())
                .await?
                .context("the step is not allowed")?;
        }
        Ok(())
    }

    /// All containers of this installation.
    pub async fn containers(&self) -> anyhow::Result<Vec<ContainerSummary>> {
        self.engine.containers(&self.label()).await
    }

    /// The label that this installation's containers carry.
    pub fn label(&self) -> String {
        format!("{}={}", domain::container::LABEL_INSTALL, self.context.install_id)
    }

    /// The timeline's sentences, oldest first.
    pub async fn timeline(&self, id: &InstanceId) -> anyhow::Result<Vec<String>> {
        let query = ListQuery {
            limit: 100,
            offset: 0,
            sort: Sort {
                column: "uid",
                descending: false,
            },
            q: None,
        };
        let page = timeline::list(&self.context.db, &self.org, id, None, &query).await?;
        Ok(page.items.into_iter().map(|event| event.message).collect())
    }

    /// The JSON value of a Redis key and its time to live in seconds.
    pub async fn redis_value(&self, key: &str) -> anyhow::Result<(Value, i64)> {
        let mut redis = self.redis.connection().await?;
        let (text, ttl): (Option<String>, i64) =
            redis::pipe().get(key).ttl(key).query_async(&mut redis).await?;
        let text = text.with_context(|| format!("there is no key {key}"))?;
        Ok((serde_json::from_str(&text)?, ttl))
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
            github_url: self.github.url().clone(),
            monitoring: MonitoringSettings {
                // Lists of runners are never older than a moment in these tests.
                heartbeat_interval: Duration::from_millis(200),
                metrics_interval: Duration::from_secs(1),
                retention: TimeDelta::days(1),
            },
            engines: EnginePool::default(),
            github: GithubAccess::new(clock),
            samples: SampleBuffer::default(),
            last_samples: LastSamples::default(),
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
