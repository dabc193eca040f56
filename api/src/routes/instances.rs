//! Instances of a runner.

use chrono::{DateTime, Utc};
use domain::permissions::Permission;
use entities::repo::instances::InstanceQuery;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::Tag;
use crate::access::{Bearer, OrgAccess};
use crate::context::Context;
use crate::dto::instance::{
    EventView, InstanceCreate, InstancePatch, InstanceUpdate, InstanceView, LogView, MetricsRange,
    MetricsView, parse_node_id,
};
use crate::dto::words::{InstanceState, InstanceStatus};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::page::{Page, list_query};
use crate::payload::{Body, OptionalBody};
use crate::reply::{Accepted, Created};
use crate::services::instance_actions::{self, Action};
use crate::services::instance_history;
use crate::services::instances::{self, Names};

const SORTABLE: &[&str] = &["created_at", "name", "state", "state_changed_at"];
const SORTABLE_EVENTS: &[&str] = &["created_at"];

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

    /// List instances
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
        limit: Query<Option<u32>>,
        /// How many items to skip.
        offset: Query<Option<u32>>,
        /// A column, with `-` in front to sort downwards.
        sort: Query<Option<String>>,
        /// Part of a name or a container's id.
        q: Query<Option<String>>,
        /// Only in this state.
        state: Query<Option<InstanceState>>,
        /// Only with this status.
        status: Query<Option<InstanceStatus>>,
        /// Only on this node.
        node_id: Query<Option<String>>,
    ) -> Result<Json<Page<InstanceView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let mut fields = Fields::default();
        let node = node_id
            .as_deref()
            .and_then(|id| fields.check("node_id", parse_node_id(id)));
        fields.finish()?;
        let query = InstanceQuery {
            list: list_query(limit.0, offset.0, sort.as_deref(), q.as_deref(), SORTABLE)?,
            state: state.0.map(Into::into),
            node,
        };
        let status = status.0.map(Into::into);
        Ok(Json(
            instances::list(&self.context, &access, &runner_id, &query, status).await?,
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

    /// Read an instance's usage over time
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance/:instance_id/metrics",
        method = "get",
        operation_id = "read_instance_metrics"
    )]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn read_instance_metrics(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        instance_id: Path<String>,
        /// Where the range begins; an hour before `to` unless given.
        from: Query<Option<DateTime<Utc>>>,
        /// Where the range ends; now unless given.
        to: Query<Option<DateTime<Utc>>>,
        /// The most points, 1 to 1000; 120 unless given.
        points: Query<Option<u32>>,
    ) -> Result<Json<MetricsView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let range = MetricsRange::parse(from.0, to.0, points.0, self.context.now())?;
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        Ok(Json(
            instance_history::read_metrics(&self.context, &access, names, range).await?,
        ))
    }

    /// List an instance's timeline
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance/:instance_id/events",
        method = "get",
        operation_id = "list_instance_events"
    )]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list_instance_events(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        instance_id: Path<String>,
        /// The most items on a page, 1 to 100; 50 unless given.
        limit: Query<Option<u32>>,
        /// How many items to skip.
        offset: Query<Option<u32>>,
        /// A column, with `-` in front to sort downwards; latest first unless given.
        sort: Query<Option<String>>,
        /// Part of a message.
        q: Query<Option<String>>,
        /// Only of this kind: `state`, `progress`, `warning` or `failure`.
        #[oai(validator(max_length = 32))]
        kind: Query<Option<String>>,
    ) -> Result<Json<Page<EventView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let sort = sort.as_deref().unwrap_or("-created_at");
        let query = list_query(limit.0, offset.0, Some(sort), q.as_deref(), SORTABLE_EVENTS)?;
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        Ok(Json(
            instance_history::list_events(&self.context, &access, names, kind.as_deref(), &query).await?,
        ))
    }

    /// Read the end of an instance's log
    ///
    /// A worker reads it from the engine; 504 when none answers within 10 s.
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance/:instance_id/logs",
        method = "get",
        operation_id = "read_instance_logs"
    )]
    async fn read_instance_logs(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        instance_id: Path<String>,
        /// How many lines, 1 to 5000; 500 unless given.
        tail: Query<Option<u32>>,
    ) -> Result<Json<LogView>, ApiError> {
        let access = self.access(&caller, &org_id, Permission::ViewLogs).await?;
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        Ok(Json(
            instance_history::read_logs(&self.context, &access, names, tail.0).await?,
        ))
    }
}
