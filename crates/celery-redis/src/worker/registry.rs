//! Tasks by name, each with its type erased.

use std::{
    collections::{BTreeMap, HashMap},
    marker::PhantomData,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use celery::{
    Celery,
    error::TaskError,
    protocol::{Message as CrateMessage, MessageHeaders, MessageProperties},
    task::{Request, ResultValue, Task},
};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use serde_json::{Value, json};

use crate::{
    call, clock,
    exception::Exception,
    link::lock,
    message::Message,
    request::{Directive, SURROUNDINGS, Surroundings},
    signature::delta,
    worker::{
        limits::{self, Exceeded, Limits, limits_of},
        retry_delay::retry_delay,
    },
};

/// How one execution ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    Success(Value),
    Failure(Exception),
    Retry {
        eta: Option<DateTime<Utc>>,
        cause: Exception,
    },
    Reject {
        requeue: bool,
    },
    Ignore,
}

/// A registered task.
pub(crate) struct Entry {
    pub late: bool,
    /// Whether its results are ignored unless a call says otherwise.
    pub ignores_result: bool,
    runner: Arc<dyn Runner>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry")
            .field("late", &self.late)
            .finish_non_exhaustive()
    }
}

impl Entry {
    pub(crate) fn of<T: Task + 'static>() -> Self {
        Self {
            late: T::DEFAULTS.acks_late.unwrap_or(false),
            ignores_result: false,
            runner: Arc::new(Typed::<T>(PhantomData)),
        }
    }
}

/// All registered tasks.
#[derive(Debug)]
pub(crate) struct Registry {
    entries: BTreeMap<&'static str, Entry>,
    /// Limits set by remote control, which replace the tasks' own.
    limits: Mutex<HashMap<&'static str, Limits>>,
}

impl Registry {
    pub(crate) fn new(tasks: BTreeMap<&'static str, Entry>) -> Self {
        Self {
            entries: tasks,
            limits: Mutex::default(),
        }
    }

    /// Whether the message is acknowledged after its execution; an unknown task fails at once either way.
    pub(crate) fn acks_late(&self, task: &str) -> bool {
        self.entries.get(task).is_none_or(|entry| entry.late)
    }

    /// Whether the task's results are ignored unless a call says otherwise.
    pub(crate) fn ignores_result(&self, task: &str) -> bool {
        self.entries.get(task).is_some_and(|entry| entry.ignores_result)
    }

    /// The names, in order.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.entries.keys().copied().collect()
    }

    /// Whether there is such a task.
    pub(crate) fn contains(&self, task: &str) -> bool {
        self.entries.contains_key(task)
    }

    /// Replaces the time limits of a task; returns whether there is such a task.
    pub(crate) fn set_limits(&self, task: &str, limits: Limits) -> bool {
        let Some((name, _)) = self.entries.get_key_value(task) else {
            return false;
        };
        lock(&self.limits).insert(name, limits);
        true
    }

    /// Executes a message within its surroundings. A panic is a failure of the task, nothing more.
    pub(crate) async fn run(&self, app: Arc<Celery>, message: &Message, here: Arc<Surroundings>) -> Verdict {
        let Some(entry) = self.entries.get(message.task.as_str()) else {
            return Verdict::Failure(Exception::celery("NotRegistered", vec![json!(message.task)]));
        };
        let runner = entry.runner.clone();
        let limits = lock(&self.limits).get(message.task.as_str()).copied();
        let running = SURROUNDINGS.scope(here, async { runner.run(app, message, limits).await });
        match AssertUnwindSafe(running).catch_unwind().await {
            Ok(verdict) => verdict,
            Err(panic) => {
                let text = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_else(|| "the task panicked".to_owned());
                Verdict::Failure(Exception::raised("celery_redis", "Panic", &message.task, &text))
            }
        }
    }
}

/// Executes messages of one task.
#[async_trait]
trait Runner: Send + Sync {
    /// `limits` replace those of the task.
    async fn run(&self, app: Arc<Celery>, message: &Message, limits: Option<Limits>) -> Verdict;
}

struct Typed<T>(PhantomData<fn() -> T>);

#[async_trait]
impl<T: Task + 'static> Runner for Typed<T> {
    async fn run(&self, app: Arc<Celery>, message: &Message, replaced: Option<Limits>) -> Verdict {
        let type_error =
            |text: String| Verdict::Failure(Exception::raised("builtins", "TypeError", T::NAME, &text));
        let bound = match call::bind(T::NAME, T::ARGS, &message.args, &message.kwargs) {
            Ok(bound) => bound,
            Err(text) => return type_error(text),
        };
        let params: T::Params = match serde_json::from_value(Value::Object(bound.clone())) {
            Ok(params) => params,
            Err(error) => return type_error(call::explain(T::NAME, T::ARGS, &bound, &error)),
        };
        let mut request = Request::<T>::new(app, crate_message(message), params.clone());
        request.hostname = SURROUNDINGS.try_with(|here| here.hostname().to_owned()).ok();
        let task = T::from_request(request, T::DEFAULTS);
        let ended = limits::within(limits_of(message, replaced, T::DEFAULTS), task.run(params)).await;
        let result = match ended {
            Ok(result) => result,
            Err(exceeded) => {
                task.on_failure(&TaskError::TimeoutError).await;
                return Verdict::Failure(exceeded.exception(T::NAME));
            }
        };
        match result {
            Ok(returned) => match returned.to_json_value() {
                Ok(value) => {
                    task.on_success(&returned).await;
                    Verdict::Success(value)
                }
                Err(error) => Verdict::Failure(Exception::raised(
                    "builtins",
                    "TypeError",
                    T::NAME,
                    &error.to_string(),
                )),
            },
            Err(error) => {
                task.on_failure(&error).await;
                judge(&task, error, message)
            }
        }
    }
}

