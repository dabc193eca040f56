//! Signing in, staying signed in, signing out.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::UserId;
use entities::model::{refresh_tokens as row, users as user_row};
use entities::repo::refresh_tokens::{self, NewRefreshToken};
use entities::repo::users;
use entities::{ConnectionTrait, StoreError};
use secrecy::SecretString;
use uuid::Uuid;

use crate::access::Caller;
use crate::audit::{self, Entry};
use crate::auth::email::EmailAddress;
use crate::auth::opaque;
use crate::auth::passwords::{PasswordError, Verdict};
use crate::context::Context;
use crate::error::ApiError;
use crate::request;

/// A refresh token that is not used for this long is no longer good.
const IDLE: TimeDelta = TimeDelta::days(7);
/// After this long everybody signs in again.
const ABSOLUTE: TimeDelta = TimeDelta::days(30);
const MAX_USER_AGENT_CHARS: usize = 200;

/// A signed-in session, as its client is told.
#[derive(Debug)]
pub struct Session {
    /// To be sent as `Authorization: Bearer`.
    pub access_token: String,
    /// Goes into the cookie.
    pub refresh_token: SecretString,
    /// How long the cookie is good, in seconds.
    pub refresh_max_age_secs: i64,
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::unavailable(),
            PasswordError::Hash(_) | PasswordError::Interrupted(_) => Self::internal(&error),
        }
    }
}

/// Signs in with e-mail address and password. The answer and the time it takes are the same for an
/// unknown address and a wrong password.
pub async fn log_in(
    context: &Context,
    email: &str,
    password: SecretString,
    user_agent: Option<&str>,
) -> Result<Session, ApiError> {
    let email = email.parse::<EmailAddress>().ok();
    let account = email.as_ref().map_or("", EmailAddress::as_str).to_owned();
    let ip = request::current_ip();
    context.limits.attempt(&account, ip)?;
    let user = match &email {
        Some(email) => users::find_active_by_email(&context.db, email.as_str()).await?,
        None => None,
    };
    let stored = user.as_ref().map(|user| user.password.as_str());
    let verdict = context.passwords.verify(password, stored).await;
    let (Some(user), Verdict::Right { rehashed }) = (user, verdict?) else {
        let refused = Entry {
            org: None,
            user: None,
            actor: &account,
            action: "session.refused",
            target: None,
            allowed: false,
            detail: serde_json::json!({}),
        };
        audit::record(&context.db, context.now(), refused).await?;
        return Err(ApiError::refused_sign_in(
            "The e-mail address or the password is wrong.",
        ));
    };
    context.limits.forgive(&account, ip);
    let caller = caller_of(&user)?;
    if let Some(renewed) = rehashed {
        users::rehash(&context.db, &caller.id, &user.password, &renewed).await?;
    }
    let txn = entities::begin(&context.db).await?;
    let session = open(context, &txn, &caller, user.token_version, user_agent).await?;
    txn.commit().await.map_err(StoreError::from)?;
    Ok(session)
}

/// Who this row is.
pub fn caller_of(user: &user_row::Model) -> Result<Caller, ApiError> {
    let id = user.uid.parse().map_err(|_| StoreError::Corrupt("users.uid"))?;
    Ok(Caller {
        id,
        email: user.email.clone(),
        full_name: user.full_name.clone(),
    })
}

/// Starts a session, and says so in the audit log.
pub async fn open(
    context: &Context,
    db: &impl ConnectionTrait,
    caller: &Caller,
    token_version: i32,
    user_agent: Option<&str>,
) -> Result<Session, ApiError> {
    let now = context.now();
    audit::record(db, now, caller.did("session.started")).await?;
    let family = Uuid::now_v7().to_string();
    give(
        context,
        db,
        &caller.id,
        token_version,
        Family {
            id: &family,
            ends: now + ABSOLUTE,
        },
        user_agent,
    )
    .await
}

struct Family<'a> {
    id: &'a str,
    ends: DateTime<Utc>,
}

