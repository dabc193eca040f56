//! The signed-in user, and what every page needs.

use domain::org::DisplayName;
use domain::permissions::Permission;
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use super::Tag;
use super::auth::{SignedIn, signed_in, user_agent};
use crate::access::Bearer;
use crate::context::Context;
use crate::dto::orgs::OrgView;
use crate::dto::people::{ConfigView, MeView, PasswordChange, PermissionView, ProfileUpdate, UserView};
use crate::dto::schedules::SchedulesView;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::payload::Body;
use crate::services::{accounts, schedules};

/// The operations of this file.
pub struct MeApi {
    /// What they work with.
    pub context: Context,
}

#[OpenApi(tag = "Tag::Common")]
impl MeApi {
    /// Read the signed-in user
    #[oai(path = "/common/me", method = "get", operation_id = "read_me")]
    async fn read_me(&self, caller: Bearer) -> Result<Json<MeView>, ApiError> {
        let user = accounts::read(&self.context, &caller.0).await?;
        let orgs = accounts::orgs_of(&self.context, &caller.0).await?;
        let UserView {
            uid,
            full_name,
            email,
            created_at,
            updated_at,
        } = user.into();
        let orgs = orgs
            .into_iter()
            .map(|(org, rights)| OrgView::of(org, &rights))
            .collect();
        Ok(Json(MeView {
            uid,
            full_name,
            email,
            created_at,
            updated_at,
            orgs,
        }))
    }

    /// Change the signed-in user's name or e-mail address
    #[oai(path = "/common/me", method = "put", operation_id = "update_me")]
    async fn update_me(&self, caller: Bearer, body: Body<ProfileUpdate>) -> Result<Json<UserView>, ApiError> {
        let ProfileUpdate {
            full_name,
            email,
            current_password,
        } = body.0;
        let mut fields = Fields::default();
        let name = fields.parse::<DisplayName>("full_name", &full_name);
        let email = fields.parse_optional("email", email.as_deref());
        let (Some(name), Some(email)) = (name, email) else {
            return Err(fields.into_error());
        };
        let password = current_password.map(Into::into);
        let user = accounts::update_profile(&self.context, &caller.0, &name, email, password).await?;
        Ok(Json(user.into()))
    }

    /// Change the password
    ///
    /// Ends every session of the user and starts a new one for the caller.
    #[oai(
        path = "/common/me/password",
        method = "post",
        operation_id = "change_password"
    )]
    async fn change_password(
        &self,
        caller: Bearer,
        request: &Request,
        body: Body<PasswordChange>,
    ) -> Result<SignedIn, ApiError> {
        let PasswordChange {
            current_password,
            new_password,
        } = body.0;
        let agent = user_agent(request);
        let session = accounts::change_password(
            &self.context,
            &caller.0,
            current_password.into(),
            new_password.into(),
            agent,
        )
        .await?;
        Ok(signed_in(&self.context, session))
    }

    /// List what members can be granted
    #[oai(
        path = "/common/permissions",
        method = "get",
        operation_id = "list_permissions"
    )]
    async fn list_permissions(&self, _caller: Bearer) -> Result<Json<Vec<PermissionView>>, ApiError> {
        let views = Permission::ALL.iter().map(|permission| PermissionView {
            name: permission.as_str().to_owned(),
            description: permission.description().to_owned(),
        });
        Ok(Json(views.collect()))
    }

    /// List what is sent periodically
    ///
    /// The whole installation's: which tasks, how often, when last and when next, and which beat leads.
    #[oai(path = "/common/schedules", method = "get", operation_id = "list_schedules")]
    async fn list_schedules(&self, _caller: Bearer) -> Result<Json<SchedulesView>, ApiError> {
        Ok(Json(schedules::read(&self.context).await?))
    }

    /// Read what a page needs before anybody has signed in
    #[oai(path = "/common/config", method = "get", operation_id = "read_config")]
    async fn read_config(&self) -> Result<Json<ConfigView>, ApiError> {
        let settings = &self.context.settings;
        Ok(Json(ConfigView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            onboarding_required: accounts::is_fresh(&self.context).await?,
            registration_allowed: settings.allow_registration,
            sandbox_github_url: settings.github.sandbox_url.as_ref().map(ToString::to_string),
        }))
    }
}
