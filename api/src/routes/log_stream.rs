//! An instance's log while it is written.

use chrono::SecondsFormat;
use domain::logs::LogBatch;
use domain::permissions::Permission;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use poem::Request;
use poem::web::sse::Event;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::EventStream;
use poem_openapi::types::ToJSON as _;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Tag;
use super::stream::{KEEP_ALIVE, token_of};
use crate::access::Bearer;
use crate::context::Context;
use crate::dto::words::LogEnd;
use crate::error::ApiError;
use crate::services::instance_history::{self, LogBeginning};
use crate::services::instances::Names;

/// The operation of this file.
pub struct LogStreamApi {
    /// What it works with.
    pub context: Context,
}

/// Some lines, or the end.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct LogEvent {
    /// `lines` or `end`; nothing comes after an end.
    event: String,
    /// Whole lines, in the order in which they were written.
    lines: Vec<String>,
    /// How many lines at least were left out after these, because there were too many at once.
    skipped: u32,
    /// Send the last one as `Last-Event-ID` to go on after these lines.
    id: Option<String>,
    /// Of an end: why no more lines come.
    reason: Option<LogEnd>,
}

/// 200 with lines until the client leaves or the log ends.
#[derive(ApiResponse)]
enum LogEvents {
    /// Events, one JSON object each.
    #[oai(status = 200)]
    Open(EventStream<BoxStream<'static, LogEvent>>),
}

#[OpenApi(tag = "Tag::Instances")]
impl LogStreamApi {
    /// Follow an instance's log
    ///
    /// A worker follows it on the engine for as long as the connection is open.
    #[oai(
        path = "/org/:org_id/runners/:runner_id/instance/:instance_id/logs/stream",
        method = "get",
        operation_id = "stream_instance_logs"
    )]
    #[expect(clippy::too_many_arguments, reason = "one per parameter")]
    async fn stream_instance_logs(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        runner_id: Path<String>,
        instance_id: Path<String>,
        /// How many earlier lines come first, 1 to 5000; 500 unless given.
        tail: Query<Option<u32>>,
        /// The id of the last event that was received: only later lines come then.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        request: &Request,
    ) -> Result<LogEvents, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        access.require(Permission::ViewLogs)?;
        let names = Names {
            runner: &runner_id,
            instance: &instance_id,
        };
        let token = token_of(request).to_owned();
        let beginning = LogBeginning {
            tail: tail.0,
            after: last_event_id.0.as_deref(),
        };
        let batches = instance_history::follow_logs(&self.context, &access, names, beginning, token).await?;
        let events = EventStream::new(batches.map(event_of).boxed()).keep_alive(KEEP_ALIVE);
        Ok(LogEvents::Open(events.to_event(|event| {
            let message = Event::message(event.to_json_string()).event_type(event.event.clone());
            match &event.id {
                Some(id) => message.id(id.clone()),
                None => message,
            }
        })))
    }
}

fn event_of(batch: LogBatch) -> LogEvent {
    let LogBatch {
        lines,
        skipped,
        last,
        end,
    } = batch;
    LogEvent {
        event: if end.is_some() { "end" } else { "lines" }.to_owned(),
        lines,
        skipped: u32::try_from(skipped).unwrap_or(u32::MAX),
        id: last.map(|last| last.to_rfc3339_opts(SecondsFormat::Nanos, true)),
        reason: end.map(LogEnd::from),
    }
}
