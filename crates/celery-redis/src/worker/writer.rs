//! Batches script calls: whatever is asked for while one round trip is under way goes into the next.

use redis::{Pipeline, RedisError, Script, Value};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    link::{Backoff, Link, is_no_script, is_transient, is_transient_code},
    scripts,
};

/// Most calls in one round trip.
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

    fn add_to(&self, pipeline: &mut Pipeline) {
        pipeline
            .cmd("EVALSHA")
            .arg(self.script.get_hash())
            .arg(self.keys.len());
        pipeline.arg(&self.keys).arg(&self.args);
    }
}

/// The reply to come.
pub(crate) type Posted = oneshot::Receiver<Result<Value, String>>;

struct Queued {
    call: Call,
    reply: oneshot::Sender<Result<Value, String>>,
}

/// Asks for script calls.
#[derive(Debug, Clone)]
pub(crate) struct Writer(mpsc::UnboundedSender<Queued>);

impl Writer {
    /// A writer and the loop that serves it.
    pub(crate) fn new(link: Link) -> (Self, WriterLoop) {
        let (sender, calls) = mpsc::unbounded_channel();
        (Self(sender), WriterLoop { link, calls })
    }

    /// Runs a call, however long the server is away. `None` only if the worker gave up while shutting down or
    /// the server refused the call, which is logged.
    pub(crate) async fn call(&self, call: Call) -> Option<Value> {
        Self::reply(self.post(call)).await
    }

    /// Waits for the reply to a posted call; as `call` otherwise.
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
        let (reply, receiver) = oneshot::channel();
        drop(self.0.send(Queued { call, reply }));
        receiver
    }
}

/// Serves the [`Writer`]s.
pub(crate) struct WriterLoop {
    link: Link,
    calls: mpsc::UnboundedReceiver<Queued>,
}

impl WriterLoop {
    /// Runs until all writers are gone and everything is written, or until told to give up.
    pub(crate) async fn run(mut self, give_up: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.calls.recv_many(&mut batch, BATCH).await > 0 {
            let mut backoff = Backoff::new();
            while !batch.is_empty() {
                let mut pause = false;
                batch = match self.send(&batch).await {
                    Ok(replies) => settle(batch, replies, &mut pause),
                    Err(error) if is_transient(&error) => {
                        tracing::warn!(error = %error, waiting = batch.len(), "Redis is out of reach; writes wait for it");
                        pause = true;
                        batch
                    }
                    Err(error) => {
                        let refused = error.to_string();
                        for queued in batch {
                            drop(queued.reply.send(Err(refused.clone())));
                        }
                        Vec::new()
                    }
                };
                if give_up.is_cancelled() {
                    return;
                }
                if pause {
                    tokio::select! {
                        () = backoff.pause() => {}
                        () = give_up.cancelled() => return,
                    }
                }
            }
        }
    }

    async fn send(&self, batch: &[Queued]) -> Result<Vec<Value>, RedisError> {
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        for queued in batch {
            queued.call.add_to(&mut pipeline);
        }
        let replies: Vec<Value> = self.link.query(&pipeline).await?;
        if replies.iter().any(is_no_script) {
            self.link.query::<()>(&scripts::loader()).await?;
        }
        Ok(replies)
    }
}

/// Answers the calls; returns those to send again.
fn settle(batch: Vec<Queued>, replies: Vec<Value>, pause: &mut bool) -> Vec<Queued> {
    let mut again = Vec::new();
    for (queued, reply) in batch.into_iter().zip(replies) {
        match reply {
            unknown if is_no_script(&unknown) => again.push(queued),
            Value::ServerError(error) if is_transient_code(error.code()) => {
                *pause = true;
                again.push(queued);
            }
            Value::ServerError(error) => {
                drop(queued.reply.send(Err(format!(
                    "{} {}",
                    error.code(),
                    error.details().unwrap_or_default()
                ))));
            }
            value => drop(queued.reply.send(Ok(value))),
        }
    }
    again
}
