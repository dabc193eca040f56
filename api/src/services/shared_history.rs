//! What is known of the past of a runner's or a node's instances together: usage, timeline.

use chrono::{DateTime, Utc};
use domain::ids::{NodeId, RunnerId};
use domain::permissions::Permission;
use domain::redis_keys::BEAT_SCHEDULE;
use domain::tasks::DISPATCH_METRICS;
use entities::repo::groups::Group;
use entities::repo::metrics::{self, Range};
use entities::repo::page::ListQuery;
use entities::repo::timeline::{self, Entries};

use crate::access::OrgAccess;
use crate::context::Context;
use crate::dto::timeline::SharedEventView;
use crate::dto::usage::{SharedMetricPoint, SharedMetricsView};
use crate::dto::words::EventKind;
use crate::error::{ApiError, chain};
use crate::page::Page;
use crate::services::instances::find_runner;
use crate::services::{nodes, schedules};

/// What a path names, once it was found in the caller's organisation.
#[derive(Debug, Clone)]
pub enum Owner {
    /// A runner.
    Runner(RunnerId),
    /// A node.
    Node(NodeId),
}

impl Owner {
    /// The runner that a path names.
    pub async fn runner(context: &Context, access: &OrgAccess, id: &str) -> Result<Self, ApiError> {
        Ok(Self::Runner(find_runner(context, access, id).await?.id()?))
    }

    /// The node that a path names.
    pub async fn node(context: &Context, access: &OrgAccess, id: &str) -> Result<Self, ApiError> {
        Ok(Self::Node(nodes::find(context, access, id).await?.id()?))
    }

    fn group(&self) -> Group<'_> {
        match self {
            Self::Runner(id) => Group::OfRunner(id),
            Self::Node(id) => Group::OnNode(id),
        }
    }
}

/// The usage over time of all its instances.
pub async fn read_metrics(
    context: &Context,
    access: &OrgAccess,
    owner: &Owner,
    range: Range,
) -> Result<SharedMetricsView, ApiError> {
    let points = metrics::list_shared_points(&context.db, &access.org_id, owner.group(), range).await?;
    let mut connection = context.redis.clone();
    let schedule: redis::RedisResult<Option<String>> = redis::cmd("GET")
        .arg(BEAT_SCHEDULE)
        .query_async(&mut connection)
        .await;
    let schedule = schedule.unwrap_or_else(|error| {
        tracing::warn!(error = %chain(&error), "Redis does not answer: how often is measured is left out");
        None
    });
    Ok(SharedMetricsView {
        from: range.from,
        to: range.to,
        interval_secs: schedule.and_then(|text| schedules::period_secs(&text, DISPATCH_METRICS)),
        stretch_secs: u32::try_from(range.stretch_secs()).unwrap_or(u32::MAX),
        points: points.into_iter().map(SharedMetricPoint::from).collect(),
    })
}

/// Which entries of a timeline are asked for.
#[derive(Debug)]
pub struct Wanted {
    /// None from before this.
    pub from: DateTime<Utc>,
    /// Only of this kind.
    pub kind: Option<EventKind>,
    /// Which part of them.
    pub query: ListQuery,
}

/// One page of the timeline of all its instances. Who may not read logs does not get those entries that quote one.
pub async fn list_events(
    context: &Context,
    access: &OrgAccess,
    owner: &Owner,
    wanted: &Wanted,
) -> Result<Page<SharedEventView>, ApiError> {
    let Wanted { from, kind, query } = wanted;
    let entries = Entries {
        kind: kind.map(EventKind::as_str),
        with_log: access.rights.allow(Permission::ViewLogs),
    };
    let (org, group) = (&access.org_id, owner.group());
    let page = timeline::list_shared(&context.db, org, group, *from, entries, query).await?;
    Ok(Page::of(page, query, SharedEventView::from))
}
