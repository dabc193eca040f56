//! Organisations and their audit log.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::permissions::{Permission, Rights, Role};
use entities::model::{audit_log, orgs};
use poem_openapi::Object;
use poem_openapi::types::Any;

/// A new organisation.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct OrgCreate {
    /// What it is called; no two have the same name.
    #[oai(validator(max_length = 200))]
    pub name: String,
    /// `personal` or `organization` (the default).
    #[oai(validator(max_length = 32))]
    pub org_type: Option<String>,
}

/// Changes to an organisation.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct OrgUpdate {
    /// What it is called from now on.
    #[oai(validator(max_length = 200))]
    pub name: String,
    /// `personal` or `organization`; unchanged when absent.
    #[oai(validator(max_length = 32))]
    pub org_type: Option<String>,
}

/// An organisation, as the caller sees it.
#[derive(Debug, Object)]
pub struct OrgView {
    /// Its id.
    pub uid: String,
    /// What it is called.
    pub name: String,
    /// `personal` or `organization`.
    pub org_type: String,
    /// The user who made it.
    pub org_creator: String,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// The caller's role in it: `admin` or `member`.
    pub role: String,
    /// What the caller may do in it; everything for an admin.
    pub permissions: HashMap<String, bool>,
}

impl OrgView {
    /// The organisation for a caller with these rights.
    pub fn of(org: orgs::Model, rights: &Rights) -> Self {
        let orgs::Model {
            uid,
            created_at,
            updated_at,
            deleted_at: _,
            is_deleted: _,
            is_active: _,
            name,
            org_type,
            org_creator,
        } = org;
        let role = rights.role.as_str().to_owned();
        Self {
            uid,
            name,
            org_type,
            org_creator,
            created_at,
            updated_at,
            role,
            permissions: permissions(rights),
        }
    }
}

/// Every permission with whether the rights allow it.
pub fn permissions(rights: &Rights) -> HashMap<String, bool> {
    let all = Permission::ALL.iter();
    all.map(|permission| (permission.as_str().to_owned(), rights.allow(*permission)))
        .collect()
}

/// The rights of an organisation's creator.
pub fn admin() -> Rights {
    Rights {
        role: Role::Admin,
        permissions: domain::permissions::Permissions::default(),
    }
}

/// A line of the audit log.
#[derive(Debug, Object)]
pub struct AuditView {
    /// Its id.
    pub uid: String,
    /// When it happened.
    pub created_at: DateTime<Utc>,
    /// Who did it.
    pub user_id: Option<String>,
    /// Who did it, as people read it.
    pub actor: String,
    /// What was done, such as `runner.created`.
    pub action: String,
    /// The kind of thing it was done to.
    pub target_type: Option<String>,
    /// The thing it was done to.
    pub target_id: Option<String>,
    /// `success` or `denied`.
    pub result: String,
    /// Where the request came from.
    pub ip_address: Option<String>,
    /// Which request it was.
    pub request_id: Option<String>,
    /// Further facts.
    pub detail: Any<serde_json::Value>,
}

impl From<audit_log::Model> for AuditView {
    fn from(line: audit_log::Model) -> Self {
        let audit_log::Model {
            uid,
            created_at,
            updated_at: _,
            deleted_at: _,
            is_deleted: _,
            is_active: _,
            org_id: _,
            user_id,
            actor,
            action,
            target_type,
            target_id,
            result,
            ip_address,
            request_id,
            detail,
        } = line;
        let detail = Any(detail);
        Self {
            uid,
            created_at,
            user_id,
            actor,
            action,
            target_type,
            target_id,
            result,
            ip_address,
            request_id,
            detail,
        }
    }
}
