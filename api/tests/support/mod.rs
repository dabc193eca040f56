//! A server in the test's own process, on a free port, with a database and a Redis of its own.
#![expect(dead_code, reason = "each test binary uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use domain::SystemClock;
use migration::MigratorTrait as _;
use process::{Shutdown, Variables};
use runner_pilot_api::app;
use runner_pilot_api::context::Context;
use runner_pilot_api::server::{self, ConnectionLimits};
use runner_pilot_api::settings::Settings;
use serde_json::{Value, json};
use testkit::harness::{ApiClient, RedisServer, Reply, TestDatabase};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Good for every account of the tests.
pub const PASSWORD: &str = "quiet lantern over harbour";

/// A running server; it stops when dropped.
pub struct TestServer {
    /// What its handlers work with.
    pub context: Context,
    /// `http://127.0.0.1:…`
    pub base: String,
    /// Its Redis.
    pub redis: RedisServer,
    /// Its database.
    pub database: TestDatabase,
    /// Not signed in.
    pub anonymous: ApiClient,
    /// What its access tokens are signed with.
    pub jwt_secret: String,
    /// Stops it.
    pub shutdown: Shutdown,
    tasks: JoinSet<std::io::Result<()>>,
}

/// Somebody with an account.
#[derive(Clone)]
pub struct Person {
    /// The account's id.
    pub id: String,
    /// The account's address.
    pub email: String,
    /// Signed in.
    pub client: ApiClient,
}

impl TestServer {
    /// One with the usual settings on SQLite.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(&[], Duration::from_secs(45)).await
    }

    /// One with further variables, and with this patience for silent connections.
    pub async fn start_with(variables: &[(&str, &str)], max_silence: Duration) -> anyhow::Result<Self> {
        process::install_crypto_provider();
        let database = TestDatabase::sqlite()?;
        let redis = RedisServer::start().await?;
        let key = base64::engine::general_purpose::STANDARD.encode(rand::random::<[u8; 32]>());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let redis_url = redis.url();
        let mut pairs = vec![
            ("DATABASE_URL", database.url()),
            ("REDIS_URL", redis_url.as_str()),
            ("JWT_SECRET", key.as_str()),
            ("ENCRYPTION_KEY", key.as_str()),
            ("PUBLIC_URL", base.as_str()),
            // Nothing listens on port 9 of loopback: no test asks a GitHub outside.
            ("GITHUB_API_URL", "http://127.0.0.1:9/"),
        ];
        pairs.extend_from_slice(variables);
        let mut variables = Variables::from_pairs(pairs);
        let mut settings = Settings::from(&mut variables);
        // All people of a test come from one address.
        settings.rates.registration = (1_000, Duration::from_secs(1));
        variables.finish()?;
        let shutdown = Shutdown::new();
        let limits = ConnectionLimits {
            max_silence,
            ..ConnectionLimits::of(settings.max_connections)
        };
        let context = Context::connect(settings, Arc::new(SystemClock), shutdown.clone()).await?;
        migration::Migrator::up(&context.db, None).await?;
        let mut tasks = JoinSet::new();
        let (app, stop) = (app::build(&context), shutdown.clone());
        tasks.spawn(async move { server::serve(listener, limits, app, &stop).await });
        let anonymous = ApiClient::new(&base)?;
        Ok(Self {
            context,
            anonymous,
            base,
            redis,
            database,
            jwt_secret: key,
            shutdown,
            tasks,
        })
    }

    /// Waits until the server has stopped.
    pub async fn stopped(&mut self) -> anyhow::Result<()> {
        self.tasks.join_next().await.context("it was never started")???;
        Ok(())
    }

    /// The first account with its organisation, and the organisation's id.
    pub async fn onboard(&self) -> anyhow::Result<(Person, String)> {
        let body = json!({
            "full_name": "Ada Lovelace", "email": "ada@example.org", "password": PASSWORD,
            "org_name": "Acme", "org_type": "organization",
        });
        let reply = expect(self.anonymous.post("/onboarding", &body).await?, 201)?;
        let person = Person {
            id: text(&reply, "/user/uid")?,
            email: "ada@example.org".to_owned(),
            client: self.anonymous.with_token(&text(&reply, "/access_token")?),
        };
        Ok((person, text(&reply, "/org/uid")?))
    }

    /// A further account, signed in.
    pub async fn person(&self, name: &str) -> anyhow::Result<Person> {
        let email = format!("{name}@example.org");
        let body = json!({"full_name": name, "email": email, "password": PASSWORD});
        let reply = expect(self.anonymous.post("/auth/register", &body).await?, 201)?;
        Ok(Person {
            id: text(&reply, "/uid")?,
            client: self.sign_in(&email).await?,
            email,
        })
    }

    /// A client signed in as the account with this address.
    pub async fn sign_in(&self, email: &str) -> anyhow::Result<ApiClient> {
        let body = json!({"email": email, "password": PASSWORD});
        let reply = expect(self.anonymous.post("/auth/login", &body).await?, 200)?;
        Ok(self.anonymous.with_token(&text(&reply, "/access_token")?))
    }

    /// Adds an account to an organisation.
    pub async fn add(
        &self,
        admin: &Person,
        org: &str,
        person: &Person,
        role: &str,
        granted: &[&str],
    ) -> anyhow::Result<()> {
        let permissions: Value = granted
            .iter()
            .map(|name| ((*name).to_owned(), json!(true)))
            .collect();
        let body = json!({"email": person.email, "role": role, "permissions": permissions});
        expect(
            admin.client.post(&format!("/org/{org}/members"), &body).await?,
            201,
        )?;
        Ok(())
    }
}

/// The JSON of an answer with this status.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands around a request, whose reply ends there"
)]
pub fn expect(reply: Reply, status: u16) -> anyhow::Result<Value> {
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    anyhow::ensure!(
        reply.status.as_u16() == status,
        "{}: {} instead of {status}: {body}",
        reply.asked,
        reply.status
    );
    if body.is_empty() {
        Ok(Value::Null)
    } else {
        Ok(serde_json::from_str(&body)?)
    }
}

/// A text at a place in JSON.
pub fn text(json: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = json.pointer(pointer).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("no text at {pointer} in {json}"))?
        .to_owned())
}

/// The fields that a problem complains about, in order of their names.
pub fn faulty(problem: &Value) -> Vec<String> {
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<String> = errors
        .iter()
        .filter_map(|error| error["field"].as_str().map(str::to_owned))
        .collect();
    names.sort();
    names
}
