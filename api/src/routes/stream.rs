//! Changes as they happen.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use poem::Request;
use poem::http::header;
use poem::web::sse::Event;
use poem_openapi::param::{Header, Path};
use poem_openapi::payload::EventStream;
use poem_openapi::types::{Any, ToJSON as _};
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Tag;
use crate::access::Bearer;
use crate::context::Context;
use crate::error::ApiError;
use crate::stream::{self, News};

/// Comments in between keep proxies from closing the connection.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The operations of this file.
pub struct StreamApi {
    /// What they work with.
    pub context: Context,
}

/// One event.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct StreamEvent {
    /// Send the last one as `Last-Event-ID` to go on after it.
    id: String,
    /// `ready`, `change`, `stalled` (nothing can be told for now; `resync` comes when that is over) or `resync`
    /// (something may have been missed: read everything again).
    event: String,
    /// What changed: `kind` with the ids concerned.
    change: Option<Any<serde_json::Value>>,
}

/// 200 with events until the client leaves.
#[derive(ApiResponse)]
enum Events {
    /// Events, one JSON object each.
    #[oai(status = 200)]
    Open(EventStream<BoxStream<'static, StreamEvent>>),
}

#[OpenApi(tag = "Tag::Stream")]
impl StreamApi {
    /// Follow the changes of an organisation
    ///
    /// Events are hints: read what they name. The stream ends when the access token is no longer good;
    /// connect again with a new one and the last event's id.
    #[oai(path = "/org/:org_id/stream", method = "get", operation_id = "stream_changes")]
    async fn stream_changes(
        &self,
        caller: Bearer,
        org_id: Path<String>,
        /// The id of the last event that was received.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        request: &Request,
    ) -> Result<Events, ApiError> {
        let access = self.context.org_access(&caller, &org_id).await?;
        let last = last_event_id.0.as_deref();
        let news = stream::open(
            &self.context,
            token_of(request).to_owned(),
            access.org_id,
            access.caller.id,
            last,
        )
        .await?;
        let events = EventStream::new(news.map(event_of).boxed()).keep_alive(KEEP_ALIVE);
        Ok(Events::Open(events.to_event(|event| {
            Event::message(event.to_json_string())
                .id(event.id.clone())
                .event_type(event.event.clone())
        })))
    }
}

/// The access token that a request was let in with; looked at again while its answer goes on.
pub fn token_of(request: &Request) -> &str {
    let header = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    header
        .and_then(|value| value.split_once(' '))
        .map_or("", |(_, token)| token.trim())
}

fn event_of(news: News) -> StreamEvent {
    let (event, id, change) = match news {
        News::Ready(id) => ("ready", id, None),
        News::Stalled(id) => ("stalled", id, None),
        News::Resync(id) => ("resync", id, None),
        News::Changed(id, change) => ("change", id, Some(Any(change))),
    };
    StreamEvent {
        id,
        event: event.to_owned(),
        change,
    }
}
