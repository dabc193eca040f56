//! What handlers and services work with: the database, the queue, Redis, keys, the clock.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use chrono::{DateTime, Utc};
use domain::keyring::Keyring;
use domain::{Clock, SystemClock};
use entities::DatabaseConnection;
use process::{Shutdown, Variables};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use secrecy::ExposeSecret;

use crate::auth::limits::{Denials, Limits};
use crate::auth::passwords::Passwords;
use crate::auth::tokens::Tokens;
use crate::auth::traffic::Traffic;
use crate::settings::Settings;
use crate::stream::Streams;

/// How long Redis may take to answer before a request goes on without it.
const REDIS_TIMEOUT: Duration = Duration::from_secs(2);

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

/// The parts of a [`Context`].
pub struct Inner {
    /// The truth.
    pub db: DatabaseConnection,
    /// Where tasks are sent.
    pub tasks: celery_redis::Client,
    /// Status, metrics and events. A command fails within two seconds when Redis is away.
    pub redis: ConnectionManager,
    /// Opens and seals stored secrets.
    pub keyring: Keyring,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Access tokens.
    pub tokens: Tokens,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Counts open event streams.
    pub streams: Streams,
    /// Limits on guessing.
    pub limits: Limits,
    /// Limits on how fast a caller may ask.
    pub traffic: Traffic,
    /// Bounds what refusals write down.
    pub denials: Denials,
    /// How this process is set up.
    pub settings: Settings,
    /// Fires when the process stops; open streams end then.
    pub shutdown: Shutdown,
}

impl Context {
    /// Connects to the database; Redis is connected to when first needed.
    pub async fn connect(
        settings: Settings,
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
    ) -> anyhow::Result<Self> {
        let db = entities::connect(settings.database.url.expose_secret())
            .await
            .context("opening the database that DATABASE_URL names")?;
        Self::assemble(db, settings, clock, shutdown)
    }

    /// A context that is connected to nothing, to describe the API with.
    pub fn disconnected() -> anyhow::Result<Self> {
        let key = base64::engine::general_purpose::STANDARD.encode(rand::random::<[u8; 32]>());
        let mut variables =
            Variables::from_pairs([("JWT_SECRET", key.as_str()), ("ENCRYPTION_KEY", key.as_str())]);
        let settings = Settings::from(&mut variables);
        variables.finish()?;
        Self::assemble(
            DatabaseConnection::default(),
            settings,
            Arc::new(SystemClock),
            Shutdown::new(),
        )
    }

    fn assemble(
        db: DatabaseConnection,
        settings: Settings,
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
    ) -> anyhow::Result<Self> {
        let redis_url = settings.redis.url.expose_secret();
        let client = redis::Client::open(redis_url).context("reading REDIS_URL")?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(REDIS_TIMEOUT))
            .set_response_timeout(Some(REDIS_TIMEOUT));
        Ok(Self(Arc::new(Inner {
            db,
            tasks: celery_redis::Client::new(redis_url).context("reading REDIS_URL")?,
            redis: ConnectionManager::new_lazy_with_config(client, config).context("preparing Redis")?,
            keyring: Keyring::parse(&settings.encryption.keys).context("reading ENCRYPTION_KEY")?,
            clock,
            tokens: Tokens::new(&settings.jwt_secret, settings.jwt_secret_previous.as_ref()),
            passwords: Passwords::new(std::thread::available_parallelism().map_or(2, usize::from))?,
            streams: Streams::default(),
            limits: Limits::new(settings.rates),
            traffic: Traffic::new(settings.traffic),
            denials: Denials::default(),
            settings,
            shutdown,
        })))
    }

    /// The time by this process's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

impl Deref for Context {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
