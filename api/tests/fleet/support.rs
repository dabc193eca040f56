//! A server in this process, with a first user and organisation.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::SystemClock;
use domain::ids::InstanceId;
use domain::instance::InstanceState;
use entities::repo::lifecycle::{self, Transition};
use migration::MigratorTrait as _;
use process::{Shutdown, Variables};
use redis::AsyncCommands as _;
use runner_pilot_api::context::Context;
use runner_pilot_api::server::{ConnectionLimits, serve};
use runner_pilot_api::settings::Settings;
use serde_json::{Value, json};
use testkit::harness::database::{DatabaseKind, TestDatabase};
use testkit::harness::{ApiClient, RedisServer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const PASSWORD: &str = "correct horse battery staple 9";

/// Everything that one test needs; ends when dropped.
pub struct System {
    pub context: Context,
    pub redis: RedisServer,
    pub database: TestDatabase,
    /// Signed in as the organisation's admin.
    pub admin: ApiClient,
    /// `/org/{org_id}`
    pub org: String,
    _server: JoinSet<()>,
}

/// What was logged by all tests of this process.
pub static LOG: LazyLock<Arc<Mutex<Vec<u8>>>> = LazyLock::new(|| {
    let log: Arc<Mutex<Vec<u8>>> = Arc::default();
    let sink = Arc::clone(&log);
    tracing_subscriber::fmt()
        .with_env_filter("debug,runner_pilot_api=trace,h2=info,hyper=info")
        .with_writer(move || Sink(Arc::clone(&sink)))
        .init();
    log
});

struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl System {
    /// On SQLite.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_on(DatabaseKind::Sqlite).await
    }

    pub async fn start_on(kind: DatabaseKind) -> anyhow::Result<Self> {
        Self::start_with(kind, &[]).await
    }

    /// With further variables.
    pub async fn start_with(kind: DatabaseKind, more: &[(&str, &str)]) -> anyhow::Result<Self> {
        LazyLock::force(&LOG);
        let (redis, database) = (RedisServer::start().await?, TestDatabase::create(kind).await?);
        let db = entities::connect(database.url()).await?;
        migration::Migrator::up(&db, None).await?;
        let key = STANDARD.encode(*b"fleet-tests-0123456789-abcdefghi");
        // Nothing listens on port 9 of loopback: no test asks a GitHub outside.
        let redis_url = redis.url();
        let usual = [
            ("DATABASE_URL", database.url()),
            ("REDIS_URL", &redis_url),
            ("JWT_SECRET", &key),
            ("ENCRYPTION_KEY", &key),
            ("GITHUB_API_URL", "http://127.0.0.1:9/"),
        ];
        let mut variables = Variables::from_pairs(usual.into_iter().chain(more.iter().copied()));
        let settings = Settings::from(&mut variables);
        variables.finish()?;
        let shutdown = Shutdown::new();
        let context = Context::connect(settings, Arc::new(SystemClock), shutdown.clone()).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let app = runner_pilot_api::app::build(&context);
        let mut server = JoinSet::new();
        server.spawn(async move {
            let outcome = serve(listener, ConnectionLimits::of(1_000), app, &shutdown).await;
            assert!(outcome.is_ok(), "{outcome:?}");
        });
        let nobody = ApiClient::new(&base)?;
        let first =
            json!({"full_name": "Ada", "email": "ada@example.org", "password": PASSWORD, "org_name": "acme"});
        let made = nobody.post("/onboarding", &first).await?;
        let made = made.json().context(made.text())?;
        let text = |value: &Value| {
            value
                .as_str()
                .map(str::to_owned)
                .with_context(|| made.to_string())
        };
        let admin = nobody.with_token(&text(&made["access_token"])?);
        let org = format!("/org/{}", text(&made["org"]["uid"])?);
        Ok(Self {
            context,
            redis,
            database,
            admin,
            org,
            _server: server,
        })
    }

    /// Below the organisation.
    pub fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.org)
    }

    /// A new account, signed in, of no organisation.
    pub async fn account(&self, name: &str) -> anyhow::Result<ApiClient> {
        let nobody = self.admin.with_token("");
        let email = format!("{name}@example.org");
        let account = json!({"full_name": name, "email": email, "password": PASSWORD});
        nobody.post("/auth/register", &account).await?.expect(201)?;
        let login = json!({"email": email, "password": PASSWORD});
        let signed_in = nobody.post("/auth/login", &login).await?.expect(200)?;
        Ok(nobody.with_token(signed_in["access_token"].as_str().context("no token")?))
    }

    /// A new member of the organisation with these permissions.
    pub async fn member(&self, name: &str, permissions: Value) -> anyhow::Result<ApiClient> {
        let client = self.account(name).await?;
        let body =
            json!({"email": format!("{name}@example.org"), "role": "member", "permissions": permissions});
        self.admin
            .post(&self.path("/members"), &body)
            .await?
            .expect(201)?;
        Ok(client)
    }

    pub async fn node(&self, name: &str, capacity: u32) -> anyhow::Result<Value> {
        let body =
            json!({"name": name, "type": "socket", "socket_path": "/run/x.sock", "capacity": capacity});
        self.admin.post(&self.path("/nodes"), &body).await?.expect(201)
    }

    pub async fn runner(&self, name: &str, more: Value) -> anyhow::Result<Value> {
        let mut body =
            json!({"name": name, "github_repo": "acme/app", "github_runner_token": "AAAATOKENTOKENcdef"});
        merge(&mut body, more);
        self.admin.post(&self.path("/runners"), &body).await?.expect(201)
    }

    /// A runner with a node and one pending instance: the runner's path and the instance's.
    pub async fn instance(&self, name: &str) -> anyhow::Result<(String, String, InstanceId)> {
        self.node(name, 10).await?;
        let runner = self.runner(name, json!({})).await?;
        let runner = self.path(&format!("/runners/{}", uid(&runner)));
        let made = self
            .admin
            .post(&format!("{runner}/instance"), &json!({}))
            .await?
            .expect(201)?;
        let id = uid(&made).parse()?;
        let instance = format!("{runner}/instance/{id}");
        Ok((runner, instance, id))
    }

    /// Moves an instance on as workers do.
    pub async fn walk(&self, id: &InstanceId, states: &[InstanceState]) -> anyhow::Result<()> {
        for to in states {
            let step = Transition {
                to: *to,
                from: &InstanceState::ALL,
                lease_token: None,
                desired: None,
                reason: None,
                message: "Moved by a test.",
            };
            let moved = lifecycle::apply(&self.context.db, id, &step, self.context.now()).await?;
            anyhow::ensure!(moved.is_some(), "{id} can't become {to}");
        }
        Ok(())
    }

    /// Every message in a queue, oldest first: task, arguments, and the message itself.
    pub async fn messages(&self, queue: &str) -> anyhow::Result<Vec<(String, Value, Value)>> {
        let mut connection = self.redis.connection().await?;
        let mut texts: Vec<String> = connection.lrange(queue, 0, -1).await?;
        texts.reverse();
        texts
            .iter()
            .map(|text| {
                let message: Value = serde_json::from_str(text)?;
                let body = STANDARD.decode(message["body"].as_str().unwrap_or_default())?;
                let body: Value = serde_json::from_slice(&body)?;
                let task = message["headers"]["task"].as_str().unwrap_or_default().to_owned();
                Ok((task, body[0].clone(), message))
            })
            .collect()
    }

    /// The names of the tasks in the default queue, oldest first.
    pub async fn tasks(&self) -> anyhow::Result<Vec<String>> {
        Ok(self
            .messages("celery")
            .await?
            .into_iter()
            .map(|(task, ..)| task)
            .collect())
    }

    /// What a refused request must not change: the rows of all lists, the audit log and the queue.
    pub async fn footprint(&self) -> anyhow::Result<Value> {
        let mut totals = Vec::new();
        for list in ["/nodes", "/credentials", "/runners", "/audit"] {
            let page = self.admin.get(&self.path(list)).await?.expect(200)?;
            totals.push(page["total"].clone());
        }
        Ok(json!([totals, self.tasks().await?]))
    }
}

/// A view's id.
pub fn uid(view: &Value) -> &str {
    view["uid"].as_str().unwrap_or_default()
}

/// Adds or replaces members; null removes one.
pub fn merge(body: &mut Value, more: Value) {
    let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) else {
        return;
    };
    for (name, value) in more {
        if value.is_null() {
            body.remove(&name);
        } else {
            body.insert(name, value);
        }
    }
}

/// A certificate of its own authority, and its key, as PEM: `ca`, `cert`, `key`.
pub fn tls() -> anyhow::Result<Value> {
    let made = rcgen::generate_simple_self_signed(["docker.example.org".to_owned()])?;
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    Ok(json!({"ca": cert, "cert": cert, "key": key}))
}