async fn give(
    context: &Context,
    db: &impl ConnectionTrait,
    user: &UserId,
    token_version: i32,
    family: Family<'_>,
    user_agent: Option<&str>,
) -> Result<Session, ApiError> {
    let now = context.now();
    let refresh_token = opaque::generate();
    let expires_at = (now + IDLE).min(family.ends);
    let stored = NewRefreshToken {
        user,
        family: family.id,
        token_hash: &opaque::hash(&refresh_token).ok_or_else(ApiError::internal_silent)?,
        expires_at,
        family_expires_at: family.ends,
        ip_address: request::current_ip().map(|ip| ip.to_string()),
        user_agent: user_agent.map(|text| text.chars().take(MAX_USER_AGENT_CHARS).collect()),
    };
    refresh_tokens::insert(db, stored, now).await?;
    let access_token = context
        .tokens
        .issue(user, token_version, now)
        .map_err(|error| ApiError::internal(&error))?;
    Ok(Session {
        access_token,
        refresh_token,
        refresh_max_age_secs: (expires_at - now).num_seconds(),
    })
}

/// Exchanges a refresh token for a new one and a new access token. A token that was used before was
/// stolen by somebody, here or there: its whole family is revoked.
pub async fn refresh(
    context: &Context,
    token: Option<SecretString>,
    user_agent: Option<&str>,
) -> Result<Session, ApiError> {
    let expired = || ApiError::refused_sign_in("The session has ended. Sign in again.");
    let hash = token.as_ref().and_then(opaque::hash).ok_or_else(expired)?;
    let now = context.now();
    let txn = entities::begin(&context.db).await?;
    let row = refresh_tokens::find_by_hash(&txn, &hash)
        .await?
        .ok_or_else(expired)?;
    if row.revoked_at.is_some() || row.expires_at <= now || row.family_expires_at <= now {
        return Err(expired());
    }
    if !refresh_tokens::spend(&txn, &row.uid, now).await? {
        end_stolen(&txn, &row, now).await?;
        txn.commit().await.map_err(StoreError::from)?;
        return Err(expired());
    }
    let id: UserId = row
        .user_id
        .parse()
        .map_err(|_| StoreError::Corrupt("refresh_tokens.user_id"))?;
    let user = users::find_active(&txn, &id).await?.ok_or_else(expired)?;
    let family = Family {
        id: &row.family,
        ends: row.family_expires_at,
    };
    let session = give(context, &txn, &id, user.token_version, family, user_agent).await?;
    txn.commit().await.map_err(StoreError::from)?;
    Ok(session)
}

async fn end_stolen(db: &impl ConnectionTrait, row: &row::Model, now: DateTime<Utc>) -> Result<(), ApiError> {
    tracing::warn!(
        user.id = row.user_id,
        "a spent refresh token was used again; its session is ended"
    );
    refresh_tokens::revoke_family(db, &row.family, now).await?;
    let user: UserId = row
        .user_id
        .parse()
        .map_err(|_| StoreError::Corrupt("refresh_tokens.user_id"))?;
    let entry = Entry {
        org: None,
        user: Some(&user),
        actor: "",
        action: "session.reused",
        target: None,
        allowed: false,
        detail: serde_json::json!({}),
    };
    audit::record(db, now, entry).await
}

/// Ends the session of the cookie and every access token of its user: the user's other sessions get new
/// ones with their own refresh tokens.
pub async fn log_out(
    context: &Context,
    token: Option<SecretString>,
    caller: Option<Caller>,
) -> Result<(), ApiError> {
    let now = context.now();
    let txn = entities::begin(&context.db).await?;
    let row = match token.as_ref().and_then(opaque::hash) {
        Some(hash) => refresh_tokens::find_by_hash(&txn, &hash).await?,
        None => None,
    };
    let mut user = caller.map(|caller| caller.id);
    if let Some(row) = row {
        refresh_tokens::revoke_family(&txn, &row.family, now).await?;
        // A spent or stolen token must not be able to sign out more than its own session.
        if row.revoked_at.is_none() && row.used_at.is_none() && row.expires_at > now {
            user = user.or(row.user_id.parse().ok());
        }
    }
    if let Some(id) = user
        && let Some(user) = users::find_active(&txn, &id).await?
    {
        users::raise_token_version(&txn, &id, now).await?;
        audit::record(&txn, now, caller_of(&user)?.did("session.ended")).await?;
    }
    txn.commit().await.map_err(StoreError::from)?;
    Ok(())
}
