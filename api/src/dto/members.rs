//! Members of an organisation and invitations to it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entities::model::invitations;
use entities::repo::members::Member;
use poem_openapi::Object;

use super::orgs::permissions;

/// Somebody to be added.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct MemberAdd {
    /// An account with this address is added at once; otherwise an invitation is made.
    #[oai(validator(max_length = 254))]
    pub email: String,
    /// `admin` or `member` (the default).
    #[oai(validator(max_length = 32))]
    pub role: Option<String>,
    /// What a member may do: names from `GET /common/permissions`; what is absent is not granted.
    pub permissions: Option<HashMap<String, bool>>,
}

/// Changes to what somebody may do. What is absent stays as it is.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct MemberUpdate {
    /// `admin` or `member`.
    #[oai(validator(max_length = 32))]
    pub role: Option<String>,
    /// All that a member may do from now on; what is absent in it is not granted.
    pub permissions: Option<HashMap<String, bool>>,
}

/// Somebody who belongs to an organisation.
#[derive(Debug, Object)]
pub struct MemberView {
    /// The person's id.
    pub user_id: String,
    /// As people read it.
    pub full_name: String,
    /// The person's e-mail address.
    pub email: String,
    /// `admin` or `member`.
    pub role: String,
    /// What they may do; everything for an admin.
    pub permissions: HashMap<String, bool>,
    /// Since when they belong to it.
    pub created_at: DateTime<Utc>,
}

/// What adding somebody led to: one of the two.
#[derive(Debug, Object)]
pub struct MemberAdded {
    /// The member, when there was an account.
    pub member: Option<MemberView>,
    /// The invitation, when there was none.
    pub invitation: Option<InvitationView>,
    /// The invitation's token. It is shown this once: pass it on to the person, who gives it at registration.
    pub invitation_token: Option<String>,
}

/// An invitation that nobody has accepted yet.
#[derive(Debug, Object)]
pub struct InvitationView {
    /// Its id.
    pub uid: String,
    /// Whom it is for.
    pub email: String,
    /// `admin` or `member`.
    pub role: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
    /// Who made it.
    pub invited_by: String,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        let Member { user, rights, since } = member;
        Self {
            user_id: user.uid,
            full_name: user.full_name,
            email: user.email,
            role: rights.role.as_str().to_owned(),
            permissions: permissions(&rights),
            created_at: since,
        }
    }
}

impl From<invitations::Model> for InvitationView {
    fn from(invitation: invitations::Model) -> Self {
        let invitations::Model {
            uid,
            created_at,
            updated_at: _,
            deleted_at: _,
            is_deleted: _,
            is_active: _,
            org_id: _,
            email,
            role,
            permissions: _,
            token_hash: _,
            invited_by,
            expires_at,
            accepted_at: _,
        } = invitation;
        Self {
            uid,
            email,
            role,
            created_at,
            expires_at,
            invited_by,
        }
    }
}
