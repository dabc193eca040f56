//! Members of an organisation and invitations to it.

use domain::ids::UserId;
use domain::permissions::{Permissions, Rights, Role};
use entities::repo::{invitations, members as rows};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use secrecy::ExposeSecret;

use super::Tag;
use crate::access::Bearer;
use crate::auth::email::EmailAddress;
use crate::context::Context;
use crate::dto::members::{InvitationView, MemberAdd, MemberAdded, MemberUpdate, MemberView};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::page::{ListParameters, Page};
use crate::payload::{Body, Parameter};
use crate::reply::{Created, NoContent};
use crate::services::members::{self, Added, parse_permissions};

/// The operations of this file.
pub struct MembersApi {
    /// What they work with.
    pub context: Context,
}

#[OpenApi(tag = "Tag::Members")]
impl MembersApi {
    /// List the members of an organisation
    #[oai(path = "/org/:org_id/members", method = "get", operation_id = "list_members")]
    async fn list_members(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        /// Most items on the page, 1 to 100.
        limit: Parameter<u32>,
        /// Items to skip.
        offset: Parameter<u32>,
        /// `full_name`, `email` or `created_at`; `-` in front sorts downwards.
        sort: Parameter<String>,
        /// Text to search for in name and e-mail address.
        q: Parameter<String>,
    ) -> Result<Json<Page<MemberView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let list = ListParameters {
            limit,
            offset,
            sort,
            q,
        };
        let query = list.read("full_name", rows::SORTABLE)?;
        let page = members::list(&self.context, &access, &query).await?;
        Ok(Json(Page::of(page, &query, MemberView::from)))
    }

    /// Add somebody by e-mail address
    ///
    /// An account with this address is added at once; otherwise an invitation is made, whose token is
    /// answered this once.
    #[oai(path = "/org/:org_id/members", method = "post", operation_id = "add_member")]
    async fn add_member(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        body: Body<MemberAdd>,
    ) -> Result<Created<MemberAdded>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require_admin()?;
        let MemberAdd {
            email,
            role,
            permissions,
        } = body.0;
        let mut fields = Fields::default();
        let email = fields.parse::<EmailAddress>("email", &email);
        let role = fields.parse_optional::<Role>("role", role.as_deref());
        let permissions = match permissions {
            Some(granted) => parse_permissions(&mut fields, &granted),
            None => Some(Permissions::default()),
        };
        let (Some(email), Some(role), Some(permissions)) = (email, role, permissions) else {
            return Err(fields.into_error());
        };
        let rights = Rights {
            role: role.unwrap_or(Role::Member),
            permissions,
        };
        let base = format!("/org/{}/members", access.org_id);
        Ok(
            match members::add(&self.context, &access, &email, &rights).await? {
                Added::Member(member) => {
                    let member = MemberView::from(*member);
                    let path = format!("{base}/{}", member.user_id);
                    Created::at(
                        path,
                        MemberAdded {
                            member: Some(member),
                            invitation: None,
                            invitation_token: None,
                        },
                    )
                }
                Added::Invited(invitation, token) => Created::at(
                    format!("{base}/invitations"),
                    MemberAdded {
                        member: None,
                        invitation: Some((*invitation).into()),
                        invitation_token: Some(token.expose_secret().to_owned()),
                    },
                ),
            },
        )
    }

    /// Read a member
    #[oai(
        path = "/org/:org_id/members/:user_id",
        method = "get",
        operation_id = "read_member"
    )]
    async fn read_member(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        user_id: Path<String>,
    ) -> Result<Json<MemberView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let user = parse_user(&user_id)?;
        Ok(Json(members::read(&self.context, &access, &user).await?.into()))
    }

    /// Change a member's role or permissions
    ///
    /// Takes effect at once. The last admin stays.
    #[oai(
        path = "/org/:org_id/members/:user_id",
        method = "put",
        operation_id = "update_member"
    )]
    async fn update_member(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        user_id: Path<String>,
        body: Body<MemberUpdate>,
    ) -> Result<Json<MemberView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require_admin()?;
        let user = parse_user(&user_id)?;
        let MemberUpdate { role, permissions } = body.0;
        let mut fields = Fields::default();
        let role = fields.parse_optional::<Role>("role", role.as_deref());
        let permissions = match permissions {
            Some(granted) => parse_permissions(&mut fields, &granted).map(Some),
            None => Some(None),
        };
        let (Some(role), Some(permissions)) = (role, permissions) else {
            return Err(fields.into_error());
        };
        Ok(Json(
            members::update(&self.context, &access, &user, role, permissions)
                .await?
                .into(),
        ))
    }

    /// Remove a member, or leave
    ///
    /// An admin can remove anybody, everybody can leave. The last admin stays.
    #[oai(
        path = "/org/:org_id/members/:user_id",
        method = "delete",
        operation_id = "remove_member"
    )]
    async fn remove_member(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        user_id: Path<String>,
    ) -> Result<NoContent, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let user = parse_user(&user_id)?;
        members::remove(&self.context, &access, &user).await?;
        Ok(NoContent::Done)
    }

    /// List the open invitations
    #[oai(
        path = "/org/:org_id/members/invitations",
        method = "get",
        operation_id = "list_invitations"
    )]
    async fn list_invitations(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        /// Most items on the page, 1 to 100.
        limit: Parameter<u32>,
        /// Items to skip.
        offset: Parameter<u32>,
        /// `email`, `created_at` or `expires_at`; `-` in front sorts downwards.
        sort: Parameter<String>,
        /// Text to search for in the e-mail address.
        q: Parameter<String>,
    ) -> Result<Json<Page<InvitationView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require_admin()?;
        let list = ListParameters {
            limit,
            offset,
            sort,
            q,
        };
        let query = list.read("email", invitations::SORTABLE)?;
        let page = members::list_invitations(&self.context, &access, &query).await?;
        Ok(Json(Page::of(page, &query, InvitationView::from)))
    }

    /// Withdraw an invitation
    #[oai(
        path = "/org/:org_id/members/invitations/:invitation_id",
        method = "delete",
        operation_id = "withdraw_invitation"
    )]
    async fn withdraw_invitation(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        invitation_id: Path<String>,
    ) -> Result<NoContent, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require_admin()?;
        members::withdraw_invitation(&self.context, &access, &invitation_id).await?;
        Ok(NoContent::Done)
    }
}

fn parse_user(text: &str) -> Result<UserId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found())
}
