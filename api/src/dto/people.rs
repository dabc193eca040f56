//! Accounts and sessions.

use chrono::{DateTime, Utc};
use entities::model::users;
use poem_openapi::Object;

use super::orgs::OrgView;

/// A new account.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct RegisterRequest {
    /// As people read it.
    #[oai(validator(max_length = 200))]
    pub full_name: String,
    /// What the account is known by.
    #[oai(validator(max_length = 254))]
    pub email: String,
    /// At least 8 characters, none of the usual ones.
    #[oai(validator(max_length = 1024), write_only)]
    pub password: String,
    /// The token of an invitation to an organisation, if there is one.
    #[oai(validator(max_length = 128), write_only)]
    pub invitation: Option<String>,
}

/// A sign-in.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct LoginRequest {
    /// The account's e-mail address.
    #[oai(validator(max_length = 1024))]
    pub email: String,
    /// The account's password.
    #[oai(validator(max_length = 1024), write_only)]
    pub password: String,
}

/// The first organisation, and on a fresh system the first account with it.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct OnboardingRequest {
    /// The first user's name; absent when signed in.
    #[oai(validator(max_length = 200))]
    pub full_name: Option<String>,
    /// The first user's e-mail address; absent when signed in.
    #[oai(validator(max_length = 254))]
    pub email: Option<String>,
    /// The first user's password; absent when signed in.
    #[oai(validator(max_length = 1024), write_only)]
    pub password: Option<String>,
    /// The organisation's name.
    #[oai(validator(max_length = 200))]
    pub org_name: String,
    /// `personal` or `organization` (the default).
    #[oai(validator(max_length = 32))]
    pub org_type: Option<String>,
}

/// An access token.
#[derive(Debug, Object)]
pub struct TokenView {
    /// To be sent as `Authorization: Bearer`.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// For how many seconds it is good.
    pub expires_in: u32,
}

/// What onboarding made.
#[derive(Debug, Object)]
pub struct OnboardingView {
    /// To be sent as `Authorization: Bearer`.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// For how many seconds it is good.
    pub expires_in: u32,
    /// The user.
    pub user: UserView,
    /// The organisation.
    pub org: OrgView,
}

/// An account, as its owner sees it.
#[derive(Debug, Object)]
pub struct UserView {
    /// Its id.
    pub uid: String,
    /// As people read it.
    pub full_name: String,
    /// What it is known by.
    pub email: String,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The signed-in user with their organisations.
#[derive(Debug, Object)]
pub struct MeView {
    /// The account's id.
    pub uid: String,
    /// As people read it.
    pub full_name: String,
    /// What the account is known by.
    pub email: String,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// The organisations they belong to, with what they may do there.
    pub orgs: Vec<OrgView>,
}

/// New name and address.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ProfileUpdate {
    /// As people read it.
    #[oai(validator(max_length = 200))]
    pub full_name: String,
    /// What the account is known by; unchanged when absent.
    #[oai(validator(max_length = 254))]
    pub email: Option<String>,
    /// The current password; needed to change the e-mail address.
    #[oai(validator(max_length = 1024), write_only)]
    pub current_password: Option<String>,
}

/// A new password.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password until now.
    #[oai(validator(max_length = 1024), write_only)]
    pub current_password: String,
    /// The password from now on.
    #[oai(validator(max_length = 1024), write_only)]
    pub new_password: String,
}

/// Something that a member can be granted.
#[derive(Debug, Object)]
pub struct PermissionView {
    /// As it stands in `permissions`.
    pub name: String,
    /// What it allows.
    pub description: String,
}

/// What a page needs to know before anybody has signed in.
#[derive(Debug, Object)]
pub struct ConfigView {
    /// This server's version.
    pub version: String,
    /// Whether there is no account yet, so that onboarding makes the first one.
    pub onboarding_required: bool,
    /// Whether anybody may make an account.
    pub registration_allowed: bool,
    /// The built-in simulated GitHub, where one is offered.
    pub sandbox_github_url: Option<String>,
}

impl From<users::Model> for UserView {
    fn from(user: users::Model) -> Self {
        let users::Model {
            uid,
            created_at,
            updated_at,
            deleted_at: _,
            is_deleted: _,
            is_active: _,
            full_name,
            email,
            password: _,
            token_version: _,
        } = user;
        Self {
            uid,
            full_name,
            email,
            created_at,
            updated_at,
        }
    }
}
