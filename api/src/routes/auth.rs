//! Accounts, sign-in and sessions.

use domain::org::{DisplayName, OrgType};
use poem::Request;
use poem::http::header;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::Tag;
use crate::access::{Caller, authenticate};
use crate::auth::cookie;
use crate::auth::tokens::ACCESS_TOKEN_LIFE;
use crate::context::Context;
use crate::dto::orgs::{OrgView, admin};
use crate::dto::people::{
    LoginRequest, OnboardingRequest, OnboardingView, RegisterRequest, TokenView, UserView,
};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::payload::Body;
use crate::reply::Created;
use crate::services::accounts::{self, NewPerson, Onboarded};
use crate::services::sessions::{self, Session};

/// The operations of this file.
pub struct AuthApi {
    /// What they work with.
    pub context: Context,
}

/// 200 with an access token; the refresh token goes into a cookie.
#[derive(Debug, ApiResponse)]
pub enum SignedIn {
    /// Signed in.
    #[oai(status = 200)]
    Ok(Json<TokenView>, #[oai(header = "Set-Cookie")] String),
}

/// 201 with what was made and an access token; the refresh token goes into a cookie.
#[derive(Debug, ApiResponse)]
enum OnboardingReply {
    /// Made.
    #[oai(status = 201)]
    Created(
        Json<OnboardingView>,
        #[oai(header = "Location")] String,
        #[oai(header = "Set-Cookie")] String,
    ),
}

/// 204 that also removes the cookie.
#[derive(Debug, ApiResponse)]
enum SignedOut {
    /// Signed out.
    #[oai(status = 204)]
    Done(#[oai(header = "Set-Cookie")] String),
}

#[OpenApi(tag = "Tag::Auth")]
impl AuthApi {
    /// Make an account
    ///
    /// It belongs to no organisation, or to the one whose invitation is given.
    #[oai(path = "/auth/register", method = "post", operation_id = "register")]
    async fn register(&self, body: Body<RegisterRequest>) -> Result<Created<UserView>, ApiError> {
        let RegisterRequest {
            full_name,
            email,
            password,
            invitation,
        } = body.0;
        let mut fields = Fields::default();
        let person = NewPerson::parse(&mut fields, &full_name, &email, &password);
        let Some(person) = person else {
            return Err(fields.into_error());
        };
        let user = accounts::register(&self.context, person, invitation.map(Into::into)).await?;
        Ok(Created::at("/common/me".to_owned(), user.into()))
    }

    /// Sign in
    ///
    /// Answers an access token and sets the cookie with which `POST /auth/refresh` gets the next one.
    #[oai(path = "/auth/login", method = "post", operation_id = "log_in")]
    async fn log_in(&self, request: &Request, body: Body<LoginRequest>) -> Result<SignedIn, ApiError> {
        let LoginRequest { email, password } = body.0;
        let session = sessions::log_in(&self.context, &email, password.into(), user_agent(request)).await?;
        Ok(signed_in(&self.context, session))
    }

    /// Get a new access token
    ///
    /// Takes the cookie of the sign-in and replaces it. A cookie works once; one that is used again ends
    /// the whole session.
    #[oai(path = "/auth/refresh", method = "post", operation_id = "refresh_session")]
    async fn refresh_session(&self, request: &Request) -> Result<SignedIn, ApiError> {
        let settings = &self.context.settings;
        cookie::require_same_origin(settings, request)?;
        let session = sessions::refresh(
            &self.context,
            cookie::read(settings, request),
            user_agent(request),
        )
        .await?;
        Ok(signed_in(&self.context, session))
    }

    /// Sign out
    ///
    /// Ends the session of the cookie or of the access token; every access token of the user ends with it.
    #[oai(path = "/auth/logout", method = "post", operation_id = "log_out")]
    async fn log_out(&self, request: &Request) -> Result<SignedOut, ApiError> {
        let settings = &self.context.settings;
        cookie::require_same_origin(settings, request)?;
        // An access token that is no longer good has nothing left to end.
        let caller = caller(&self.context, request).await.ok().flatten();
        sessions::log_out(&self.context, cookie::read(settings, request), caller).await?;
        Ok(SignedOut::Done(cookie::clear(settings)))
    }

