//! Who calls, and what they may do in an organisation. Both are read from the database at each request,
//! so that a removal or a withdrawn grant acts at once.

use domain::ids::{OrgId, UserId};
use domain::org::OrgType;
use domain::permissions::Role;
use domain::permissions::{Permission, Rights};
use entities::repo::{members, users};
use poem::Request;
use poem_openapi::SecurityScheme;

use crate::auth::traffic::Kind;
use crate::context::Context;
use crate::error::ApiError;
use crate::request::{self, Who};

/// The signed-in user of a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user.
    pub id: UserId,
    /// For the audit log.
    pub email: String,
    /// For display.
    pub full_name: String,
}

/// An access token, as `POST /auth/login` returns it.
#[derive(Debug, SecurityScheme)]
#[oai(ty = "bearer", bearer_format = "JWT", rename = "bearer", checker = "check")]
pub struct Bearer(pub Caller);

async fn check(request: &Request, bearer: poem_openapi::auth::Bearer) -> poem::Result<Caller> {
    let context = request.data::<Context>().ok_or_else(ApiError::internal_silent)?;
    let caller = authenticate(context, &bearer.token).await?;
    let kind = if request.method().is_safe() {
        Kind::Read
    } else {
        Kind::Write
    };
    let allowance = context.traffic.count(caller.id.as_str(), kind)?;
    let who = Who {
        user: caller.id.clone(),
        email: caller.email.clone(),
        org: None,
    };
    request::note(|notes| {
        notes.allowance = allowance;
        notes.who = Some(who);
    });
    Ok(caller)
}

/// The user that an access token speaks for. 401 for every reason alike.
pub async fn authenticate(context: &Context, token: &str) -> Result<Caller, ApiError> {
    let claims = context
        .tokens
        .verify(token)
        .map_err(|_| ApiError::unauthorized())?;
    let id: UserId = claims.sub.parse().map_err(|_| ApiError::unauthorized())?;
    let user = users::find_active(&context.db, &id)
        .await?
        .ok_or_else(ApiError::unauthorized)?;
    if user.token_version != claims.ver {
        return Err(ApiError::unauthorized());
    }
    Ok(Caller {
        id,
        email: user.email,
        full_name: user.full_name,
    })
}

/// The caller in one organisation that they belong to.
#[derive(Debug, Clone)]
pub struct OrgAccess {
    /// Who calls.
    pub caller: Caller,
    /// The organisation.
    pub org_id: OrgId,
    /// Its name.
    pub org_name: String,
    /// Its kind.
    pub org_type: OrgType,
    /// What the caller may do there.
    pub rights: Rights,
}

impl Context {
    /// What the caller may do in the organisation; the same 404 whether it does not exist or the caller
    /// does not belong to it.
    pub async fn org_access(&self, caller: &Bearer, org_id: &str) -> Result<OrgAccess, ApiError> {
        let org_id: OrgId = org_id.parse().map_err(|_| ApiError::not_found())?;
        let membership = members::membership(&self.db, &org_id, &caller.0.id).await?;
        let membership = membership.ok_or_else(ApiError::not_found)?;
        request::note(|notes| {
            if let Some(who) = &mut notes.who {
                who.org = Some(org_id.clone());
            }
        });
        Ok(OrgAccess {
            caller: caller.0.clone(),
            org_id,
            org_name: membership.org_name,
            org_type: membership.org_type,
            rights: membership.rights,
        })
    }
}

impl OrgAccess {
    /// 403 unless the caller has been granted this or is an admin.
    pub fn require(&self, permission: Permission) -> Result<(), ApiError> {
        if self.rights.allow(permission) {
            return Ok(());
        }
        Err(ApiError::forbidden(format!(
            "You need the permission `{}` in this organisation; an admin can grant it.",
            permission.as_str()
        )))
    }

    /// 403 unless the caller is an admin.
    pub fn require_admin(&self) -> Result<(), ApiError> {
        match self.rights.role {
            Role::Admin => Ok(()),
            Role::Member => Err(ApiError::forbidden(
                "Only an admin of this organisation may do this.",
            )),
        }
    }
}
