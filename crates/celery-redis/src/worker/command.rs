//! Obeys remote control. All of it happens in the consumer's loop, which owns what the commands change.

use futures::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::{
    json,
    pidbox::{self, Request},
    worker::{
        consumer::{Consumer, Side},
        events::forward,
        inspect,
        mailbox::Post,
        pool::Source,
        revoke::signal_number,
    },
};

/// What a request is answered with.
pub(super) enum Answer {
    Now(Value),
    /// After something was done.
    After(BoxFuture<'static, ()>, Value),
    /// Not at all.
    Silent,
}

/// Celery's answer to a command that was obeyed.
pub(super) fn ok(text: &str) -> Value {
    json!({"ok": text})
}

impl Consumer {
    /// Takes what the mailbox brings.
    pub(super) fn post(&mut self, post: Post) {
        match post {
            Post::Mingled(revoked) => {
                self.learn(revoked);
                self.core.mingled.cancel();
            }
            Post::Request(request) => self.obey(request),
        }
    }

    fn obey(&mut self, request: Request) {
        tracing::debug!(method = request.method, "control request");
        let answer = self
            .answer(&request.method, &request.arguments)
            .unwrap_or_else(|error| {
                tracing::warn!(method = request.method, error, "control request not obeyed");
                Answer::Now(json!({"error": error}))
            });
        let (first, value) = match answer {
            Answer::Now(value) => (None, value),
            Answer::After(first, value) => (Some(first), value),
            Answer::Silent => return,
        };
        let core = self.core.clone();
        self.side.spawn(async move {
            if let Some(first) = first {
                first.await;
            }
            if let Some(to) = &request.reply_to {
                let clock = forward(&core.control_clock);
                let node = &core.settings.hostname;
                if let Err(error) = pidbox::reply(&core.link, &core.keys, to, node, clock, value).await {
                    tracing::warn!(method = request.method, error = %error, "could not answer a control request");
                }
            }
            Side::Done
        });
    }

