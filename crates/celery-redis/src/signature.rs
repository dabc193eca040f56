//! What to call: a task's name, its arguments and the options of one call.

use std::{fmt::Display, time::Duration};

use celery::task::Task;
use chrono::{DateTime, FixedOffset, SecondsFormat, TimeDelta, TimeZone, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{canvas::Canvas, clock, draft::Draft, error::Error, routing::Routes};

/// When a call is no longer wanted.
#[derive(Debug, Clone, Copy)]
enum Expiry {
    In(Duration),
    At(DateTime<Utc>),
}

/// When a call becomes due.
#[derive(Debug, Clone, Copy)]
enum Start {
    In(Duration),
    At(DateTime<FixedOffset>),
}

/// A call of a task: name, arguments and options.
///
/// Relative times (`countdown`, `expires_in`) count from the moment of sending, so one signature can be sent
/// many times.
#[derive(Debug, Clone, Default)]
pub struct Signature {
    task: String,
    args: Vec<Value>,
    kwargs: Map<String, Value>,
    task_id: Option<String>,
    queue: Option<String>,
    priority: Option<i64>,
    start: Option<Start>,
    expiry: Option<Expiry>,
    time_limit: Option<f64>,
    soft_time_limit: Option<f64>,
    ignore_result: bool,
    shadow: Option<String>,
    headers: Map<String, Value>,
    stamps: Map<String, Value>,
    link: Vec<Signature>,
    link_error: Vec<Signature>,
    immutable: bool,
}

impl Signature {
    /// A call of the task registered under this name.
    pub fn new(task: impl Into<String>) -> Self {
        Self {
            task: task.into(),
            ..Self::default()
        }
    }

    /// A call of a task of the `celery` crate; the parameters become positional arguments.
    pub fn of<T: Task>(params: &T::Params) -> Result<Self, Error> {
        let value = serde_json::to_value(params).map_err(Error::json("a task's parameters"))?;
        let mut signature = Self::new(T::NAME);
        if let Value::Object(mut named) = value {
            for name in T::ARGS {
                signature.args.push(named.remove(*name).unwrap_or(Value::Null));
            }
            signature.kwargs = named;
        }
        Ok(signature)
    }

    /// Adds a positional argument; use `serde_json::json!` for a composite one.
    #[must_use]
    pub fn arg(mut self, value: impl Into<Value>) -> Self {
        self.args.push(value.into());
        self
    }

    /// Adds several positional arguments.
    #[must_use]
    pub fn args<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        self.args.extend(values.into_iter().map(Into::into));
        self
    }

    /// Adds a keyword argument.
    #[must_use]
    pub fn kwarg(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.kwargs.insert(name.into(), value.into());
        self
    }

    /// Chooses the queue; without it the call goes where the sender's routes lead to, else to its default queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// Sets the priority, 0 (first) to 9 (last); kombu rounds it down to 0, 3, 6 or 9.
    #[must_use]
    pub fn priority(mut self, priority: i64) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Makes the call due this long after it is sent.
    #[must_use]
    pub fn countdown(mut self, delay: Duration) -> Self {
        self.start = Some(Start::In(delay));
        self
    }

    /// Makes the call due at an instant; the offset is kept in the message.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a time is passed by value everywhere else"
    )]
    pub fn eta<Tz: TimeZone>(mut self, eta: DateTime<Tz>) -> Self
    where
        Tz::Offset: Display,
    {
        self.start = Some(Start::At(eta.fixed_offset()));
        self
    }

    /// Lets the call lapse this long after it is sent: a worker then stores `REVOKED` instead of running it.
    #[must_use]
    pub fn expires_in(mut self, age: Duration) -> Self {
        self.expiry = Some(Expiry::In(age));
        self
    }

    /// Lets the call lapse at an instant.
    #[must_use]
    pub fn expires_at(mut self, time: DateTime<Utc>) -> Self {
        self.expiry = Some(Expiry::At(time));
        self
    }

    /// Sets the hard time limit, after which the task fails with `TimeLimitExceeded`.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit.as_secs_f64());
        self
    }

    /// Sets the soft time limit, after which the task fails with `SoftTimeLimitExceeded`, or is told of it if it has asked
    /// by [`soft_limit`](crate::soft_limit()).
    #[must_use]
    pub fn soft_time_limit(mut self, limit: Duration) -> Self {
        self.soft_time_limit = Some(limit.as_secs_f64());
        self
    }

    /// Asks the worker to store no result.
    #[must_use]
    pub fn ignore_result(mut self, ignore: bool) -> Self {
        self.ignore_result = ignore;
        self
    }

    /// Sets the name shown in logs and events instead of the task's.
    #[must_use]
    pub fn shadow(mut self, name: impl Into<String>) -> Self {
        self.shadow = Some(name.into());
        self
    }

    /// Adds a custom message header; a task reads it back from `current_request()`.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Stamps the call: workers can be told to revoke whatever bears a stamp. A value may be a list of several.
    #[must_use]
    pub fn stamp(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.stamps.insert(name.into(), value.into());
        self
    }

    /// Chooses the task id, a fresh UUID otherwise. Sent twice, the calls share one result.
    #[must_use]
    pub fn task_id(mut self, id: impl Into<String>) -> Self {
        self.task_id = Some(id.into());
        self
    }

    /// Adds a call to make with this one's return value as its first argument.
    #[must_use]
    pub fn link(mut self, callback: Self) -> Self {
        self.link.push(callback);
        self
    }

    /// Makes this call, then the next with its return value as the first argument.
    #[must_use]
    pub fn then(self, next: impl Into<Canvas>) -> Canvas {
        Canvas::from(self).then(next)
    }

    /// Adds a call to make with this one's task id as its first argument when it fails.
    #[must_use]
    pub fn link_error(mut self, errback: Self) -> Self {
        self.link_error.push(errback);
        self
    }

    /// As a callback, takes no argument from its caller.
    #[must_use]
    pub fn immutable(mut self) -> Self {
        self.immutable = true;
        self
    }

    /// The name of the task.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// The message this call becomes if sent now.
    pub(crate) fn draft(&self, routes: &Routes) -> Draft {
        let signatures = |list: &[Self]| match list {
            [] => Value::Null,
            list => list.iter().map(Self::to_json).collect(),
        };
        Draft {
            task: self.task.clone(),
            id: self.task_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string()),
            args: self.args.clone(),
            kwargs: self.kwargs.clone(),
            callbacks: signatures(&self.link),
            errbacks: signatures(&self.link_error),
            shadow: self.shadow.clone(),
            eta: self.eta_value(),
            expires: self.expires(),
            time_limits: [self.time_limit, self.soft_time_limit],
            ignore_result: self.ignore_result,
            headers: self.headers.clone(),
            stamped_headers: if self.stamps.is_empty() {
                Value::Null
            } else {
                self.stamps.keys().cloned().collect()
            },
            stamps: Value::Object(self.stamps.clone()),
            queue: Some(
                self.queue
                    .clone()
                    .unwrap_or_else(|| routes.queue_of(&self.task).to_owned()),
            ),
            priority: self.priority.unwrap_or(0),
            ..Draft::default()
        }
    }

    fn eta_value(&self) -> Value {
        match self.start {
            None => Value::Null,
            Some(Start::In(delay)) => json!(clock::iso(clock::now() + delta(delay))),
            Some(Start::At(time)) => json!(time.to_rfc3339_opts(SecondsFormat::Micros, false)),
        }
    }

    fn expires(&self) -> Option<DateTime<Utc>> {
        self.expiry.map(|expiry| match expiry {
            Expiry::In(age) => clock::now() + delta(age),
            Expiry::At(time) => time,
        })
    }

    /// The signature as it travels inside another message (reference: Celery's canvas JSON).
    pub(crate) fn to_json(&self) -> Value {
        let mut options = Map::new();
        let mut set = |name: &str, value: Value| {
            if !value.is_null() {
                options.insert(name.to_owned(), value);
            }
        };
        set(
            "task_id",
            json!(self.task_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string())),
        );
        set("queue", json!(self.queue));
        set("priority", json!(self.priority));
        match self.start {
            Some(Start::In(delay)) => set("countdown", json!(delay.as_secs_f64())),
            Some(Start::At(_)) => set("eta", self.eta_value()),
            None => {}
        }
        match self.expiry {
            Some(Expiry::In(age)) => set("expires", json!(age.as_secs_f64())),
            Some(Expiry::At(time)) => set("expires", json!(clock::iso(time))),
            None => {}
        }
        set("time_limit", json!(self.time_limit));
        set("soft_time_limit", json!(self.soft_time_limit));
        set("shadow", json!(self.shadow));
        if self.ignore_result {
            set("ignore_result", json!(true));
        }
        if !self.headers.is_empty() {
            set("headers", json!(self.headers));
        }
        if !self.stamps.is_empty() {
            set("stamped_headers", self.stamps.keys().cloned().collect());
            for (name, value) in &self.stamps {
                set(name, value.clone());
            }
        }
        if !self.link.is_empty() {
            set("link", self.link.iter().map(Self::to_json).collect());
        }
        if !self.link_error.is_empty() {
            set("link_error", self.link_error.iter().map(Self::to_json).collect());
        }
        json!({"task": self.task, "args": self.args, "kwargs": self.kwargs, "options": options,
               "subtask_type": null, "immutable": self.immutable})
    }
}

