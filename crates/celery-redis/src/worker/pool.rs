//! Changes to a running worker: how much it does at once, and where it takes from.

use std::time::Duration;

use futures::FutureExt;
use serde_json::{Map, Value};

use crate::{
    keys::{Keys, SEP},
    worker::{
        command::{Answer, ok},
        consumer::Consumer,
    },
};

/// The most tasks at once that remote control may ask for.
const MOST_AT_ONCE: usize = 100_000;

/// How long an answer waits until the fetcher takes from other queues.
const SWITCH: Duration = Duration::from_secs(5);

/// A queue to take from, and how messages get into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub queue: String,
    pub exchange: String,
    pub routing_key: String,
}

impl Source {
    /// A queue that is bound to its own name.
    pub(crate) fn plain(queue: &str) -> Self {
        Self {
            queue: queue.to_owned(),
            exchange: queue.to_owned(),
            routing_key: queue.to_owned(),
        }
    }

    /// Reads the arguments of `add_consumer`.
    pub(super) fn read(queue: &str, arguments: &Map<String, Value>) -> Result<Self, String> {
        let text = |name: &str| {
            let given = arguments.get(name).and_then(Value::as_str);
            given.filter(|text| !text.is_empty())
        };
        if let Some(kind) = text("exchange_type").filter(|kind| *kind != "direct") {
            return Err(format!(
                "ValueError('exchanges of type {kind} are not supported')"
            ));
        }
        if [Some(queue), text("exchange"), text("routing_key")]
            .into_iter()
            .flatten()
            .any(|name| name.contains(SEP))
        {
            return Err("ValueError('a name must not contain the separator of priorities')".to_owned());
        }
        Ok(Self {
            exchange: text("exchange").unwrap_or(queue).to_owned(),
            routing_key: text("routing_key").unwrap_or(queue).to_owned(),
            queue: queue.to_owned(),
        })
    }

    /// The binding sets to add to, and what.
    pub(super) fn bindings(&self, keys: &Keys) -> [(String, String); 2] {
        let member = format!("{}{SEP}{SEP}{}", self.routing_key, self.queue);
        [
            (keys.binding(&self.exchange), member.clone()),
            (keys.binding_permanent(&self.exchange), member),
        ]
    }
}

impl Consumer {
    /// Runs more tasks at once.
    pub(super) fn grow(&mut self, by: usize) -> Value {
        let by = by.min(MOST_AT_ONCE.saturating_sub(self.concurrency));
        self.concurrency += by;
        if self.prefetch > 0 {
            let more = by.saturating_mul(self.core.settings.prefetch_multiplier);
            self.prefetch += more;
            self.room.grow(more);
        }
        tracing::info!(concurrency = self.concurrency, "pool grown by remote control");
        ok("pool will grow")
    }

    /// Runs fewer tasks at once; what runs already ends in peace.
    pub(super) fn shrink(&mut self, by: usize) -> Result<Value, String> {
        if by >= self.concurrency {
            return Err("ValueError(\"Can't shrink pool. All processes busy!\")".to_owned());
        }
        self.concurrency -= by;
        if self.prefetch > 0 {
            let fewer = by.saturating_mul(self.core.settings.prefetch_multiplier);
            self.prefetch -= fewer;
            self.room.shrink(fewer);
        }
        tracing::info!(concurrency = self.concurrency, "pool shrunk by remote control");
        Ok(ok("pool will shrink"))
    }

    /// Takes from one more queue.
    pub(super) fn add_source(&self, source: Source) -> Value {
        let answer = ok(&format!("add consumer {}", source.queue));
        let added = self.queues.send_if_modified(|sources| {
            let new = sources.iter().all(|known| known.queue != source.queue);
            if new {
                tracing::info!(queue = source.queue, "queue added by remote control");
                sources.push(source);
            }
            new
        });
        tracing::debug!(added, "queues to take from");
        answer
    }

    /// Takes from one queue less; answers once the fetcher does.
    pub(super) fn cancel_source(&self, queue: &str) -> Answer {
        let cancelled = self.queues.send_if_modified(|sources| {
            let before = sources.len();
            sources.retain(|known| known.queue != queue);
            sources.len() < before
        });
        if cancelled {
            tracing::info!(queue, "queue cancelled by remote control");
        }
        let answer = ok(&format!("no longer consuming from {queue}"));
        let (mut served, queue) = (self.served.clone(), queue.to_owned());
        let switched = async move {
            let left = served.wait_for(|queues| !queues.contains(&queue));
            if tokio::time::timeout(SWITCH, left).await.is_err() {
                tracing::warn!(queue, "the queue is left once the server answers");
            }
        };
        Answer::After(switched.boxed(), answer)
    }
}