    /// The answer to a request; an error is what Celery shows of the exception that it would raise.
    fn answer(&mut self, method: &str, arguments: &Map<String, Value>) -> Result<Answer, String> {
        let required = |name: &str| {
            arguments
                .get(name)
                .filter(|value| !value.is_null())
                .ok_or_else(|| {
                    let missing = format!("{method}() missing 1 required positional argument: '{name}'");
                    format!("TypeError({})", json::repr(&json!(missing)))
                })
        };
        let name = |name: &str| {
            required(name)?
                .as_str()
                .filter(|text| !text.is_empty())
                .ok_or_else(|| format!("TypeError('{name} must be a string')"))
        };
        // As Python takes a value for true: Flower sends `1`.
        let set = |name: &str| match arguments.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(set)) => *set,
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(items)) => !items.is_empty(),
        };
        if let Some(value) = self.inspect(method, arguments) {
            return value.map(Answer::Now);
        }
        let value = match method {
            "revoke" | "terminate" => {
                let ids = inspect::ids(required("task_id")?);
                let terminate = method == "terminate" || set("terminate");
                return Ok(self.revoke(ids, terminate, signal_number(arguments)?));
            }
            "revoke_by_stamped_headers" => {
                self.revoke_stamped(required("headers")?, set("terminate"), signal_number(arguments)?)?
            }
            "rate_limit" => {
                let limit = match arguments.get("rate_limit") {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Number(number)) => number.to_string(),
                    _ => String::new(),
                };
                self.limit_rate(name("task_name")?, &limit).map(ok)?
            }
            "time_limit" => {
                let limits = [seconds(arguments, "hard")?, seconds(arguments, "soft")?];
                let task = name("task_name")?;
                if !self.core.registry.set_limits(task, limits) {
                    return Err("unknown task".to_owned());
                }
                tracing::info!(task.name = task, hard = ?limits[0], soft = ?limits[1], "time limits set by remote control");
                ok("time limits set successfully")
            }
            "pool_grow" => self.grow(count(arguments)?),
            "pool_shrink" => self.shrink(count(arguments)?)?,
            "pool_restart" => return Err("ValueError('Pool restarts not enabled')".to_owned()),
            "autoscale" => return Err("ValueError('Autoscale not enabled')".to_owned()),
            "add_consumer" => self.add_source(Source::read(name("queue")?, arguments)?),
            "cancel_consumer" => return Ok(self.cancel_source(name("queue")?)),
            "enable_events" | "disable_events" => self.set_task_events(method == "enable_events"),
            "heartbeat" => {
                self.core
                    .events
                    .worker_on_request("heartbeat", inspect::software(5.0));
                Value::Null
            }
            "hello" => self.hello(name("from_node")?, arguments.get("revoked")),
            // Elections choose among Python's workers; we neither stand nor vote.
            "election" => Value::Null,
            "shutdown" => {
                tracing::warn!("shutdown asked for by remote control");
                self.stop.cancel();
                return Ok(Answer::Silent);
            }
            other => return Err(format!("KeyError({})", json::repr(&json!(other)))),
        };
        Ok(Answer::Now(value))
    }

    fn set_task_events(&self, on: bool) -> Value {
        let word = if on { "enabled" } else { "disabled" };
        if self.core.events.set_tasks(on) == on {
            // Flower asks for it every five seconds.
            return ok(&format!("task events already {word}"));
        }
        tracing::info!(on, "task events switched by remote control");
        ok(&format!("task events {word}"))
    }

    /// Remembers what another worker knows to be revoked.
    fn learn(&mut self, revoked: Vec<String>) {
        if revoked.is_empty() {
            return;
        }
        self.revoked.add(revoked);
        self.memorize();
        self.discard_revoked();
    }

    /// Another worker starts: it gets to know what is revoked here, and we what it knows.
    fn hello(&mut self, from: &str, revoked: Option<&Value>) -> Value {
        tracing::info!(worker.other = from, "synchronized with another worker");
        let told = match revoked {
            Some(Value::Object(ids)) => ids.keys().cloned().collect(),
            Some(ids) => inspect::ids(ids),
            None => Vec::new(),
        };
        self.learn(told);
        json!({"revoked": self.revoked.ids(), "clock": forward(&self.core.events.clock())})
    }
}

/// A limit in seconds; `None` for no limit.
fn seconds(arguments: &Map<String, Value>, name: &str) -> Result<Option<f64>, String> {
    let value = match arguments.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text.parse().ok(),
        Some(other) => other.as_f64(),
    };
    let value = value.filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    let wrong = || format!("ValueError('{name} must be a number of seconds')");
    value
        .map(|seconds| (seconds > 0.0).then_some(seconds))
        .ok_or_else(wrong)
}

/// By how much the pool is to grow or shrink, 1 unless given.
fn count(arguments: &Map<String, Value>) -> Result<usize, String> {
    let number = match arguments.get("n") {
        None | Some(Value::Null) => Some(1),
        Some(Value::String(text)) => text.parse().ok(),
        Some(other) => other.as_u64(),
    };
    number
        .and_then(|number| usize::try_from(number).ok())
        .ok_or_else(|| "ValueError('n must be a whole number')".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_come_as_text() {
        let arguments =
            |value: Value| Map::from_iter([("n".to_owned(), value.clone()), ("hard".to_owned(), value)]);
        assert_eq!(count(&Map::new()), Ok(1));
        assert_eq!(count(&arguments(json!("3"))), Ok(3));
        assert!(count(&arguments(json!(-1))).is_err());
        assert_eq!(seconds(&arguments(json!(1.5)), "hard"), Ok(Some(1.5)));
        assert_eq!(seconds(&arguments(json!("2")), "hard"), Ok(Some(2.0)));
        assert_eq!(seconds(&arguments(json!(null)), "hard"), Ok(None));
        assert_eq!(seconds(&arguments(json!(0)), "hard"), Ok(None));
        assert!(seconds(&arguments(json!("soon")), "hard").is_err());
    }
}