/// A duration as a time difference; one too long for a calendar counts as a thousand years.
pub(crate) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration)
        .ok()
        .filter(|delta| delta.num_days() < 365_000)
        .unwrap_or(TimeDelta::days(365_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_countdown_becomes_a_utc_eta_with_microseconds() {
        let draft = Signature::new("t")
            .countdown(Duration::from_mins(1))
            .draft(&Routes::default());
        let text = draft.eta.as_str().unwrap().to_owned();
        assert!(text.ends_with("+00:00"), "{text}");
        let delay = clock::parse(&text).unwrap() - clock::now();
        assert!((58..=60).contains(&delay.num_seconds()), "{delay}");
    }

    #[test]
    fn an_eta_keeps_its_offset() {
        let eta = DateTime::parse_from_rfc3339("2030-01-02T03:04:05+02:00").unwrap();
        let draft = Signature::new("t").eta(eta).draft(&Routes::default());
        assert_eq!(draft.eta, json!("2030-01-02T03:04:05.000000+02:00"));
    }

    #[test]
    fn a_linked_signature_travels_in_celerys_canvas_form() {
        let draft = Signature::new("a")
            .link(Signature::new("b").arg(1).queue("q").task_id("x"))
            .draft(&Routes::default());
        assert_eq!(
            draft.callbacks,
            json!([{"task": "b", "args": [1], "kwargs": {}, "options": {"task_id": "x", "queue": "q"},
                    "subtask_type": null, "immutable": false}])
        );
    }

    #[test]
    fn the_longest_durations_do_not_overflow() {
        let draft = Signature::new("t")
            .countdown(Duration::MAX)
            .expires_in(Duration::MAX)
            .draft(&Routes::default());
        assert!(draft.expires.is_some());
    }
}