    /// Set up the first organisation
    ///
    /// On a fresh system, without signing in: makes the first account with its organisation and signs it
    /// in. Afterwards: makes the first organisation of the signed-in user.
    #[oai(path = "/onboarding", method = "post", operation_id = "onboard")]
    async fn onboard(
        &self,
        request: &Request,
        body: Body<OnboardingRequest>,
    ) -> Result<OnboardingReply, ApiError> {
        let OnboardingRequest {
            full_name,
            email,
            password,
            org_name,
            org_type,
        } = body.0;
        let caller = caller(&self.context, request).await?;
        let mut fields = Fields::default();
        let name = fields.parse::<DisplayName>("org_name", &org_name);
        let kind = fields.parse_optional::<OrgType>("org_type", org_type.as_deref());
        let kind = kind.map(|kind| kind.unwrap_or(OrgType::Organization));
        let user_agent = user_agent(request);
        let made = if let Some(caller) = caller {
            let own = [
                ("full_name", full_name.is_some()),
                ("email", email.is_some()),
                ("password", password.is_some()),
            ];
            for (field, _) in own.into_iter().filter(|(_, given)| *given) {
                fields.refuse(
                    field,
                    "must be absent when signed in: the account is there already",
                );
            }
            let (Some(name), Some(kind), true) = (name, kind, fields.is_clean()) else {
                return Err(fields.into_error());
            };
            accounts::onboard_user(&self.context, &caller, &name, kind, user_agent).await
        } else {
            if !accounts::is_fresh(&self.context).await? {
                return Err(ApiError::unauthorized());
            }
            let [full_name, email, password] = [full_name, email, password].map(Option::unwrap_or_default);
            let person = NewPerson::parse(&mut fields, &full_name, &email, &password);
            let (Some(person), Some(name), Some(kind)) = (person, name, kind) else {
                return Err(fields.into_error());
            };
            accounts::onboard_first(&self.context, person, &name, kind, user_agent).await
        };
        Ok(onboarded(&self.context, made.map_err(name_taken)?))
    }
}

/// In this request the organisation's name has another name.
fn name_taken(error: ApiError) -> ApiError {
    match error {
        ApiError::Conflict(problem) if problem.0.errors.iter().any(|error| error.field == "name") => {
            ApiError::conflict_on("org_name", "is already taken")
        }
        other => other,
    }
}

fn onboarded(context: &Context, made: Onboarded) -> OnboardingReply {
    let Onboarded { user, org, session } = made;
    let location = format!("/org/{}", org.uid);
    let cookie = cookie::set(
        &context.settings,
        &session.refresh_token,
        session.refresh_max_age_secs,
    );
    let TokenView {
        access_token,
        token_type,
        expires_in,
    } = token_view(session.access_token);
    let view = OnboardingView {
        access_token,
        token_type,
        expires_in,
        user: user.into(),
        org: OrgView::of(org, &admin()),
    };
    OnboardingReply::Created(Json(view), location, cookie)
}

/// 200 with the session's access token and cookie.
pub fn signed_in(context: &Context, session: Session) -> SignedIn {
    let cookie = cookie::set(
        &context.settings,
        &session.refresh_token,
        session.refresh_max_age_secs,
    );
    SignedIn::Ok(Json(token_view(session.access_token)), cookie)
}

fn token_view(access_token: String) -> TokenView {
    let expires_in = u32::try_from(ACCESS_TOKEN_LIFE.as_secs()).unwrap_or(0);
    TokenView {
        access_token,
        token_type: "Bearer".to_owned(),
        expires_in,
    }
}

/// The user of the request's access token; `None` without one, an error with one that is not good.
async fn caller(context: &Context, request: &Request) -> Result<Option<Caller>, ApiError> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| ApiError::unauthorized())?;
    let token = text.strip_prefix("Bearer ").ok_or_else(ApiError::unauthorized)?;
    authenticate(context, token.trim()).await.map(Some)
}

/// What the client says it is.
pub fn user_agent(request: &Request) -> Option<&str> {
    request.headers().get(header::USER_AGENT)?.to_str().ok()
}
