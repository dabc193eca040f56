//! What the instances of a runner or a node did together: usage, timeline.

use chrono::{DateTime, TimeDelta, Utc};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;

use super::Tag;
use super::instance_history::SORTABLE_EVENTS;
use crate::access::Bearer;
use crate::context::Context;
use crate::dto::timeline::SharedEventView;
use crate::dto::usage::{SharedMetricsView, parse_range};
use crate::dto::words::EventKind;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::page::{ListParameters, Page};
use crate::payload::Parameter;
use crate::services::shared_history::{self, Owner, Wanted};

/// How far timelines go back when the request does not say, and at most.
const DAYS_OF_EVENTS: i64 = 30;
const MOST_DAYS: i64 = 366;

/// The operations on the pasts of runners and nodes.
pub struct SharedHistoryApi {
    /// What the operations work with.
    pub context: Context,
}

impl SharedHistoryApi {
    fn wanted(
        &self,
        list: ListParameters,
        from: Parameter<DateTime<Utc>>,
        kind: Parameter<EventKind>,
    ) -> Result<Wanted, ApiError> {
        let (mut fields, now) = (Fields::default(), self.context.now());
        let query = list.take(&mut fields, "-created_at", SORTABLE_EVENTS);
        let from = from
            .take(&mut fields)
            .unwrap_or(now - TimeDelta::days(DAYS_OF_EVENTS));
        if now - from > TimeDelta::days(MOST_DAYS) {
            fields.refuse("from", "must be at most 366 days ago");
        }
        let kind = kind.take(&mut fields);
        let query = fields.finish_with(query)?;
        Ok(Wanted { from, kind, query })
    }
}

#[OpenApi]
impl SharedHistoryApi {
    /// Read the usage of a runner's instances over time
    ///
    /// The mean of all its instances, those that were removed since too.
    #[oai(
        path = "/org/:org_id/runners/:runner_id/metrics",
        method = "get",
        operation_id = "read_runner_metrics",
        tag = "Tag::Runners"
    )]
    async fn read_runner_metrics(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        /// Where the range begins; an hour before `to` unless given.
        from: Parameter<DateTime<Utc>>,
        /// Where the range ends; now unless given.
        to: Parameter<DateTime<Utc>>,
        /// The most points, 1 to 1000; 120 unless given.
        points: Parameter<u32>,
    ) -> Result<Json<SharedMetricsView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let range = parse_range(from, to, points, self.context.now())?;
        let owner = Owner::runner(&self.context, &access, &runner_id).await?;
        Ok(Json(
            shared_history::read_metrics(&self.context, &access, &owner, range).await?,
        ))
    }

    /// List the timeline of a runner's instances
    ///
    /// Of all its instances together, those that were removed since too.
    #[oai(
        path = "/org/:org_id/runners/:runner_id/events",
        method = "get",
        operation_id = "list_runner_events",
        tag = "Tag::Runners"
    )]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list_runner_events(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
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
        /// None from before this; 30 days ago unless given.
        from: Parameter<DateTime<Utc>>,
    ) -> Result<Json<Page<SharedEventView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let list = ListParameters {
            limit,
            offset,
            sort,
            q,
        };
        let wanted = self.wanted(list, from, kind)?;
        let owner = Owner::runner(&self.context, &access, &runner_id).await?;
        Ok(Json(
            shared_history::list_events(&self.context, &access, &owner, &wanted).await?,
        ))
    }

    /// Read the usage of a node's instances over time
    ///
    /// The mean of all its instances, those that were removed since too.
    #[oai(
        path = "/org/:org_id/nodes/:node_id/metrics",
        method = "get",
        operation_id = "read_node_metrics",
        tag = "Tag::Nodes"
    )]
    async fn read_node_metrics(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        node_id: Path<String>,
        /// Where the range begins; an hour before `to` unless given.
        from: Parameter<DateTime<Utc>>,
        /// Where the range ends; now unless given.
        to: Parameter<DateTime<Utc>>,
        /// The most points, 1 to 1000; 120 unless given.
        points: Parameter<u32>,
    ) -> Result<Json<SharedMetricsView>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let range = parse_range(from, to, points, self.context.now())?;
        let owner = Owner::node(&self.context, &access, &node_id).await?;
        Ok(Json(
            shared_history::read_metrics(&self.context, &access, &owner, range).await?,
        ))
    }

    /// List the timeline of a node's instances
    ///
    /// Of all its instances together, those that were removed since too.
    #[oai(
        path = "/org/:org_id/nodes/:node_id/events",
        method = "get",
        operation_id = "list_node_events",
        tag = "Tag::Nodes"
    )]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list_node_events(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        node_id: Path<String>,
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
        /// None from before this; 30 days ago unless given.
        from: Parameter<DateTime<Utc>>,
    ) -> Result<Json<Page<SharedEventView>>, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let list = ListParameters {
            limit,
            offset,
            sort,
            q,
        };
        let wanted = self.wanted(list, from, kind)?;
        let owner = Owner::node(&self.context, &access, &node_id).await?;
        Ok(Json(
            shared_history::list_events(&self.context, &access, &owner, &wanted).await?,
        ))
    }
}
