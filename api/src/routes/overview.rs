//! The fleet at a glance.

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::Tag;
use crate::access::Bearer;
use crate::context::Context;
use crate::dto::overview::Overview;
use crate::error::ApiError;
use crate::services::overview;

/// The operation of this file.
pub struct OverviewApi {
    /// What it works with.
    pub context: Context,
}

#[OpenApi(tag = "Tag::Organisations")]
impl OverviewApi {
    /// Show the fleet at a glance
    ///
    /// Counts, nodes with their room, recent failures with their cause, waiting tasks, living workers.
    #[oai(
        path = "/org/:org_id/overview",
        method = "get",
        operation_id = "read_overview"
    )]
    async fn read_overview(&self, caller: Bearer, org_id: Path<String>) -> Result<Json<Overview>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        Ok(Json(overview::read(&self.context, &access).await?))
    }
}
