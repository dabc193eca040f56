//! What a token may do: the check behind "is this credential good?".

use std::fmt;

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;

use crate::{
    Error, GitHub, Target,
    client::{Call, Expect, Reply},
};

const OPERATION: &str = "check the token";

/// What a good token may do at one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The account the token belongs to; `None` for tokens of a GitHub App.
    pub login: Option<String>,
    /// The scopes of a classic token; `None` for fine-grained and App tokens, which don't tell.
    pub scopes: Option<Vec<String>>,
    /// When the token expires, UTC, where GitHub says so.
    pub expires_at: Option<DateTime<Utc>>,
    /// Requests left in the current hour, where GitHub says so.
    pub rate_limit_remaining: Option<u64>,
    /// What the token lacks for running runners at the target; empty = all is well.
    pub missing: Vec<MissingRight>,
}

/// A right the token lacks; `Display` is the sentence for the person who can grant it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MissingRight {
    /// The target doesn't exist, or the token can't see it.
    SeeTarget(Target),
    /// The token can't list the target's runners.
    ReadRunners(Target),
    /// The token can't register runners.
    WriteRunners(Target),
}

impl Access {
    /// Whether the token can do all that Runner Pilot needs.
    pub fn is_sufficient(&self) -> bool {
        self.missing.is_empty()
    }
}

impl fmt::Display for MissingRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (target, level) = match self {
            Self::SeeTarget(target) => {
                return write!(
                    f,
                    "`{target}` does not exist or the token cannot see it: check the name and the token's owner"
                );
            }
            Self::ReadRunners(target) => (target, "read"),
            Self::WriteRunners(target) => (target, "write"),
        };
        let (fine_grained, classic) = match target {
            Target::Repository { .. } => ("Administration", "repo"),
            Target::Organization { .. } => ("Self-hosted runners (organization)", "admin:org"),
        };
        write!(
            f,
            "`{target}`: grant `{fine_grained}: {level}` (fine-grained) or the scope `{classic}` (classic)"
        )
    }
}

impl GitHub {
    /// Checks the token against `target` and names what is missing.
    ///
    /// Fails with [`Error::Unauthorized`] if the token is no good at all. Whether runners can be registered is found
    /// by minting a registration token and dropping it: reading alone would not tell read from write.
    pub async fn verify(&self, target: &Target) -> Result<Access, Error> {
        // Every kind of token may ask this, and it's free.
        let rate_limit = self.get(self.url("rate_limit")).await?;
        let mut access = Access {
            login: self.login().await?,
            scopes: rate_limit.header("x-oauth-scopes").map(split_scopes),
            expires_at: rate_limit
                .header("github-authentication-token-expiration")
                .and_then(parse_expiry),
            rate_limit_remaining: rate_limit
                .header("x-ratelimit-remaining")
                .and_then(|n| n.parse().ok()),
            missing: Vec::new(),
        };
        if !allowed(self.get(self.target_url(target, "")?).await)? {
            access.missing.push(MissingRight::SeeTarget(target.clone()));
            return Ok(access);
        }
        let mut runners = self.target_url(target, "actions/runners")?;
        runners.set_query(Some("per_page=1&page=1"));
        if !allowed(self.get(runners).await)? {
            access.missing.push(MissingRight::ReadRunners(target.clone()));
        }
        if !allowed(self.create_registration_token(target).await)? {
            access.missing.push(MissingRight::WriteRunners(target.clone()));
        }
        Ok(access)
    }

    /// Whether GitHub knows the token at all: one call that every kind of token may make and that costs
    /// nothing. Fails with [`Error::Unauthorized`] if it does not.
    pub async fn check_token(&self) -> Result<(), Error> {
        self.get(self.url("rate_limit")).await.map(drop)
    }

    async fn login(&self) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        struct User {
            login: String,
        }
        match self.get(self.url("user")).await {
            Ok(reply) => reply.json(OPERATION).map(|User { login }| Some(login)),
            // An App's token stands for no user.
            Err(Error::Forbidden { .. } | Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn get(&self, url: url::Url) -> Result<Reply, Error> {
        self.send(Call::new(OPERATION, Method::GET, url), Expect::Status(200))
            .await
    }
}

/// Turns "you may not" into `false`, and keeps every other failure.
fn allowed<T>(result: Result<T, Error>) -> Result<bool, Error> {
    match result {
        Ok(_) => Ok(true),
        Err(Error::NotFound { .. } | Error::Forbidden { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn split_scopes(header: &str) -> Vec<String> {
    header
        .split(',')
        .map(str::trim)
        .filter(|scope| !scope.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// GitHub writes `2026-12-31 23:59:59 UTC`, and an offset instead of `UTC` for some accounts.
fn parse_expiry(header: &str) -> Option<DateTime<Utc>> {
    let text = header.trim().replace(" UTC", " +0000");
    DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S %z")
        .ok()
        .map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expiry_header_is_read_in_both_spellings() {
        let expected = DateTime::from_timestamp(1_798_761_599, 0);
        assert_eq!(parse_expiry("2026-12-31 23:59:59 UTC"), expected);
        assert_eq!(parse_expiry("2027-01-01 00:59:59 +0100"), expected);
        assert_eq!(parse_expiry("soon"), None);
    }

    #[test]
    fn a_missing_right_tells_what_to_grant() {
        let repository: Target = "acme/web".parse().unwrap();
        let text = MissingRight::WriteRunners(repository).to_string();
        assert!(
            text.contains("Administration: write") && text.contains("`repo`"),
            "{text}"
        );
        let organization: Target = "acme".parse().unwrap();
        let text = MissingRight::ReadRunners(organization).to_string();
        assert!(text.contains("admin:org") && text.contains(": read"), "{text}");
    }
}
