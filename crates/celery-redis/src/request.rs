//! What a task can ask about its surroundings while it runs, and the ways it can end.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use celery::error::TaskError;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::{
    clock,
    link::lock,
    signature::delta,
    soft_limit::SoftLimit,
    worker::{job::Job, runtime::Core},
};

/// Values shared with all tasks of a worker, by type.
#[derive(Default)]
pub(crate) struct Shared(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared({} values)", self.0.len())
    }
}

impl Shared {
    pub(crate) fn insert<C: Any + Send + Sync>(&mut self, value: Arc<C>) {
        self.0.insert(TypeId::of::<C>(), value);
    }
}

/// The call that is being executed.
#[derive(Debug, Clone)]
pub struct TaskRequest {
    /// The id of the call.
    pub id: String,
    /// The name of the task.
    pub task: String,
    /// How often it was retried before.
    pub retries: u32,
    /// All message headers, custom ones included.
    pub headers: Map<String, Value>,
    /// The first task of the workflow.
    pub root_id: Option<String>,
    /// The task that sent this one.
    pub parent_id: Option<String>,
    /// The group this call belongs to.
    pub group: Option<String>,
    /// When it was due, if it was delayed.
    pub eta: Option<DateTime<Utc>>,
    /// When it lapses.
    pub expires: Option<DateTime<Utc>>,
    /// The exchange it was sent to, empty for the anonymous one.
    pub exchange: String,
    /// The queue it came from.
    pub queue: String,
    /// The priority it was sent with.
    pub priority: i64,
    /// Whether it was handed out before.
    pub redelivered: bool,
    /// The name of this worker.
    pub hostname: String,
}

/// An end that the `celery` crate's errors cannot express.
#[derive(Debug, Clone)]
pub(crate) enum Directive {
    Fail {
        exc_type: String,
        args: Vec<Value>,
    },
    Retry {
        at: DateTime<Utc>,
        reason: String,
    },
    Reject {
        requeue: bool,
    },
    Ignore,
    /// Celery's `SoftTimeLimitExceeded`.
    SoftLimit,
}

impl TaskRequest {
    fn of(core: &Core, job: &Job) -> Self {
        let message = &job.message;
        Self {
            id: message.id.clone(),
            task: message.task.clone(),
            retries: message.retries,
            headers: job.headers().clone(),
            root_id: message.root_id.clone(),
            parent_id: message.parent_id.clone(),
            group: message.group.clone(),
            eta: message.eta,
            expires: message.expires,
            exchange: job.exchange.clone(),
            queue: job.taken.queue.to_string(),
            priority: message.priority,
            redelivered: message.redelivered,
            hostname: core.settings.hostname.clone(),
        }
    }
}

/// What surrounds one running task. What few tasks ask for is made when they do.
pub(crate) struct Surroundings {
    core: Arc<Core>,
    job: Arc<Job>,
    request: OnceLock<Arc<TaskRequest>>,
    /// Set by the last of `fail`, `retry_in`, `reject` and `ignore`, with the text of the error it gave.
    pub directive: Mutex<Option<(String, Directive)>>,
    /// Celery's result tuples of the calls that the task sent.
    pub children: Mutex<Vec<Value>>,
    /// There once the task has asked to be told of it.
    pub soft_limit: OnceLock<SoftLimit>,
}

impl Surroundings {
    pub(crate) fn new(core: Arc<Core>, job: Arc<Job>) -> Arc<Self> {
        Arc::new(Self {
            core,
            job,
            request: OnceLock::new(),
            directive: Mutex::default(),
            children: Mutex::default(),
            soft_limit: OnceLock::new(),
        })
    }

    /// The name of this worker.
    pub(crate) fn hostname(&self) -> &str {
        &self.core.settings.hostname
    }

    /// Tells the task of its soft time limit, if it has asked; returns whether it has.
    pub(crate) fn tell_soft_limit(&self) -> bool {
        let asked = self.soft_limit.get();
        asked.inspect(|limit| limit.tell()).is_some()
    }

    fn request(&self) -> Arc<TaskRequest> {
        self.request
            .get_or_init(|| Arc::new(TaskRequest::of(&self.core, &self.job)))
            .clone()
    }
}