/// Decides between failing and repeating, by the task's own options.
fn judge<T: Task>(task: &T, error: TaskError, message: &Message) -> Verdict {
    let raised = |exc_type: &str, text: &str| Exception::raised("celery_redis", exc_type, T::NAME, text);
    let (cause, wanted, eta) = match error {
        TaskError::UnexpectedError(text) => match directive(&text) {
            Some(Directive::Fail { exc_type, args }) => {
                let shown = text.strip_prefix(&format!("{exc_type}: ")).unwrap_or(&text);
                let raised = Exception::raised("builtins", &exc_type, T::NAME, shown);
                return Verdict::Failure(Exception { args, ..raised });
            }
            Some(Directive::SoftLimit) => return Verdict::Failure(Exceeded::Soft.exception(T::NAME)),
            Some(Directive::Reject { requeue }) => return Verdict::Reject { requeue },
            Some(Directive::Ignore) => return Verdict::Ignore,
            Some(Directive::Retry { at, reason }) => (raised("RetryableError", &reason), true, Some(at)),
            None => (
                raised("UnexpectedError", &text),
                task.retry_for_unexpected(),
                None,
            ),
        },
        TaskError::ExpectedError(text) => (raised("ExpectedError", &text), true, None),
        TaskError::TimeoutError => (raised("TimeoutError", "task timed out"), true, None),
        TaskError::Retry(eta) => {
            let text = format!(
                "Can't retry {}[{}] args:{} kwargs:{}",
                T::NAME,
                message.id,
                crate::json::repr_args(&message.args),
                crate::json::repr_kwargs(&message.kwargs)
            );
            let mut cause = raised("MaxRetriesExceededError", &text);
            "celery.exceptions".clone_into(&mut cause.module);
            (cause, true, eta)
        }
    };
    let delay = || retry_delay(message.retries, task.min_retry_delay(), task.max_retry_delay());
    let exhausted = task.max_retries().is_some_and(|limit| message.retries >= limit);
    if wanted && !exhausted {
        let bare = cause.exc_type == "MaxRetriesExceededError";
        let cause = if bare {
            raised("Retry", "the task asked to be retried")
        } else {
            cause
        };
        Verdict::Retry {
            // Not `Task::retry_eta`: it takes the milliseconds of its jitter for microseconds.
            eta: eta.or_else(|| Some(clock::now() + delta(delay()))),
            cause,
        }
    } else {
        Verdict::Failure(cause)
    }
}

/// The directive left by the function that made this error.
fn directive(text: &str) -> Option<Directive> {
    let left = SURROUNDINGS
        .try_with(|here| lock(&here.directive).take())
        .ok()
        .flatten();
    left.filter(|(of, _)| of == text).map(|(_, directive)| directive)
}

/// The message as the `celery` crate's requests want it.
fn crate_message(message: &Message) -> CrateMessage {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive and saturating; only shown to the task"
    )]
    let whole = |limit: Option<f64>| limit.map(|limit| limit.ceil() as u32);
    CrateMessage {
        properties: MessageProperties {
            correlation_id: message.correlation_id.clone(),
            content_type: "application/json".to_owned(),
            content_encoding: "utf-8".to_owned(),
            reply_to: Some(message.reply_to.clone()),
            delivery_info: None,
        },
        headers: MessageHeaders {
            id: message.id.clone(),
            task: message.task.clone(),
            root_id: message.root_id.clone(),
            parent_id: message.parent_id.clone(),
            group: message.group.clone(),
            eta: message.eta,
            expires: message.expires,
            retries: Some(message.retries),
            timelimit: (whole(message.time_limits[0]), whole(message.time_limits[1])),
            origin: message.origin.clone(),
            ..MessageHeaders::default()
        },
        raw_body: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use celery::{CeleryBuilder, prelude::*};

    use super::*;

    #[celery::task(max_retries = 9)]
    async fn unlucky() -> TaskResult<()> {
        Err(TaskError::ExpectedError("no luck".to_owned()))
    }

    #[tokio::test]
    async fn what_failed_together_is_tried_again_apart() {
        let app = CeleryBuilder::new("test", "redis://localhost/").build().await;
        let app = Arc::new(app.unwrap());
        let raw = json!({
            "body": "[[], {}, {}]", "content-type": "application/json", "properties": {},
            "headers": {"id": "1", "task": "unlucky", "retries": 5},
        });
        let message = Message::parse(&raw.to_string()).unwrap();
        let mut delays = Vec::new();
        for _ in 0..100 {
            let task = Typed::<unlucky>(PhantomData);
            let Verdict::Retry { eta: Some(eta), .. } = task.run(app.clone(), &message, None).await else {
                panic!("the task is to be retried");
            };
            delays.push((eta - clock::now()).as_seconds_f64());
        }
        delays.sort_by(f64::total_cmp);
        assert!(
            delays[0] < 8.0 && delays[99] > 24.0 && delays[99] <= 32.0,
            "{delays:?}"
        );
    }
}
