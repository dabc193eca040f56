//! Instances of a runner: made, read, directed.

use domain::permissions::Permission;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::{Tag, instance_lists};
use crate::access::{Bearer, OrgAccess};
use crate::context::Context;
use crate::dto::instance::{InstanceCreate, InstancePatch, InstanceUpdate, InstanceView};
use crate::dto::words::{InstanceState, InstanceStatus};
use crate::error::ApiError;
use crate::page::{ListParameters, Page};
use crate::payload::{Body, OptionalBody, Parameter};
use crate::reply::{Accepted, Created};
use crate::services::instance_actions::{self, Action};
use crate::services::instance_lists::list_of_runner;
use crate::services::instances::{self, Names};

/// The operations on instances.
pub struct InstancesApi {
    /// What the operations work with.
    pub context: Context,
}

impl InstancesApi {
    async fn act(
        &self,
        caller: &Bearer,
        org_id: &str,
        names: Names<'_>,
        action: Action,
    ) -> Result<Accepted<InstanceView>, ApiError> {
        let access = self.context.org_access(caller, org_id).await?;
        access.require(match action {
            Action::Start | Action::Stop | Action::Restart => Permission::UpdateInstance,
            Action::Remove => Permission::DeleteInstance,
        })?;
        let instance = instance_actions::act(&self.context, &access, names, action).await?;
        Ok(Accepted::Accepted(Json(instance)))
    }

    async fn access(
        &self,
        caller: &Bearer,
        org_id: &str,
        permission: Permission,
    ) -> Result<OrgAccess, ApiError> {
        let access = self.context.org_access(caller, org_id).await?;
        access.require(permission)?;
        Ok(access)
    }
}

#[OpenApi(tag = "Tag::Instances")]
impl InstancesApi {
    /// Create an instance
    ///
    /// Answers at once with the instance `pending`; a worker then registers and starts it.
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance",
        method = "post",
        operation_id = "create_instance"
    )]
    async fn create_instance(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        body: OptionalBody<InstanceCreate>,
    ) -> Result<Created<InstanceView>, ApiError> {
        let access = self.access(&caller, &org_id, Permission::CreateInstance).await?;
        let node = body.0.parse()?;
        let instance = instances::create(&self.context, &access, &runner_id, node.as_ref()).await?;
        let path = format!(
            "/org/{}/runners/{}/instance/{}",
            access.org_id, instance.runner_id, instance.uid
        );
        Ok(Created::at(path, instance))
    }

    /// List a runner's instances
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance",
        method = "get",
        operation_id = "list_instances"
    )]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list_instances(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        /// The most items on a page, 1 to 100; 50 unless given.
        limit: Parameter<u32>,
        /// How many items to skip.
        offset: Parameter<u32>,
        /// A column, with `-` in front to sort downwards.
        sort: Parameter<String>,
        /// Part of a name or a container's id.
        q: Parameter<String>,
        /// Only in this state.
        state: Parameter<InstanceState>,
        /// Only with this status.
        status: Parameter<InstanceStatus>,
        /// Only on this node.
        node_id: Parameter<String>,
    ) -> Result<Json<Page<InstanceView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let list = ListParameters {
            limit,
            offset,
            sort,
            q,
        };
        let (query, statuses) = instance_lists::parse(list, state.into(), status.into(), None, node_id)?;
        Ok(Json(
            list_of_runner(&self.context, &access, &runner_id, query, &statuses).await?,
        ))
    }

    /// Read an instance
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance/:instance_id",
        method = "get",
        operation_id = "read_instance"
    )]
    async fn read_instance(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        instance_id: Path<String>,
    ) -> Result<Json<InstanceView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        Ok(Json(instances::read(&self.context, &access, names).await?))
    }

    /// Change an instance
    ///
    /// Says what is wanted of it; nothing happens where it is wanted already.
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance/:instance_id",
        method = "put",
        operation_id = "update_instance"
    )]
    async fn update_instance(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        instance_id: Path<String>,
        body: Body<InstanceUpdate>,
    ) -> Result<Json<InstanceView>, ApiError> {
        let access = self.access(&caller, &org_id, Permission::UpdateInstance).await?;
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        let desired = body.0.desired_state.into();
        Ok(Json(
            instance_actions::want(&self.context, &access, names, desired).await?,
        ))
    }

    /// Report an instance's status
    ///
    /// As a reporter does: kept for five minutes.
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance/:instance_id",
        method = "patch",
        operation_id = "report_instance_status"
    )]
    async fn report_instance_status(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        instance_id: Path<String>,
        body: Body<InstancePatch>,
    ) -> Result<Json<InstanceView>, ApiError> {
        let access = self.access(&caller, &org_id, Permission::UpdateInstance).await?;
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        let status = body.0.status.into();
        Ok(Json(
            instances::report_status(&self.context, &access, names, status).await?,
        ))
    }

    /// Delete an instance
    ///
    /// It drains: a job that runs is waited for, then registration and container go.
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance/:instance_id",
        method = "delete",
        operation_id = "delete_instance"
    )]
    async fn delete_instance(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        instance_id: Path<String>,
    ) -> Result<Accepted<InstanceView>, ApiError> {
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        self.act(&caller, &org_id, names, Action::Remove).await
    }

    /// Start an instance
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance/:instance_id/start",
        method = "post",
        operation_id = "start_instance"
    )]
    async fn start_instance(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        instance_id: Path<String>,
    ) -> Result<Accepted<InstanceView>, ApiError> {
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        self.act(&caller, &org_id, names, Action::Start).await
    }

    /// Stop an instance
    ///
    /// A job that runs is waited for. The instance can be started again.
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance/:instance_id/stop",
        method = "post",
        operation_id = "stop_instance"
    )]
    async fn stop_instance(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        instance_id: Path<String>,
    ) -> Result<Accepted<InstanceView>, ApiError> {
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        self.act(&caller, &org_id, names, Action::Stop).await
    }

    /// Restart an instance
    ///
    /// A job that runs is waited for, then a new container takes the place of this one.
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance/:instance_id/restart",
        method = "post",
        operation_id = "restart_instance"
    )]
    async fn restart_instance(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        instance_id: Path<String>,
    ) -> Result<Accepted<InstanceView>, ApiError> {
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        self.act(&caller, &org_id, names, Action::Restart).await
    }
}
