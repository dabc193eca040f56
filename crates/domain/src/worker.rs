//! What workers say of themselves in Redis, so that people see which ones run and nothing is sent to nobody.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::redis_keys::WORKER_REFRESH;
use crate::tasks::host_queue;

/// One worker's entry in [`WORKERS`](crate::redis_keys::WORKERS), as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerEntry {
    /// Its machine, as nodes of type `local` name it.
    pub host: String,
    /// What it consumes.
    pub queues: Vec<String>,
    /// How many tasks it runs at once.
    pub concurrency: u32,
    /// Its version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it last said so.
    pub seen_at: DateTime<Utc>,
}

impl WorkerEntry {
    /// Whether it was refreshed lately: three missed refreshes mean that the worker is gone.
    pub fn is_alive(&self, now: DateTime<Utc>) -> bool {
        let patience = TimeDelta::from_std(WORKER_REFRESH * 3).unwrap_or(TimeDelta::MAX);
        now - self.seen_at <= patience
    }
}

/// The hosts that a living worker takes tasks for, going by the entries' JSON; what can't be read is passed over.
///
/// What is sent to any other host's queue is read by nobody: it only piles up.
pub fn served_hosts<'a>(entries: impl IntoIterator<Item = &'a str>, now: DateTime<Utc>) -> HashSet<String> {
    let prefix = host_queue("");
    entries
        .into_iter()
        .filter_map(|json| serde_json::from_str::<WorkerEntry>(json).ok())
        .filter(|entry| entry.is_alive(now))
        .flat_map(|entry| entry.queues)
        .filter_map(|queue| queue.strip_prefix(&prefix).map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn entry(host: &str, unseen_for: i64) -> WorkerEntry {
        WorkerEntry {
            host: host.to_owned(),
            queues: vec!["celery".to_owned(), host_queue(host)],
            concurrency: 4,
            version: "1".to_owned(),
            pid: 1,
            started_at: now() - TimeDelta::hours(1),
            seen_at: now() - TimeDelta::seconds(unseen_for),
        }
    }

    #[test]
    fn a_worker_that_missed_three_refreshes_is_gone() {
        assert!(entry("box", 30).is_alive(now()));
        assert!(!entry("box", 31).is_alive(now()));
    }

    #[test]
    fn hosts_are_served_by_living_workers_of_their_queues() {
        let mut elsewhere = entry("elsewhere", 0);
        elsewhere.queues = vec!["celery".to_owned()];
        let texts: Vec<String> = [entry("box", 5), entry("gone", 60), elsewhere]
            .iter()
            .map(|entry| serde_json::to_string(entry).unwrap())
            .chain(["no JSON".to_owned()])
            .collect();
        let served = served_hosts(texts.iter().map(String::as_str), now());
        assert_eq!(served, HashSet::from(["box".to_owned()]));
    }
}
