//! Writes events and publishes them: whatever happened during one round trip goes into the next.

use std::sync::{Arc, atomic::AtomicU64};

use redis::{Pipeline, RedisError};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::{
    backoff::Backoff,
    clock, envelope, json,
    keys::Keys,
    link::Link,
    worker::{
        events::{Occurrence, What, forward},
        job::Job,
    },
};

/// Most events in one message, as in Celery.
const IN_ONE_MESSAGE: usize = 24;
/// Most events in one round trip.
const IN_ONE_CALL: usize = 20 * IN_ONE_MESSAGE;
/// Seconds after which a heartbeat that could not be sent tells nothing any more.
const STALE: f64 = 4.0;

/// Publishes what an `EventSink` takes.
pub(crate) struct Publisher {
    pub link: Link,
    pub keys: Keys,
    pub database: i64,
    pub hostname: String,
    pub clock: Arc<AtomicU64>,
    pub occurrences: mpsc::Receiver<Occurrence>,
}

impl Publisher {
    /// Runs until the sink is gone and everything is sent; without a server then, until it is gone.
    pub(crate) async fn run(mut self) {
        let mut batch = Vec::with_capacity(IN_ONE_CALL);
        while self.occurrences.recv_many(&mut batch, IN_ONE_CALL).await > 0 {
            let mut backoff = Backoff::new();
            while !batch.is_empty() {
                let Err(error) = self.send(&batch).await else {
                    batch.clear();
                    break;
                };
                if self.occurrences.is_closed() {
                    tracing::warn!(error = %error, lost = batch.len(), "the last events could not be sent");
                    return;
                }
                tracing::debug!(error = %error, waiting = batch.len(), "events wait for Redis");
                backoff.pause().await;
                let now = clock::epoch();
                batch.retain(|told| {
                    !matches!(told.what, What::Worker("heartbeat", _)) || now - told.at < STALE
                });
            }
        }
    }

    async fn send(&self, batch: &[Occurrence]) -> Result<(), RedisError> {
        let mut pipeline = redis::pipe();
        let mut together = Vec::new();
        for occurrence in batch {
            let event = self.event(occurrence);
            if let What::Worker(kind, _) = occurrence.what {
                self.publish_tasks(&mut pipeline, &mut together);
                self.publish(&mut pipeline, &format!("worker.{kind}"), &event.to_string());
            } else {
                together.push(event);
                if together.len() == IN_ONE_MESSAGE {
                    self.publish_tasks(&mut pipeline, &mut together);
                }
            }
        }
        self.publish_tasks(&mut pipeline, &mut together);
        self.link.query(&pipeline).await
    }

    fn publish_tasks(&self, pipeline: &mut Pipeline, together: &mut Vec<Value>) {
        if !together.is_empty() {
            let body = Value::Array(std::mem::take(together)).to_string();
            self.publish(pipeline, "task.multi", &body);
        }
    }

    fn publish(&self, pipeline: &mut Pipeline, routing_key: &str, body: &str) {
        let raw = envelope::wrap(body, &json!({"hostname": self.hostname}), "celeryev", routing_key);
        pipeline
            .publish(self.keys.events(self.database, routing_key), raw)
            .ignore();
    }

    /// The event as Celery writes it. The clock is read here, where events are already in their order.
    fn event(&self, occurrence: &Occurrence) -> Value {
        let mut event = Map::new();
        let mut set = |name: &str, value: Value| drop(event.insert(name.to_owned(), value));
        set("hostname", json!(self.hostname));
        set("utcoffset", json!(clock::hours_west_of_utc()));
        set("pid", json!(std::process::id()));
        set("clock", json!(forward(&self.clock)));
        set("timestamp", json!(occurrence.at));
        let fields = match &occurrence.what {
            What::Worker(kind, fields) => {
                set("type", json!(format!("worker-{kind}")));
                fields.clone()
            }
            What::Received(job) => {
                set("type", json!("task-received"));
                received(job)
            }
            What::Task(kind, id, fields) => {
                set("type", json!(format!("task-{kind}")));
                set("uuid", json!(id));
                fields.clone()
            }
        };
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        Value::Object(event)
    }
}

fn received(job: &Job) -> Value {
    let message = &job.message;
    json!({
        "uuid": message.id, "name": shown_name(job), "args": args_repr(job), "kwargs": kwargs_repr(job),
        "root_id": message.root_id, "parent_id": message.parent_id, "retries": message.retries,
        "eta": message.eta.map(clock::iso), "expires": message.expires.map(clock::iso),
    })
}

/// The name that a call is shown under: its `shadow`, else its task.
pub(super) fn shown_name(job: &Job) -> &str {
    let shadow = job.headers().get("shadow").and_then(Value::as_str);
    shadow.unwrap_or(&job.message.task)
}

/// The arguments as the sender shows them, which may hide what is secret; else as Python would.
pub(super) fn args_repr(job: &Job) -> String {
    let given = job.headers().get("argsrepr").and_then(Value::as_str);
    given.map_or_else(|| json::repr_args(&job.message.args), str::to_owned)
}

/// The keyword arguments, likewise.
pub(super) fn kwargs_repr(job: &Job) -> String {
    let given = job.headers().get("kwargsrepr").and_then(Value::as_str);
    given.map_or_else(|| json::repr_kwargs(&job.message.kwargs), str::to_owned)
}
