//! Results: reading what a worker stored, and waiting for it without polling.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use redis::{Msg, PushInfo, PushKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{backoff::Backoff, client::Client, error::Error, json, link::lock, refusal::is_transient};

/// The id of one call of a task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub String);

impl TaskId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for TaskId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<&str> for TaskId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

/// What a worker stored under `celery-task-meta-<id>`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TaskMeta {
    /// `SUCCESS`, `FAILURE`, `REVOKED`, `STARTED`, `RETRY` or a state of the task's own.
    pub status: String,
    /// The return value, or the encoded exception.
    #[serde(default)]
    pub result: Value,
    /// The traceback of an exception.
    #[serde(default)]
    pub traceback: Option<String>,
    /// The tasks this one sent, as Celery's result tuples.
    #[serde(default)]
    pub children: Value,
    /// When the task ended, ISO-8601.
    #[serde(default)]
    pub date_done: Option<String>,
    /// The task's id.
    pub task_id: String,
    /// The group the task belongs to.
    #[serde(default)]
    pub group_id: Option<String>,
    /// The task that sent this one.
    #[serde(default)]
    pub parent_id: Option<String>,
}

impl TaskMeta {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        json::parse(text)
            .and_then(serde_json::from_value)
            .map_err(Error::json("a stored result"))
    }

    /// The end this state is, if it is one.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.status.as_str() {
            "SUCCESS" => Some(Outcome::Success(self.result.clone())),
            "FAILURE" => Some(Outcome::Failure(TaskFailure::from_meta(self))),
            "REVOKED" => Some(Outcome::Revoked {
                reason: TaskFailure::from_meta(self).message,
            }),
            _ => None,
        }
    }
}

/// How a call ended, or that it has not yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The task returned this value.
    Success(Value),
    /// The task failed for good.
    Failure(TaskFailure),
    /// The task will not be executed: `revoked`, `terminated` or `expired`.
    Revoked {
        /// Why.
        reason: String,
    },
    /// The task had not ended in time; it may still.
    TimedOut,
}

/// The exception a task failed with.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskFailure {
    /// Class name, e.g. `ValueError`.
    pub exc_type: String,
    /// Module of the class, e.g. `builtins`.
    pub exc_module: Option<String>,
    /// The arguments as one line of text.
    pub message: String,
    /// The exception's arguments.
    pub args: Vec<Value>,
    /// The traceback as text.
    pub traceback: Option<String>,
}

impl fmt::Display for TaskFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.exc_type, self.message)
    }
}

impl TaskFailure {
    fn from_meta(meta: &TaskMeta) -> Self {
        let text = |name: &str| meta.result.get(name).and_then(Value::as_str).map(str::to_owned);
        let args = match meta.result.get("exc_message") {
            Some(Value::Array(args)) => args.clone(),
            Some(Value::Null) | None => Vec::new(),
            Some(single) => vec![single.clone()],
        };
        let shown: Vec<String> = args
            .iter()
            .map(|arg| arg.as_str().map_or_else(|| json::repr(arg), str::to_owned))
            .collect();
        Self {
            exc_type: text("exc_type").unwrap_or_else(|| "Exception".to_owned()),
            exc_module: text("exc_module"),
            message: shown.join(", "),
            args,
            traceback: meta.traceback.clone(),
        }
    }
}

/// What reaches a waiting caller.
enum Notice {
    /// A result was published.
    Published(String),
    /// The connection broke; a publication may have been missed.
    Lost,
}

/// Callers waiting for results, by channel.
#[derive(Default)]
struct Waiting {
    next: u64,
    channels: HashMap<String, HashMap<u64, mpsc::UnboundedSender<Notice>>>,
    /// Channels whose last caller went away without unsubscribing.
    abandoned: Vec<String>,
}

/// Distributes published results to the callers waiting for them.
#[derive(Clone, Default)]
pub(crate) struct Hub(Arc<Mutex<Waiting>>);

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").finish_non_exhaustive()
    }
}

impl Hub {
    /// Takes what the server sent unasked.
    pub(crate) fn handle(&self, info: PushInfo) {
        match info.kind {
            PushKind::Disconnection => {
                for caller in lock(&self.0).channels.values().flat_map(HashMap::values) {
                    drop(caller.send(Notice::Lost));
                }
            }
            PushKind::Message => {
                let Some(message) = Msg::from_push_info(info) else {
                    return;
                };
                let text = String::from_utf8_lossy(message.get_payload_bytes()).into_owned();
                if let Some(callers) = lock(&self.0).channels.get(message.get_channel_name()) {
                    for caller in callers.values() {
                        drop(caller.send(Notice::Published(text.clone())));
                    }
                }
            }
            _ => {}
        }
    }

    fn enter(&self, channel: &str) -> Waiter {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut waiting = lock(&self.0);
        waiting.next += 1;
        let id = waiting.next;
        waiting
            .channels
            .entry(channel.to_owned())
            .or_default()
            .insert(id, sender);
        Waiter {
            hub: self.clone(),
            channel: channel.to_owned(),
            id,
            receiver,
        }
    }

