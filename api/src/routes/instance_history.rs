//! What an instance did: usage, timeline, log.

use chrono::{DateTime, Utc};
use domain::permissions::Permission;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::Tag;
use crate::access::Bearer;
use crate::context::Context;
use crate::dto::instance::LogView;
use crate::dto::timeline::EventView;
use crate::dto::usage::{MetricsView, parse_range};
use crate::dto::words::EventKind;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::page::{ListParameters, Page};
use crate::payload::Parameter;
use crate::services::instance_history;
use crate::services::instances::Names;

/// What timelines can be sorted by.
pub(super) const SORTABLE_EVENTS: &[&str] = &["created_at"];

/// The operations on instances' pasts.
pub struct InstanceHistoryApi {
    /// What the operations work with.
    pub context: Context,
}

#[OpenApi(tag = "Tag::Instances")]
impl InstanceHistoryApi {
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
        from: Parameter<DateTime<Utc>>,
        /// Where the range ends; now unless given.
        to: Parameter<DateTime<Utc>>,
        /// The most points, 1 to 1000; 120 unless given.
        points: Parameter<u32>,
    ) -> Result<Json<MetricsView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let range = parse_range(from, to, points, self.context.now())?;
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
        limit: Parameter<u32>,
        /// How many items to skip.
        offset: Parameter<u32>,
        /// A column, with `-` in front to sort downwards; latest first unless given.
        sort: Parameter<String>,
        /// Part of a message.
        q: Parameter<String>,
        /// Only of this kind.
        kind: Parameter<EventKind>,
    ) -> Result<Json<Page<EventView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let mut fields = Fields::default();
        let list = ListParameters {
            limit,
            offset,
            sort,
            q,
        };
        let list = list.take(&mut fields, "-created_at", SORTABLE_EVENTS);
        let kind = kind.take(&mut fields).map(EventKind::as_str);
        let query = fields.finish_with(list)?;
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        Ok(Json(
            instance_history::list_events(&self.context, &access, names, kind, &query).await?,
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
        tail: Parameter<u32>,
    ) -> Result<Json<LogView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::ViewLogs)?;
        let mut fields = Fields::default();
        let tail = tail.take(&mut fields);
        fields.finish()?;
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        Ok(Json(
            instance_history::read_logs(&self.context, &access, names, tail).await?,
        ))
    }
}
