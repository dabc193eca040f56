//! The two short-lived tokens that `config.sh` takes.

use chrono::{DateTime, Utc};
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;

use crate::{
    Error, GitHub, Target,
    client::{Call, Expect},
};

/// A token for `config.sh` (registration) or `config.sh remove` (removal); GitHub gives it one hour.
#[derive(Debug, Clone)]
pub struct RunnerToken {
    /// The token itself.
    pub token: SecretString,
    /// When GitHub stops accepting it, UTC.
    pub expires_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct TokenReply {
    token: String,
    expires_at: DateTime<Utc>,
}

impl GitHub {
    /// Mints a token that lets `config.sh` register runners of `target`.
    pub async fn create_registration_token(&self, target: &Target) -> Result<RunnerToken, Error> {
        self.create_token("create a registration token", target, "registration-token")
            .await
    }

    /// Mints a token that lets `config.sh remove` deregister runners of `target`.
    pub async fn create_remove_token(&self, target: &Target) -> Result<RunnerToken, Error> {
        self.create_token("create a removal token", target, "remove-token")
            .await
    }

    async fn create_token(
        &self,
        operation: &'static str,
        target: &Target,
        kind: &str,
    ) -> Result<RunnerToken, Error> {
        let url = self.target_url(target, &format!("actions/runners/{kind}"))?;
        let reply = self
            .send(Call::new(operation, Method::POST, url), Expect::Status(201))
            .await?;
        let TokenReply { token, expires_at } = reply.json(operation)?;
        Ok(RunnerToken {
            token: token.into(),
            expires_at,
        })
    }
}
