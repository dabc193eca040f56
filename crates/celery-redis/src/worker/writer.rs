//! Batches writes: whatever is asked for while one round trip is under way goes into the next.

use std::sync::Arc;

use redis::{Pipeline, RedisError, Script, Value};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    link::Link,
    refusal::is_no_script,
    scripts,
    worker::{
        arrivals::Arrivals,
        flush::{Ended, Flush},
        job::Job,
    },
};

/// Most writes in one round trip.
const BATCH: usize = 256;

/// One script call. Every script may be run again if its reply was lost.
#[derive(Debug)]
pub(crate) struct Call {
    script: &'static Script,
    keys: Vec<String>,
    args: Vec<String>,
}

impl Call {
    pub(crate) fn new(script: &'static Script, keys: Vec<String>) -> Self {
        Self {
            script,
            keys,
            args: Vec::new(),
        }
    }

    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub(super) fn add_to(&self, pipeline: &mut Pipeline) {
        pipeline
            .cmd("EVALSHA")
            .arg(self.script.get_hash())
            .arg(self.keys.len());
        pipeline.arg(&self.keys).arg(&self.args);
    }
}

/// The end of a delivery, as the settle script takes it.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// The number of the delivery; 0 if there is none.
    pub seq: u64,
    /// Empty if already acknowledged, or not in `unacked` yet.
    pub tag: String,
    pub acknowledge: bool,
    pub key: String,
    /// The result to store under the key, empty for none.
    pub meta: String,
    /// The message to strike from the list of arrivals, if that is where it is.
    pub arrival: Option<Ended>,
    /// What to send: action, key, value.
    pub actions: Vec<[String; 3]>,
}

/// What an end asks for, in the order in which the settle script takes them; most only let go of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// To acknowledge, nothing more.
    Plain,
    /// To store a result and acknowledge, unless that was done before.
    Kept,
    /// Anything else.
    Full,
}

impl End {
    pub(super) fn kind(&self) -> Kind {
        if !self.acknowledge || !self.actions.is_empty() {
            Kind::Full
        } else if self.meta.is_empty() {
            Kind::Plain
        } else {
            Kind::Kept
        }
    }
}

/// What a run of marks and ends is written with.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    /// `unacked`, `unacked_index`, `owners`.
    pub keys: [String; 3],
    /// The list of arrivals.
    pub arrivals: String,
    pub consumer: String,
    /// Seconds a result is kept, 0 for ever.
    pub life: u64,
}

#[derive(Debug)]
pub(super) enum Write {
    Call(Call),
    /// What is in the list of arrivals, unless it was given back meanwhile.
    Arrived(Vec<Arc<Job>>),
    /// The delivery with this number and tag has begun.
    Begun(u64, String),
    End(End),
}

/// The reply to come.
pub(crate) type Posted = oneshot::Receiver<Result<Value, String>>;

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) write: Write,
    pub(super) reply: Option<oneshot::Sender<Result<Value, String>>>,
}

impl Queued {
    pub(super) fn answer(self, answer: Result<Value, String>) {
        if let Some(reply) = self.reply {
            // Whoever asked may have gone meanwhile.
            let _ = reply.send(answer);
        } else if let Err(error) = answer {
            tracing::error!(error, "Redis refused a script");
        }
    }
}

/// Asks for writes.
#[derive(Debug, Clone)]
pub(crate) struct Writer(mpsc::UnboundedSender<Queued>);

impl Writer {
    /// A writer and the loop that serves it.
    pub(crate) fn new(link: Link, ledger: Ledger) -> (Self, WriterLoop) {
        let (sender, calls) = mpsc::unbounded_channel();
        let serving = WriterLoop {
            link,
            ledger,
            calls,
            arrivals: Arrivals::default(),
            flush: Flush::default(),
        };
        (Self(sender), serving)
    }

    /// Runs a call, however long the server is away. `None` only if the worker gave up while shutting down or
    /// the server refused the call, which is logged.
    pub(crate) async fn call(&self, call: Call) -> Option<Value> {
        Self::reply(self.post(call)).await
    }

    /// Waits for the reply to what was posted; as `call` otherwise.
    pub(crate) async fn reply(posted: Posted) -> Option<Value> {
        match posted.await {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                tracing::error!(error, "Redis refused a script");
                None
            }
            Err(_) => None,
        }
    }

    /// Runs a call without waiting for it.
    pub(crate) fn post(&self, call: Call) -> Posted {
        self.queue(Write::Call(call))
    }

    /// Ends a delivery without waiting for it; the reply is 1, or 0 if it was no longer ours.
    pub(crate) fn end(&self, end: End) -> Posted {
        self.queue(Write::End(end))
    }

    /// Tells of what is in the list of arrivals.
    pub(crate) fn arrived(&self, jobs: Vec<Arc<Job>>) {
        self.post_unasked(Write::Arrived(jobs));
    }

    fn post_unasked(&self, write: Write) {
        drop(self.0.send(Queued { write, reply: None }));
    }

    /// Ends a delivery; nobody wants to know more.
    pub(crate) fn end_unasked(&self, end: End) {
        self.post_unasked(Write::End(end));
    }

    /// Notes that a delivery has begun.
    pub(crate) fn begun(&self, job: &Job) {
        self.post_unasked(Write::Begun(job.seq, job.taken.tag.clone()));
    }

    /// As `begun`; waits until it is noted.
    pub(crate) async fn note_begun(&self, job: &Job) {
        Self::reply(self.queue(Write::Begun(job.seq, job.taken.tag.clone()))).await;
    }

    fn queue(&self, write: Write) -> Posted {
        let (reply, receiver) = oneshot::channel();
        let reply = Some(reply);
        drop(self.0.send(Queued { write, reply }));
        receiver
    }
}

/// Serves the [`Writer`]s.
pub(crate) struct WriterLoop {
    link: Link,
    ledger: Ledger,
    calls: mpsc::UnboundedReceiver<Queued>,
    arrivals: Arrivals,
    flush: Flush,
}

impl WriterLoop {
    /// Runs until all writers are gone and everything is written, or until told to give up.
    pub(crate) async fn run(mut self, give_up: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut open = true;
        while open {
            let due = self.arrivals.next_due();
            tokio::select! {
                biased;
                count = self.calls.recv_many(&mut batch, BATCH) => open = count > 0,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            for queued in batch.drain(..) {
                self.flush.put(queued, &mut self.arrivals);
            }
            let due = if open {
                self.arrivals.due(Instant::now())
            } else {
                self.arrivals.all()
            };
            self.flush.adopt(due);
            if !self.write(&give_up).await {
                return;
            }
        }
    }

    /// Writes all that is to be written; returns whether it was not told to give up.
    async fn write(&mut self, give_up: &CancellationToken) -> bool {
        let mut backoff = Backoff::new();
        while !self.flush.is_empty() {
            let pause = match self.send().await {
                Ok(replies) => self.flush.settle(replies),
                Err(error) => {
                    tracing::warn!(error = %error, waiting = self.flush.len(), "Redis is out of reach; writes wait for it");
                    true
                }
            };
            if give_up.is_cancelled() {
                return false;
            }
            if pause {
                tokio::select! {
                    () = backoff.pause() => {}
                    () = give_up.cancelled() => return false,
                }
            }
        }
        true
    }

    async fn send(&mut self) -> Result<Vec<Value>, RedisError> {
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        self.flush.add_to(&mut pipeline, &self.ledger);
        let replies: Vec<Value> = self.link.query(&pipeline).await?;
        if replies.iter().any(is_no_script) {
            self.link.query::<()>(&scripts::loader()).await?;
        }
        Ok(replies)
    }
}
