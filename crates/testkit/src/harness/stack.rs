//! The whole of Runner Pilot as processes: api, worker and beat on a private Redis, a fresh database of
//! either kind and a simulated GitHub. Nothing inside is reached but over HTTP.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tempfile::TempDir;

use super::client::ApiClient;
use super::database::{DatabaseKind, TestDatabase};
use super::engine::Engine;
use super::port::Port;
use super::redis_server::{RedisOptions, RedisServer};
use super::service::{Ready, Service};
use crate::github::{Pat, SimulatedGitHub};
use chrono::{DateTime, Utc};
use entities::repo::installation::install_id;

/// The running system. Everything ends when it is dropped.
pub struct Stack {
    /// The api.
    pub api: Service,
    /// The worker.
    pub worker: Service,
    /// The beat.
    pub beat: Service,
    /// The broker; it keeps its data across a restart.
    pub redis: RedisServer,
    /// The database.
    pub database: TestDatabase,
    /// The GitHub that credentials without an address of their own belong to.
    pub github: SimulatedGitHub,
    /// A token that this GitHub accepts, unlike any other text: where it turns up, it leaked.
    pub pat: String,
    address: String,
    logs: TempDir,
    // The api may be started again.
    _port: Port,
}

impl Stack {
    /// Starts everything on a database of this kind. `settings` are added to every process.
    pub async fn start(kind: DatabaseKind, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let redis = RedisServer::start_with(RedisOptions {
            append_only: true,
            // Hexadecimal: it stands in a URL.
            password: Some(format!("{:032x}", rand::random::<u128>())),
        })
        .await?;
        let database = TestDatabase::create(kind).await?;
        let github = SimulatedGitHub::start().await?;
        let pat = format!("ghp_{:032x}", rand::random::<u128>());
        github.add_pat(Pat::admin(&pat));
        let logs = TempDir::with_prefix("rp-stack-")?;
        let port = Port::reserve()?;
        let address = format!("127.0.0.1:{port}");
        let url = format!("http://{address}");
        let github_url = github.url().as_str().trim_end_matches('/');
        let redis_url = redis.url();
        let (jwt_secret, encryption_key) = (secret(), secret());
        let mut environment: BTreeMap<String, String> = [
            ("DATABASE_URL", database.url()),
            ("REDIS_URL", &redis_url),
            ("BIND_ADDR", &address),
            ("PUBLIC_URL", &url),
            ("JWT_SECRET", &jwt_secret),
            ("ENCRYPTION_KEY", &encryption_key),
            ("GITHUB_API_URL", github_url),
            ("GITHUB_URL", github_url),
            ("SANDBOX_GITHUB_URL", github_url),
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ),
            ("HOME", "/tmp"),
            ("RUST_LOG", "info"),
            // As `make up` sets them: freed blocks of password hashing go back to the system.
            ("MALLOC_ARENA_MAX", "2"),
            ("MALLOC_MMAP_THRESHOLD_", "262144"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        environment.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );

        let service = |name: &str, ready| {
            Service::new(
                name,
                &format!("runner-pilot-{name}"),
                environment.clone(),
                ready,
                logs.path(),
            )
        };
        let mut stack = Self {
            api: service("api", Ready::Http(format!("{url}/readyz")))?,
            worker: service("worker", Ready::Log("ready".to_owned()))?,
            beat: service("beat", Ready::Log("leads".to_owned()))?,
            redis,
            database,
            github,
            pat,
            address: url,
            logs,
            _port: port,
        };
        let (code, said) = stack.api.run_once(&["migrate"]).await?;
        anyhow::ensure!(code == Some(0), "migrate ended with {code:?}:\n{said}");
        stack.api.start().await?;
        stack.worker.start().await?;
        stack.beat.start().await?;
        Ok(stack)
    }

    /// Where the api answers, `http://127.0.0.1:…`.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// A client without a token.
    pub fn client(&self) -> anyhow::Result<ApiClient> {
        ApiClient::new(&self.address)
    }

    /// The directory of the processes' logs.
    pub fn logs(&self) -> &Path {
        self.logs.path()
    }

    /// Stops beat, worker and api in this order, each properly.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        for service in [&mut self.beat, &mut self.worker, &mut self.api] {
            let code = service.terminate().await?;
            anyhow::ensure!(code == Some(0), "ended with {code:?}:\n{}", service.log_text());
        }
        Ok(())
    }

    /// The label `name=value` that marks every container of this installation.
    pub async fn install_label(&self) -> anyhow::Result<String> {
        let db = self.database.connect().await?;
        let id = install_id(&db, DateTime::<Utc>::default()).await?;
        Ok(format!("{}={id}", domain::container::LABEL_INSTALL))
    }

    /// Removes what is left of this installation's containers and says how many there were.
    pub async fn remove_containers(&self, engine: &Engine) -> anyhow::Result<usize> {
        engine.remove_containers(&self.install_label().await?).await
    }

    /// Makes the first account and organisation; the answer is a client signed in as its admin, and the
    /// organisation's path.
    pub async fn onboard(&self) -> anyhow::Result<(ApiClient, String)> {
        let body = serde_json::json!({
            "full_name": "Ada Lovelace",
            "email": "ada@example.org",
            "password": "eleven kestrels over a quiet harbour",
            "org_name": "Acme",
            "org_type": "organization",
        });
        let reply = self.client()?.post("/onboarding", &body).await?.expect(201)?;
        let token = reply["access_token"]
            .as_str()
            .context("onboarding answers no access_token")?;
        let org = reply["org"]["uid"]
            .as_str()
            .context("onboarding answers no org.uid")?;
        Ok((self.client()?.with_token(token), format!("/org/{org}")))
    }
}

/// 32 random bytes in base64: good for every secret the processes want.
fn secret() -> String {
    BASE64.encode(rand::random::<[u8; 32]>())
}
