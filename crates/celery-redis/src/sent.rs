//! The event `task-sent`, which a client tells of each call it sends if it was asked to.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::{
    clock,
    draft::{Draft, ORIGIN},
    envelope, json,
};

/// The routing key of these events.
pub(crate) const ROUTING_KEY: &str = "task.sent";

/// The event of one call, as it is published; `counted` is the client's clock.
pub(crate) fn sent_event(draft: &Draft, counted: &AtomicU64) -> String {
    let event = json!({
        "type": "task-sent", "uuid": draft.id, "hostname": *ORIGIN, "pid": std::process::id(),
        "utcoffset": clock::hours_west_of_utc(), "timestamp": clock::epoch(),
        "clock": counted.fetch_add(1, Ordering::Relaxed) + 1,
        "root_id": draft.root_id.as_ref().unwrap_or(&draft.id), "parent_id": draft.parent_id,
        "name": shown_name(draft), "args": json::repr_args(&draft.args), "kwargs": json::repr_kwargs(&draft.kwargs),
        "retries": 0, "eta": draft.eta, "expires": draft.expires.map(clock::iso),
        "queue": draft.queue(), "exchange": draft.exchange, "routing_key": draft.routing_key(),
    });
    envelope::wrap(
        &event.to_string(),
        &json!({"hostname": *ORIGIN}),
        "celeryev",
        ROUTING_KEY,
    )
}

fn shown_name(draft: &Draft) -> Value {
    json!(draft.shadow.as_ref().unwrap_or(&draft.task))
}