    /// Channels to unsubscribe from: nobody waits for them any more.
    fn take_abandoned(&self) -> Vec<String> {
        let mut waiting = lock(&self.0);
        let abandoned = std::mem::take(&mut waiting.abandoned);
        abandoned
            .into_iter()
            .filter(|channel| !waiting.channels.contains_key(channel))
            .collect()
    }
}

/// One waiting caller; leaves the hub when dropped.
struct Waiter {
    hub: Hub,
    channel: String,
    id: u64,
    receiver: mpsc::UnboundedReceiver<Notice>,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = lock(&self.hub.0);
        let Some(callers) = waiting.channels.get_mut(&self.channel) else {
            return;
        };
        callers.remove(&self.id);
        if callers.is_empty() {
            waiting.channels.remove(&self.channel);
            waiting.abandoned.push(self.channel.clone());
        }
    }
}

/// A handle on the result of one call.
#[derive(Debug, Clone)]
pub struct AsyncResult {
    client: Client,
    id: TaskId,
}

impl AsyncResult {
    pub(crate) fn new(client: Client, id: TaskId) -> Self {
        Self { client, id }
    }

    /// The id of the call.
    pub fn id(&self) -> &TaskId {
        &self.id
    }

    /// What is stored now; `None` while no worker has stored anything.
    pub async fn state(&self) -> Result<Option<TaskMeta>, Error> {
        let mut get = redis::pipe();
        get.get(self.key());
        let (text,): (Option<String>,) = self
            .client
            .link()
            .query(&get)
            .await
            .map_err(Error::redis("read a result"))?;
        text.as_deref().map(TaskMeta::parse).transpose()
    }

    /// Waits for the call to end, at most `timeout`, over a subscription.
    ///
    /// A lost connection is made again while time remains; if there was none to the end, that is the error.
    pub async fn get(&self, timeout: Duration) -> Result<Outcome, Error> {
        let mut waiter = self.client.hub().enter(&self.key());
        let mut trouble = None;
        let ended = tokio::time::timeout(timeout, self.wait(&mut waiter, &mut trouble)).await;
        drop(waiter);
        if trouble.is_none() {
            self.unsubscribe().await;
        }
        match (ended, trouble) {
            (Ok(outcome), _) => outcome,
            (Err(_), Some(source)) => Err(Error::Redis {
                operation: "wait for a result",
                source,
            }),
            (Err(_), None) => Ok(Outcome::TimedOut),
        }
    }

    /// Removes what is stored, as Celery's `AsyncResult.forget` does; the call seems pending then.
    pub async fn forget(&self) -> Result<(), Error> {
        let mut delete = redis::pipe();
        delete.del(self.key()).ignore();
        self.client
            .link()
            .query(&delete)
            .await
            .map_err(Error::redis("remove a result"))
    }

    /// Waits for success and reads the value as `T`; any other end is the inner error.
    pub async fn get_as<T: for<'de> Deserialize<'de>>(
        &self,
        timeout: Duration,
    ) -> Result<Result<T, Outcome>, Error> {
        match self.get(timeout).await? {
            Outcome::Success(value) => serde_json::from_value(value)
                .map(Ok)
                .map_err(Error::json("the result, as the type asked for,")),
            other => Ok(Err(other)),
        }
    }

    async fn wait(
        &self,
        waiter: &mut Waiter,
        trouble: &mut Option<redis::RedisError>,
    ) -> Result<Outcome, Error> {
        let mut backoff = Backoff::new();
        loop {
            match self.subscribe_and_read().await {
                Ok(stored) => {
                    *trouble = None;
                    if let Some(outcome) = stored
                        .as_deref()
                        .map(TaskMeta::parse)
                        .transpose()?
                        .and_then(|meta| meta.outcome())
                    {
                        return Ok(outcome);
                    }
                }
                Err(error) if is_transient(&error) => {
                    *trouble = Some(error);
                    backoff.pause().await;
                    continue;
                }
                Err(source) => {
                    return Err(Error::Redis {
                        operation: "wait for a result",
                        source,
                    });
                }
            }
            while let Some(notice) = waiter.receiver.recv().await {
                match notice {
                    Notice::Published(text) => {
                        if let Some(outcome) = TaskMeta::parse(&text)?.outcome() {
                            return Ok(outcome);
                        }
                    }
                    Notice::Lost => break,
                }
            }
        }
    }

    /// Subscribes first and reads then, so that nothing falls between.
    async fn subscribe_and_read(&self) -> Result<Option<String>, redis::RedisError> {
        let key = self.key();
        let link = self.client.link();
        let (generation, mut connection) = link.connection().await?;
        let read = async {
            connection.subscribe(&key).await?;
            redis::cmd("GET").arg(&key).query_async(&mut connection).await
        };
        link.observe(generation, read.await)
    }

    async fn unsubscribe(&self) {
        let channels = self.client.hub().take_abandoned();
        if channels.is_empty() {
            return;
        }
        // Failing means that the connection is gone, and the subscriptions with it.
        if let Ok((_, mut connection)) = self.client.link().connection().await {
            drop(connection.unsubscribe(channels).await);
        }
    }

    fn key(&self) -> String {
        self.client.keys().task_meta(self.id.as_str())
    }
}
