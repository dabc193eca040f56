//! Settings that more than one process needs. Each field documents its variable.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::EnvFilter;
use url::Url;

use super::shown::without_password;
use super::variables::{Variables, is_monotonous};

const KEY_BYTES: usize = 32;

/// Which database holds the truth.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `DATABASE_URL` (or `DATABASE_URL_FILE`): SQLite or PostgreSQL.
    pub url: SecretString,
}

/// Which Redis carries tasks, results, status and events.
#[derive(Clone)]
pub struct RedisSettings {
    /// `REDIS_URL` (or `REDIS_URL_FILE`): `redis://`, `rediss://` (TLS) or `redis+unix://`.
    pub url: SecretString,
}

/// The keys that encrypt secrets in the database.
#[derive(Debug, Clone)]
pub struct EncryptionSettings {
    /// `ENCRYPTION_KEY` (or `ENCRYPTION_KEY_FILE`): base64 keys of 32 bytes, separated by commas; the first
    /// encrypts, all decrypt.
    pub keys: SecretString,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// `LOG_FORMAT`: `text` or `json`.
    pub format: LogFormat,
    /// `RUST_LOG`: levels per module, as `tracing-subscriber` reads them.
    pub filter: String,
}

/// Where GitHub is, unless a credential names its own.
#[derive(Debug, Clone)]
pub struct GithubSettings {
    /// `GITHUB_API_URL`: base of the REST API; `https://HOST/api/v3` on GitHub Enterprise Server.
    pub api_url: Url,
    /// `GITHUB_URL`: base of the web pages, which runners register at.
    pub url: Url,
    /// `SANDBOX_GITHUB_URL`: the simulated GitHub that `make up` starts; unset in production.
    pub sandbox_url: Option<Url>,
}

impl DatabaseSettings {
    /// Reads `DATABASE_URL`; a SQLite file under `var/` when it is not set.
    pub fn from(variables: &mut Variables) -> Self {
        let url = variables.secret_url("DATABASE_URL", "sqlite://var/runner-pilot.db?mode=rwc");
        require_scheme(
            variables,
            "DATABASE_URL",
            &url,
            &["sqlite:", "postgres://", "postgresql://"],
            "sqlite://var/runner-pilot.db?mode=rwc or postgres://USER:PASSWORD@HOST/DATABASE",
        );
        Self { url }
    }
}

impl RedisSettings {
    /// Reads `REDIS_URL`; the usual port of this host when it is not set.
    pub fn from(variables: &mut Variables) -> Self {
        let url = variables.secret_url("REDIS_URL", "redis://127.0.0.1:6379/0");
        require_scheme(
            variables,
            "REDIS_URL",
            &url,
            &["redis://", "rediss://", "redis+unix://", "unix://"],
            "redis://:PASSWORD@HOST:6379/0, rediss://… for TLS or redis+unix:///PATH",
        );
        Self { url }
    }
}

impl EncryptionSettings {
    /// Reads `ENCRYPTION_KEY`, which must be set; refuses keys of the wrong length and made-up ones.
    pub fn from(variables: &mut Variables) -> Self {
        const FIX: &str = "Generate one: openssl rand -base64 32.";
        let keys = variables.secret("ENCRYPTION_KEY", FIX);
        if !keys.expose_secret().is_empty() {
            for (index, key) in keys.expose_secret().split(',').map(str::trim).enumerate() {
                let fault = match STANDARD.decode(key) {
                    Err(_) => "is not standard base64".to_owned(),
                    Ok(bytes) if bytes.len() != KEY_BYTES => {
                        format!("is {} bytes long, not {KEY_BYTES}", bytes.len())
                    }
                    Ok(bytes) if is_monotonous(&bytes) => "was not generated, anyone can guess it".to_owned(),
                    Ok(_) => continue,
                };
                variables.problem("ENCRYPTION_KEY", &format!("key {} {fault}", index + 1), FIX);
            }
        }
        Self { keys }
    }
}

impl LogSettings {
    /// Reads `LOG_FORMAT` and `RUST_LOG`; readable text at level `info` when they are not set.
    pub fn from(variables: &mut Variables) -> Self {
        let format = variables.parsed("LOG_FORMAT", LogFormat::Text);
        let filter = variables.text("RUST_LOG", "info");
        if let Err(error) = EnvFilter::try_new(&filter) {
            let fix = "Set it like info or info,runner_pilot_worker=debug.";
            variables.problem("RUST_LOG", &format!("cannot be understood ({error})"), fix);
        }
        Self { format, filter }
    }
}

impl GithubSettings {
    /// Reads `GITHUB_API_URL`, `GITHUB_URL` and `SANDBOX_GITHUB_URL`; github.com when they are not set.
    pub fn from(variables: &mut Variables) -> Self {
        const SCHEMES: [&str; 2] = ["https", "http"];
        Self {
            api_url: variables.url("GITHUB_API_URL", "https://api.github.com", &SCHEMES),
            url: variables.url("GITHUB_URL", "https://github.com", &SCHEMES),
            sandbox_url: variables.url_optional("SANDBOX_GITHUB_URL", &SCHEMES),
        }
    }
}

fn require_scheme(
    variables: &mut Variables,
    name: &'static str,
    url: &SecretString,
    schemes: &[&str],
    example: &str,
) {
    let value = url.expose_secret();
    if !schemes.iter().any(|scheme| value.starts_with(scheme)) || Url::parse(value).is_err() {
        variables.problem(
            name,
            "is no address that can be used",
            &format!("Set it like {example}."),
        );
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("neither text nor json".to_owned()),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = without_password(self.url.expose_secret());
        formatter
            .debug_struct("DatabaseSettings")
            .field("url", &shown)
            .finish()
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = without_password(self.url.expose_secret());
        formatter
            .debug_struct("RedisSettings")
            .field("url", &shown)
            .finish()
    }
}
