//! Access tokens: JWT, HS256, fifteen minutes. They say who, never what one may do: rights are read from
//! the database at each request.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::UserId;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::hex::hex;

/// How long an access token is good.
pub const ACCESS_TOKEN_LIFE: Duration = Duration::from_mins(15);
/// How far two clocks may differ.
const LEEWAY_SECS: u64 = 10;
const ISSUER: &str = "runner-pilot";
const AUDIENCE: &str = "runner-pilot-api";
const USE_ACCESS: &str = "access";

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// The user's id.
    pub sub: String,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    /// The user's `token_version` when it was issued; a later one revokes it.
    pub ver: i32,
    #[serde(rename = "use")]
    used_for: String,
}

/// The token is not ours, not of this kind, or no longer good. Deliberately without a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the access token is not valid")]
pub struct InvalidToken;

struct VerificationKey {
    id: String,
    key: DecodingKey,
}

/// Issues and verifies access tokens.
pub struct Tokens {
    key_id: String,
    key: EncodingKey,
    accepted: Vec<VerificationKey>,
}

impl Tokens {
    /// Signs with `secret`; also accepts what `previous` signed, so that a secret can be replaced without
    /// signing everybody out.
    pub fn new(secret: &SecretString, previous: Option<&SecretString>) -> Self {
        let accepted = [Some(secret), previous]
            .into_iter()
            .flatten()
            .map(|secret| VerificationKey {
                id: key_id(secret),
                key: DecodingKey::from_secret(secret.expose_secret().as_bytes()),
            })
            .collect();
        Self {
            key_id: key_id(secret),
            key: EncodingKey::from_secret(secret.expose_secret().as_bytes()),
            accepted,
        }
    }

    /// A token for this user.
    pub fn issue(
        &self,
        user: &UserId,
        version: i32,
        now: DateTime<Utc>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let issued = now.timestamp();
        let life = i64::try_from(ACCESS_TOKEN_LIFE.as_secs()).unwrap_or(0);
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.to_string(),
            jti: Uuid::now_v7().to_string(),
            iat: issued,
            nbf: issued,
            exp: issued + life,
            ver: version,
            used_for: USE_ACCESS.to_owned(),
        };
        let header = Header {
            kid: Some(self.key_id.clone()),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, &claims, &self.key)
    }

    /// What a token says, if it is ours and good now.
    pub fn verify(&self, token: &str) -> Result<Claims, InvalidToken> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| InvalidToken)?;
        let mut keys = self
            .accepted
            .iter()
            .filter(|key| header.kid.as_ref().is_none_or(|id| *id == key.id));
        keys.find_map(|key| jsonwebtoken::decode::<Claims>(token, &key.key, &validation()).ok())
            .map(|decoded| decoded.claims)
            .filter(|claims| claims.used_for == USE_ACCESS && !claims.jti.is_empty())
            .ok_or(InvalidToken)
    }
}

fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = LEEWAY_SECS;
    validation.validate_nbf = true;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    validation
}

fn key_id(secret: &SecretString) -> String {
    let digest = Sha256::digest(secret.expose_secret().as_bytes());
    hex(&digest[..4])
}
