//! Rate limits: a bucket for each limited task, which holds one token and what waits for it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::worker::{consumer::Consumer, job::Job};

/// The limits in force, by task.
#[derive(Debug, Default)]
pub(super) struct Buckets(HashMap<String, Bucket>);

#[derive(Debug)]
struct Bucket {
    /// The limit as it was given.
    text: String,
    /// Time for a token to appear.
    every: Duration,
    /// When the next token is there.
    next: Instant,
    waiting: VecDeque<Arc<Job>>,
}

impl Buckets {
    /// Sets the limit of a task, or none; returns the jobs that waited under the one before.
    pub(super) fn set(&mut self, task: &str, limit: Option<(String, Duration)>) -> VecDeque<Arc<Job>> {
        let before = self.0.remove(task);
        if let Some((text, every)) = limit {
            let bucket = Bucket {
                text,
                every,
                next: Instant::now(),
                waiting: VecDeque::new(),
            };
            self.0.insert(task.to_owned(), bucket);
        }
        before.map(|bucket| bucket.waiting).unwrap_or_default()
    }

    /// The limit of a task as it was given.
    pub(super) fn text(&self, task: &str) -> Option<&str> {
        self.0.get(task).map(|bucket| bucket.text.as_str())
    }

    /// Keeps a job until its turn; gives it back if its task is not limited.
    pub(super) fn put(&mut self, job: Arc<Job>) -> Option<Arc<Job>> {
        match self.0.get_mut(&job.message.task) {
            Some(bucket) => {
                bucket.waiting.push_back(job);
                None
            }
            None => Some(job),
        }
    }

    /// The jobs whose turn has come.
    pub(super) fn take(&mut self) -> Vec<Arc<Job>> {
        let now = Instant::now();
        let mut taken = Vec::new();
        for bucket in self.0.values_mut() {
            while bucket.next <= now
                && let Some(job) = bucket.waiting.pop_front()
            {
                taken.push(job);
                // One token at most is saved up.
                bucket.next = bucket.next.max(now.checked_sub(bucket.every).unwrap_or(now)) + bucket.every;
            }
        }
        taken
    }

    /// When the next turn comes.
    pub(super) fn next(&self) -> Option<Instant> {
        let due = self.0.values().filter(|bucket| !bucket.waiting.is_empty());
        due.map(|bucket| bucket.next).min()
    }

    /// Drops jobs.
    pub(super) fn retain(&mut self, keep: impl Fn(&Job) -> bool) {
        for bucket in self.0.values_mut() {
            bucket.waiting.retain(|job| keep(job));
        }
    }
}

impl Consumer {
    /// Limits how often a task may start; returns what to answer.
    pub(super) fn limit_rate(&mut self, task: &str, text: &str) -> Result<&'static str, String> {
        let limit = parse(text)?;
        if !self.core.registry.contains(task) {
            return Err("unknown task".to_owned());
        }
        tracing::info!(task.name = task, limit = text, "rate limit set by remote control");
        let limited = limit.is_some();
        for job in self
            .buckets
            .set(task, limit.map(|every| (text.to_owned(), every)))
        {
            if let Some(job) = self.buckets.put(job) {
                self.ready.push_back(job);
            }
        }
        self.refill();
        Ok(if limited {
            "new rate limit set successfully"
        } else {
            "rate limit disabled successfully"
        })
    }

    /// Lets jobs start whose turn has come.
    pub(super) fn refill(&mut self) {
        self.ready.extend(self.buckets.take());
    }
}

/// Reads `10/s`, `10/m`, `10/h` or a number per second into the time for one; `None` if there is no limit.
fn parse(text: &str) -> Result<Option<Duration>, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let number = number.trim();
    if number.is_empty() {
        return Ok(None);
    }
    let invalid = || {
        format!("Invalid rate limit string: ValueError(\"could not convert string to float: '{number}'\")")
    };
    let rate: f64 = number.parse().map_err(|_| invalid())?;
    let seconds = match unit.trim() {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("KeyError('{other}')")),
    };
    if rate == 0.0 {
        return Ok(None);
    }
    Duration::try_from_secs_f64(seconds / rate)
        .ok()
        .filter(|every| !every.is_zero())
        .map(Some)
        .ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_celery_writes_them() {
        for (text, seconds) in [
            ("2/s", 0.5),
            ("10/m", 6.0),
            ("1/h", 3600.0),
            ("0.5", 2.0),
            ("4", 0.25),
        ] {
            assert_eq!(parse(text), Ok(Some(Duration::from_secs_f64(seconds))), "{text}");
        }
        for text in ["0", "", "0/m"] {
            assert_eq!(parse(text), Ok(None), "{text}");
        }
        for text in ["fast", "1/d", "-1", "nan", "inf/s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
