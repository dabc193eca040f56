//! The audit log: one line per change, written in the same transaction as the change.

use chrono::{DateTime, Utc};
use domain::ids::{OrgId, UserId};
use entities::ConnectionTrait;
use entities::repo::audit::{self, NewEntry};
use serde_json::Value;

use crate::access::{Caller, OrgAccess};
use crate::error::ApiError;
use crate::request;

/// What happened, for [`record`].
#[derive(Debug)]
pub struct Entry<'a> {
    /// The organisation it happened in, if in one.
    pub org: Option<&'a OrgId>,
    /// The user who did it, if known.
    pub user: Option<&'a UserId>,
    /// The user's e-mail address, or what was given as one.
    pub actor: &'a str,
    /// What was done, such as `runner.created`.
    pub action: &'static str,
    /// Kind and id of what it was done to.
    pub target: Option<(&'static str, &'a str)>,
    /// Whether it was done; false for an attempt that was refused.
    pub allowed: bool,
    /// Further facts; never a secret.
    pub detail: Value,
}

/// Writes a line.
pub async fn record(db: &impl ConnectionTrait, now: DateTime<Utc>, entry: Entry<'_>) -> Result<(), ApiError> {
    let request_id = request::current_id();
    let line = NewEntry {
        org_id: entry.org,
        user_id: entry.user,
        actor: entry.actor,
        action: entry.action,
        target: entry.target,
        result: if entry.allowed { "success" } else { "denied" },
        ip_address: request::current_ip().map(|ip| ip.to_string()),
        request_id: Some(request_id).filter(|id| !id.is_empty()),
        detail: entry.detail,
    };
    Ok(audit::insert(db, line, now).await?)
}

impl OrgAccess {
    /// Writes a line about something the caller did in this organisation: what, to which kind of thing,
    /// its id, and further facts (never a secret).
    pub async fn audit(
        &self,
        db: &impl ConnectionTrait,
        now: DateTime<Utc>,
        action: &'static str,
        target: (&'static str, &str),
        detail: Value,
    ) -> Result<(), ApiError> {
        let entry = Entry {
            org: Some(&self.org_id),
            target: Some(target),
            detail,
            ..self.caller.did(action)
        };
        record(db, now, entry).await
    }
}

impl Caller {
    /// The start of a line about something this user did.
    pub fn did(&self, action: &'static str) -> Entry<'_> {
        Entry {
            org: None,
            user: Some(&self.id),
            actor: &self.email,
            action,
            target: None,
            allowed: true,
            detail: Value::Object(serde_json::Map::new()),
        }
    }
}
