//! Organisations and their audit log.

use domain::org::{DisplayName, OrgType};
use entities::repo::{audit, members, orgs as rows};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::Tag;
use crate::access::Bearer;
use crate::context::Context;
use crate::dto::orgs::{AuditView, OrgCreate, OrgUpdate, OrgView, admin};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::page::{ListParameters, Page};
use crate::payload::{Body, Parameter};
use crate::reply::Created;
use crate::services::orgs;

/// The operations of this file.
pub struct OrgsApi {
    /// What they work with.
    pub context: Context,
}

#[OpenApi]
impl OrgsApi {
    /// Make an organisation
    ///
    /// The caller becomes its admin.
    #[oai(
        path = "/org",
        method = "post",
        operation_id = "create_org",
        tag = "Tag::Organisations"
    )]
    async fn create_org(&self, caller: Bearer, body: Body<OrgCreate>) -> Result<Created<OrgView>, ApiError> {
        let OrgCreate { name, org_type } = body.0;
        let mut fields = Fields::default();
        let name = fields.parse::<DisplayName>("name", &name);
        let kind = fields.parse_optional::<OrgType>("org_type", org_type.as_deref());
        let (Some(name), Some(kind)) = (name, kind) else {
            return Err(fields.into_error());
        };
        let kind = kind.unwrap_or(OrgType::Organization);
        let org = orgs::create(&self.context, &caller.0, &name, kind).await?;
        Ok(Created::at(
            format!("/org/{}", org.uid),
            OrgView::of(org, &admin()),
        ))
    }

    /// List the caller's organisations
    #[oai(
        path = "/org",
        method = "get",
        operation_id = "list_orgs",
        tag = "Tag::Organisations"
    )]
    async fn list_orgs(
        &self,
        caller: Bearer,
        /// Most items on the page, 1 to 100.
        limit: Parameter<u32>,
        /// Items to skip.
        offset: Parameter<u32>,
        /// `name`, `created_at` or `org_type`; `-` in front sorts downwards.
        sort: Parameter<String>,
        /// Text to search for in the name.
        q: Parameter<String>,
    ) -> Result<Json<Page<OrgView>>, ApiError> {
        let list = ListParameters {
            limit,
            offset,
            sort,
            q,
        };
        let query = list.read("name", rows::SORTABLE)?;
        let page = orgs::list(&self.context, &caller.0, &query).await?;
        let rights = members::of_user(&self.context.db, &caller.0.id).await?;
        let rights_in = |uid: &str| {
            rights
                .iter()
                .find(|(org, _)| org.uid == uid)
                .map(|(_, rights)| rights.clone())
        };
        let member = || domain::permissions::Rights {
            role: domain::permissions::Role::Member,
            permissions: domain::permissions::Permissions::default(),
        };
        Ok(Json(Page::of(page, &query, |org| {
            let rights = rights_in(&org.uid).unwrap_or_else(member);
            OrgView::of(org, &rights)
        })))
    }

    /// Read an organisation
    #[oai(
        path = "/org/:org_id",
        method = "get",
        operation_id = "read_org",
        tag = "Tag::Organisations"
    )]
    async fn read_org(&self, caller: Bearer, org_id: Path<String>) -> Result<Json<OrgView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let org = orgs::read(&self.context, &access).await?;
        Ok(Json(OrgView::of(org, &access.rights)))
    }

    /// Change an organisation
    #[oai(
        path = "/org/:org_id",
        method = "put",
        operation_id = "update_org",
        tag = "Tag::Organisations"
    )]
    async fn update_org(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        body: Body<OrgUpdate>,
    ) -> Result<Json<OrgView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require_admin()?;
        let OrgUpdate { name, org_type } = body.0;
        let mut fields = Fields::default();
        let name = fields.parse::<DisplayName>("name", &name);
        let kind = fields.parse_optional::<OrgType>("org_type", org_type.as_deref());
        let (Some(name), Some(kind)) = (name, kind) else {
            return Err(fields.into_error());
        };
        let org = orgs::update(&self.context, &access, &name, kind).await?;
        Ok(Json(OrgView::of(org, &access.rights)))
    }

    /// List the audit log of an organisation
    #[oai(
        path = "/org/:org_id/audit",
        method = "get",
        operation_id = "list_audit",
        tag = "Tag::Audit"
    )]
    async fn list_audit(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        /// Most items on the page, 1 to 100.
        limit: Parameter<u32>,
        /// Items to skip.
        offset: Parameter<u32>,
        /// `created_at` (the default is `-created_at`), `action` or `actor`; `-` in front sorts downwards.
        sort: Parameter<String>,
        /// Text to search for in actor, action and target.
        q: Parameter<String>,
    ) -> Result<Json<Page<AuditView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require_admin()?;
        let list = ListParameters {
            limit,
            offset,
            sort,
            q,
        };
        let query = list.read("-created_at", audit::SORTABLE)?;
        let page = orgs::list_audit(&self.context, &access, &query).await?;
        Ok(Json(Page::of(page, &query, AuditView::from)))
    }
}
