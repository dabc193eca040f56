//! What a worker tells about itself and its tasks, for Flower, `celery events` and exporters.
//!
//! Whoever has something to tell leaves it here and goes on; `publisher` writes and sends it. Nothing
//! is built while the kind of event is off.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use serde_json::Value;
use tokio::sync::mpsc;

use crate::{clock, worker::job::Job};

/// Events kept while the server is away; what comes beyond is dropped and counted.
const KEPT: usize = 10_000;
/// Clocks beyond this are forgeries: they could not be counted on from, nor travel as JSON.
const HIGHEST_CLOCK: u64 = 1 << 53;

/// Which events a worker sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Events {
    /// None, though remote control can turn on those of tasks.
    Off,
    /// `worker-online`, a `worker-heartbeat` every 2 s, `worker-offline`.
    Worker,
    /// Those, and all of each task (Celery's `-E`).
    Task,
}

/// One thing that happened.
#[derive(Debug)]
pub(crate) struct Occurrence {
    /// Epoch seconds.
    pub at: f64,
    pub what: What,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum What {
    /// To the worker: the kind after `worker-`, and its fields.
    Worker(&'static str, Value),
    /// A message was taken.
    Received(Arc<Job>),
    /// To a task: the kind after `task-`, its id, and further fields.
    Task(&'static str, String, Value),
}

/// Takes events.
#[derive(Debug)]
pub(crate) struct EventSink {
    workers: bool,
    tasks: AtomicBool,
    /// The Lamport clock of this worker's events.
    clock: Arc<AtomicU64>,
    sender: mpsc::Sender<Occurrence>,
    dropped: AtomicU64,
}

impl EventSink {
    /// A sink, and where it all arrives.
    pub(crate) fn new(events: Events) -> (Self, mpsc::Receiver<Occurrence>) {
        let (sender, occurrences) = mpsc::channel(KEPT);
        let sink = Self {
            workers: events >= Events::Worker,
            tasks: AtomicBool::new(events >= Events::Task),
            clock: Arc::default(),
            sender,
            dropped: AtomicU64::new(0),
        };
        (sink, occurrences)
    }

    /// Whether events of the worker are sent.
    pub(crate) fn of_worker(&self) -> bool {
        self.workers
    }

    /// Whether events of tasks are sent.
    pub(crate) fn of_tasks(&self) -> bool {
        self.tasks.load(Ordering::Relaxed)
    }

    /// Turns events of tasks on or off; returns whether they were on.
    pub(crate) fn set_tasks(&self, on: bool) -> bool {
        self.tasks.swap(on, Ordering::Relaxed)
    }

    pub(crate) fn clock(&self) -> Arc<AtomicU64> {
        self.clock.clone()
    }

    /// Tells of the worker.
    pub(crate) fn worker(&self, kind: &'static str, fields: impl FnOnce() -> Value) {
        if self.workers {
            self.tell(What::Worker(kind, fields()));
        }
    }

    /// Tells of the worker, also while its events are off: somebody asked.
    pub(crate) fn worker_on_request(&self, kind: &'static str, fields: Value) {
        self.tell(What::Worker(kind, fields));
    }

    /// Tells that a message was taken.
    pub(crate) fn received(&self, job: &Arc<Job>) {
        if self.of_tasks() {
            self.tell(What::Received(job.clone()));
        }
    }

    /// Tells of a task.
    pub(crate) fn task(&self, kind: &'static str, id: &str, fields: impl FnOnce() -> Value) {
        if self.of_tasks() {
            self.tell(What::Task(kind, id.to_owned(), fields()));
        }
    }

    fn tell(&self, what: What) {
        let at = clock::epoch();
        match self.sender.try_send(Occurrence { at, what }) {
            Ok(()) => {
                let dropped = self.dropped.load(Ordering::Relaxed);
                if dropped > 0 && self.dropped.swap(0, Ordering::Relaxed) > 0 {
                    tracing::warn!(
                        dropped,
                        "events were dropped, for they could not be sent fast enough"
                    );
                }
            }
            Err(_) => drop(self.dropped.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

/// The next value of a Lamport clock.
pub(crate) fn forward(clock: &AtomicU64) -> u64 {
    clock.fetch_add(1, Ordering::Relaxed) + 1
}

/// Moves a Lamport clock past one that was received.
pub(crate) fn adopt(clock: &AtomicU64, other: u64) {
    if other < HIGHEST_CLOCK {
        clock.fetch_max(other, Ordering::Relaxed);
    }
    forward(clock);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_moves_past_what_it_hears_but_not_past_forgeries() {
        let clock = AtomicU64::new(5);
        adopt(&clock, 3);
        assert_eq!(forward(&clock), 7);
        adopt(&clock, 100);
        assert_eq!(forward(&clock), 102);
        adopt(&clock, u64::MAX);
        assert_eq!(forward(&clock), 104);
    }

    #[test]
    fn nothing_is_built_while_events_are_off() {
        let (sink, mut arrived) = EventSink::new(Events::Off);
        sink.task("started", "1", || unreachable!("built though off"));
        sink.worker("online", || unreachable!("built though off"));
        assert!(arrived.try_recv().is_err());
        assert!(!sink.set_tasks(true));
        sink.task("started", "1", || Value::Null);
        assert!(matches!(
            arrived.try_recv(),
            Ok(Occurrence {
                what: What::Task("started", ..),
                ..
            })
        ));
    }
}
