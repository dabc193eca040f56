//! GitHub credentials.

use domain::permissions::Permission;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::Tag;
use crate::access::Bearer;
use crate::context::Context;
use crate::dto::credential::{CredentialCreate, CredentialUpdate, CredentialView};
use crate::error::ApiError;
use crate::page::{ListParameters, Page};
use crate::payload::{Body, Parameter};
use crate::reply::{Created, NoContent};
use crate::services::credentials;

const SORTABLE: &[&str] = &["name", "created_at"];

/// The operations on credentials.
pub struct CredentialsApi {
    /// What the operations work with.
    pub context: Context,
}

#[OpenApi(tag = "Tag::Credentials")]
impl CredentialsApi {
    /// Add a credential
    ///
    /// The secret is stored sealed and never shown again. A token that GitHub refuses is refused here.
    #[oai(
        path = "/org/:org_id/credentials",
        method = "post",
        operation_id = "create_credential"
    )]
    async fn create_credential(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        body: Body<CredentialCreate>,
    ) -> Result<Created<CredentialView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::CreateCredential)?;
        let credential = credentials::create(&self.context, &access, body.0.into()).await?;
        Ok(Created::at(
            format!("/org/{}/credentials/{}", access.org_id, credential.uid),
            credential,
        ))
    }

    /// List credentials
    #[oai(
        path = "/org/:org_id/credentials",
        method = "get",
        operation_id = "list_credentials"
    )]
    async fn list_credentials(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        /// The most items on a page, 1 to 100; 50 unless given.
        limit: Parameter<u32>,
        /// How many items to skip.
        offset: Parameter<u32>,
        /// A column, with `-` in front to sort downwards.
        sort: Parameter<String>,
        /// Part of a name or an address.
        q: Parameter<String>,
    ) -> Result<Json<Page<CredentialView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let list = ListParameters {
            limit,
            offset,
            sort,
            q,
        };
        let query = list.read("name", SORTABLE)?;
        Ok(Json(credentials::list(&self.context, &access, &query).await?))
    }

    /// Read a credential
    #[oai(
        path = "/org/:org_id/credentials/:credential_id",
        method = "get",
        operation_id = "read_credential"
    )]
    async fn read_credential(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        credential_id: Path<String>,
    ) -> Result<Json<CredentialView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        Ok(Json(
            credentials::read(&self.context, &access, &credential_id).await?,
        ))
    }

    /// Change a credential
    ///
    /// What is absent stays as it is; a change of `api_url` needs the secret again.
    #[oai(
        path = "/org/:org_id/credentials/:credential_id",
        method = "put",
        operation_id = "update_credential"
    )]
    async fn update_credential(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        credential_id: Path<String>,
        body: Body<CredentialUpdate>,
    ) -> Result<Json<CredentialView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::UpdateCredential)?;
        Ok(Json(
            credentials::update(&self.context, &access, &credential_id, body.0).await?,
        ))
    }

    /// Remove a credential
    ///
    /// Refused while runners use it.
    #[oai(
        path = "/org/:org_id/credentials/:credential_id",
        method = "delete",
        operation_id = "delete_credential"
    )]
    async fn delete_credential(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        credential_id: Path<String>,
    ) -> Result<NoContent, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::DeleteCredential)?;
        credentials::delete(&self.context, &access, &credential_id).await?;
        Ok(NoContent::Done)
    }
}
