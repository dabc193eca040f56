//! Runners.

use domain::permissions::Permission;
use entities::repo::runners::RunnerQuery;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::Tag;
use crate::access::Bearer;
use crate::context::Context;
use crate::dto::runner::{RunnerCreate, RunnerUpdate};
use crate::dto::runner_actions::{RunnerClone, RunnerStatusPatch, SampleJobView};
use crate::dto::runner_view::RunnerView;
use crate::dto::words::RunnerStatus;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::page::{ListParameters, Page};
use crate::payload::{Body, Parameter};
use crate::reply::{Accepted, Created, NoContent};
use crate::services::{runners, sample_job};

const SORTABLE: &[&str] = &["name", "status", "github_repo", "created_at", "updated_at"];

/// The operations on runners.
pub struct RunnersApi {
    /// What the operations work with.
    pub context: Context,
}

#[OpenApi(tag = "Tag::Runners")]
impl RunnersApi {
    /// Create a runner
    ///
    /// It is registered by a credential or by a token of its own, which is never shown again.
    #[oai(
        path = "/org/:org_id/runners",
        method = "post",
        operation_id = "create_runner"
    )]
    async fn create_runner(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        body: Body<RunnerCreate>,
    ) -> Result<Created<RunnerView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::CreateRunner)?;
        let runner = runners::create(&self.context, &access, body.0.into()).await?;
        Ok(Created::at(
            format!("/org/{}/runners/{}", access.org_id, runner.uid),
            runner,
        ))
    }

    /// List runners
    #[oai(path = "/org/:org_id/runners", method = "get", operation_id = "list_runners")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list_runners(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        /// The most items on a page, 1 to 100; 50 unless given.
        limit: Parameter<u32>,
        /// How many items to skip.
        offset: Parameter<u32>,
        /// A column, with `-` in front to sort downwards.
        sort: Parameter<String>,
        /// Part of a name, a repository or an image.
        q: Parameter<String>,
        /// Only with this status.
        status: Parameter<RunnerStatus>,
    ) -> Result<Json<Page<RunnerView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let mut fields = Fields::default();
        let list = ListParameters {
            limit,
            offset,
            sort,
            q,
        };
        let list = list.take(&mut fields, "name", SORTABLE);
        let status = status.take(&mut fields).map(Into::into);
        let query = RunnerQuery {
            list: fields.finish_with(list)?,
            status,
        };
        Ok(Json(runners::list(&self.context, &access, &query).await?))
    }

    /// Read a runner
    #[oai(
        path = "/org/:org_id/runners/:runner_id",
        method = "get",
        operation_id = "read_runner"
    )]
    async fn read_runner(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
    ) -> Result<Json<RunnerView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        Ok(Json(runners::read(&self.context, &access, &runner_id).await?))
    }

    /// Change a runner
    ///
    /// What is absent stays as it is. Instances that exist are not changed.
    #[oai(
        path = "/org/:org_id/runners/:runner_id",
        method = "put",
        operation_id = "update_runner"
    )]
    async fn update_runner(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        body: Body<RunnerUpdate>,
    ) -> Result<Json<RunnerView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::UpdateRunner)?;
        Ok(Json(
            runners::update(&self.context, &access, &runner_id, body.0).await?,
        ))
    }

    /// Delete a runner
    ///
    /// Its instances drain: a job that runs is waited for.
    #[oai(
        path = "/org/:org_id/runners/:runner_id",
        method = "delete",
        operation_id = "delete_runner"
    )]
    async fn delete_runner(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
    ) -> Result<NoContent, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::DeleteRunner)?;
        runners::delete(&self.context, &access, &runner_id).await?;
        Ok(NoContent::Done)
    }

    /// Set a runner's status
    #[oai(
        path = "/org/:org_id/runners/:runner_id/status",
        method = "patch",
        operation_id = "set_runner_status"
    )]
    async fn set_runner_status(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        body: Body<RunnerStatusPatch>,
    ) -> Result<Json<RunnerView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::UpdateRunner)?;
        let status = body.0.status.into();
        Ok(Json(
            runners::set_status(&self.context, &access, &runner_id, status).await?,
        ))
    }

    /// Clone a runner
    ///
    /// The copy has everything but the instances.
    #[oai(
        path = "/org/:org_id/runners/:runner_id/clone",
        method = "post",
        operation_id = "clone_runner"
    )]
    async fn clone_runner(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        body: Body<RunnerClone>,
    ) -> Result<Created<RunnerView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::CreateRunner)?;
        let name = body.0.parse()?;
        let runner = runners::clone(&self.context, &access, &runner_id, name).await?;
        Ok(Created::at(
            format!("/org/{}/runners/{}", access.org_id, runner.uid),
            runner,
        ))
    }

    /// Run a sample job
    ///
    /// Only where this installation has a sandbox and the runner is registered there: queues a job of ten
    /// seconds that the first idle instance with the runner's labels takes.
    #[oai(
        path = "/org/:org_id/runners/:runner_id/sample-job",
        method = "post",
        operation_id = "run_sample_job"
    )]
    async fn run_sample_job(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
    ) -> Result<Accepted<SampleJobView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::CreateInstance)?;
        let job = sample_job::run(&self.context, &access, &runner_id).await?;
        Ok(Accepted::Accepted(Json(job)))
    }
}
