//! Registration and removal tokens, and the files a registered runner starts from.

use std::collections::{HashMap, VecDeque};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use serde_json::json;

use super::model::Registration;

/// Older tokens are forgotten beyond this many.
const MAX_TOKENS: usize = 10_000;

/// What a short-lived token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Register,
    Remove,
}

/// The short-lived tokens that were handed out.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    by_token: HashMap<String, (Purpose, String, DateTime<Utc>)>,
    oldest_first: VecDeque<String>,
}

impl Tokens {
    /// Mints a token for `target` that lives one hour.
    pub(super) fn mint(
        &mut self,
        purpose: Purpose,
        target: &str,
        now: DateTime<Utc>,
    ) -> (String, DateTime<Utc>) {
        let token = format!("A{}", random_text(28, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
        let expires_at = now + TimeDelta::hours(1);
        self.by_token
            .insert(token.clone(), (purpose, target.to_owned(), expires_at));
        self.oldest_first.push_back(token.clone());
        if self.oldest_first.len() > MAX_TOKENS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_token.remove(&oldest);
        }
        (token, expires_at)
    }

    /// The target that `token` is good for now.
    pub(super) fn target_of(&self, purpose: Purpose, token: &str, now: DateTime<Utc>) -> Option<&str> {
        let (found, target, expires_at) = self.by_token.get(token)?;
        (*found == purpose && now < *expires_at).then_some(target)
    }
}

/// What was handed out, so that a test can look for it where it must not be.
#[derive(Debug, Default)]
pub(super) struct Secrets(VecDeque<(&'static str, String)>);

impl Secrets {
    /// Notes a secret under a name that may be shown; the oldest are forgotten beyond a bound.
    pub(super) fn note(&mut self, name: &'static str, secret: &str) {
        self.0.push_back((name, secret.to_owned()));
        if self.0.len() > MAX_TOKENS {
            self.0.pop_front();
        }
    }

    pub(super) fn list(&self) -> Vec<(&'static str, String)> {
        self.0.iter().cloned().collect()
    }
}

/// A secret that a runner proves itself with.
pub(super) fn new_credential() -> String {
    random_text(
        43,
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    )
}

/// The JIT blob: base64 of a JSON object of the three files, each base64 again.
pub(super) fn jit_blob(runner: &Registration, credential: &str, work_folder: &str, root: &str) -> String {
    let files = json!({
        ".runner": encode(&json!({
            "AgentId": runner.id.to_string(),
            "AgentName": runner.name,
            "PoolId": runner.runner_group_id.to_string(),
            "PoolName": "Default",
            "DisableUpdate": "True",
            "Ephemeral": if runner.ephemeral { "True" } else { "False" },
            "ServerUrl": root,
            "GitHubUrl": format!("{root}/{}", runner.target),
            "WorkFolder": work_folder,
        })),
        ".credentials": encode(&json!({
            "Scheme": "OAuth",
            "Data": {
                "ClientId": uuid::Uuid::new_v4().to_string(),
                "AuthorizationUrl": format!("{root}/_runner/token"),
                "RequireFipsCryptography": "True",
            },
        })),
        ".credentials_rsaparams": encode(&json!({
            "d": credential,
            "dp": random_text(22, b"abcdefghijklmnopqrstuvwxyz"),
            "dq": random_text(22, b"abcdefghijklmnopqrstuvwxyz"),
            "exponent": "AQAB",
            "inverseQ": random_text(22, b"abcdefghijklmnopqrstuvwxyz"),
            "modulus": random_text(43, b"abcdefghijklmnopqrstuvwxyz"),
            "p": random_text(22, b"abcdefghijklmnopqrstuvwxyz"),
            "q": random_text(22, b"abcdefghijklmnopqrstuvwxyz"),
        })),
    });
    encode(&files)
}

fn encode(value: &serde_json::Value) -> String {
    STANDARD.encode(value.to_string())
}

fn random_text(len: usize, alphabet: &[u8]) -> String {
    let mut rng = rand::rng();
    (0..len)
        .map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())]))
        .collect()
}