tokio::task_local! {
    /// Of the task that runs here, and only inside of it: two workers in one process do not mix.
    pub(crate) static SURROUNDINGS: Arc<Surroundings>;
}

/// The value that the worker was given with `.data(Arc<C>)`.
///
/// Fails outside a running task and when the worker has no value of this type; the error can be returned
/// from the task as it is.
pub fn data<C: Any + Send + Sync>() -> Result<Arc<C>, TaskError> {
    SURROUNDINGS
        .try_with(|here| here.core.shared.0.get(&TypeId::of::<C>()).cloned())
        .ok()
        .flatten()
        .and_then(|value| value.downcast::<C>().ok())
        .ok_or_else(|| {
            fail(
                "LookupError",
                format!("the worker has no data of type {}", std::any::type_name::<C>()),
            )
        })
}

/// The call that is being executed; `None` outside a running task.
pub fn current_request() -> Option<Arc<TaskRequest>> {
    SURROUNDINGS.try_with(|here| here.request()).ok()
}

/// The first task of the workflow that runs here, and the task itself; `None` outside a running task.
pub(crate) fn ancestry() -> Option<(String, String)> {
    let of = |here: &Arc<Surroundings>| {
        let message = &here.job.message;
        (message.root().to_owned(), message.id.clone())
    };
    SURROUNDINGS.try_with(of).ok()
}

/// Notes a call or a workflow, as Celery's result tuple, as sent by the task that runs here, if one does.
pub(crate) fn note_child(tuple: Value) {
    // Outside a running task a call is nobody's child.
    let _ = SURROUNDINGS.try_with(|here| lock(&here.children).push(tuple));
}

/// Notes calls as sent by the task that runs here, if one does.
pub(crate) fn note_children<'a>(ids: impl IntoIterator<Item = &'a str>) {
    // Outside a running task a call is nobody's child.
    let _ = SURROUNDINGS.try_with(|here| {
        let children = ids.into_iter().map(|id| serde_json::json!([[id, null], null]));
        lock(&here.children).extend(children);
    });
}

/// Ends the task as `FAILURE` with this exception; it is not retried.
///
/// `exc_type` is the class that a Python caller sees, e.g. `ValueError`.
pub fn fail(exc_type: impl Into<String>, message: impl Into<String>) -> TaskError {
    fail_with(exc_type, vec![Value::String(message.into())])
}

/// As [`fail`], for an exception with any arguments.
pub fn fail_with(exc_type: impl Into<String>, args: Vec<Value>) -> TaskError {
    let exc_type = exc_type.into();
    let shown: Vec<String> = args
        .iter()
        .map(|arg| arg.as_str().map_or_else(|| arg.to_string(), str::to_owned))
        .collect();
    direct(
        format!("{exc_type}: {}", shown.join(", ")),
        Directive::Fail { exc_type, args },
    )
}

/// Ends this attempt and repeats the call after a delay, unless its retries are used up: then it fails with
/// this reason.
pub fn retry_in(delay: Duration, reason: impl Into<String>) -> TaskError {
    let reason = reason.into();
    direct(
        reason.clone(),
        Directive::Retry {
            at: clock::now() + delta(delay),
            reason,
        },
    )
}

/// Refuses the message: with `requeue` it goes to the back of its queue (only for a task with `acks_late`),
/// without it the call fails with `Reject`.
pub fn reject(requeue: bool) -> TaskError {
    direct(
        format!("rejected, requeue={requeue}"),
        Directive::Reject { requeue },
    )
}

/// Ends the task without storing any result.
pub fn ignore() -> TaskError {
    direct("ignored".to_owned(), Directive::Ignore)
}

/// Leaves the directive with the running task. The error's text ties the two together: a directive whose error
/// was dropped on the way has no effect.
pub(crate) fn direct(text: String, directive: Directive) -> TaskError {
    // Outside a running task there is nobody to heed it.
    let _ = SURROUNDINGS.try_with(|here| *lock(&here.directive) = Some((text.clone(), directive)));
    TaskError::UnexpectedError(text)
}
