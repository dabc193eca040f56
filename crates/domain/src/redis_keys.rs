//! Every Redis key that Runner Pilot itself writes. Celery's own keys (queues, `unacked*`,
//! `_kombu.*`, `celery-task-meta-*`) are laid out by `celery-redis` as kombu does it.

use std::time::Duration;

use crate::ids::{InstanceId, LogStreamId, NodeId, OrgId};

/// How long [`runner_status`] lives without a heartbeat; its absence means offline.
pub const RUNNER_STATUS_TTL: Duration = Duration::from_mins(5);
/// How long [`runner_metrics`] lives without a new sample.
pub const RUNNER_METRICS_TTL: Duration = Duration::from_mins(10);

/// String, JSON of [`crate::telemetry::RunnerStatus`]; expires after [`RUNNER_STATUS_TTL`]; written by the worker
/// and, on a reporter's `PATCH`, by the api.
pub fn runner_status(id: &InstanceId) -> String {
    format!("runner_status:{id}")
}

/// String, JSON of [`crate::telemetry::RunnerMetrics`]; expires after [`RUNNER_METRICS_TTL`]; written by the worker.
pub fn runner_metrics(id: &InstanceId) -> String {
    format!("runner_metrics:{id}")
}

/// Stream of an organisation's changes ([`crate::change::Change`]), capped at [`EVENTS_MAX_LEN`]; written by api and worker after
/// each committed change, read by the api for its event streams. The database is the truth, these are hints.
pub fn events(org: &OrgId) -> String {
    format!("runner_pilot:events:{org}")
}

/// About how many entries a stream of [`events`] keeps.
pub const EVENTS_MAX_LEN: usize = 10_000;

/// How long a stream of [`events`] lives without a new entry.
pub const EVENTS_TTL: Duration = Duration::from_hours(24);

/// Stream of one entry at most that wakes one api process's reader of streams; expires after [`WAKE_TTL`];
/// written by that api when it has a further stream to read.
pub fn wake(process: &str) -> String {
    format!("runner_pilot:wake:{process}")
}

/// How long a stream of [`wake`] lives without a new entry.
pub const WAKE_TTL: Duration = Duration::from_mins(1);

/// Stream of what an instance writes while somebody looks ([`crate::logs::LogBatch`]), one per viewer, capped at
/// [`LOGS_MAX_LEN`], entries `1-0`, `2-0` …; expires after [`LOGS_TTL`]; written by the worker, read by the api.
pub fn logs(stream: &LogStreamId) -> String {
    format!("runner_pilot:logs:{stream}")
}

/// How many entries a stream of [`logs`] keeps.
pub const LOGS_MAX_LEN: usize = 32;

/// How long a stream of [`logs`] lives without a new entry.
pub const LOGS_TTL: Duration = Duration::from_mins(1);

/// String; while it is there somebody looks at a stream of [`logs`]; expires after [`LOGS_LEASE_TTL`]; written and
/// renewed by the api.
pub fn logs_lease(stream: &LogStreamId) -> String {
    format!("runner_pilot:logs_lease:{stream}")
}

/// How long a [`logs_lease`] lives without being renewed.
pub const LOGS_LEASE_TTL: Duration = Duration::from_secs(15);

/// Prefix of what the queue itself keeps beyond Celery's own keys: who holds which message, and the list of messages
/// that nobody can execute (`runner_pilot:queue.dead-letter`); written by the workers.
pub const QUEUE_PREFIX: &str = "runner_pilot:queue.";

/// Prefix of the beat's own keys (leader lock, last runs); written by the beat.
pub const BEAT_PREFIX: &str = "runner_pilot:beat";

/// String, the token of the beat that leads; expires by itself when it dies; written by the beat.
pub const BEAT_LOCK: &str = "runner_pilot:beat:lock";

/// Hash of entry name to the time of its last run, epoch seconds with a fraction; written by the beat.
pub const BEAT_LAST_RUN: &str = "runner_pilot:beat:last_run";

/// String, JSON of [`crate::schedule::Schedule`]; expires after [`BEAT_SCHEDULE_TTL`]; written by the beat that
/// leads every [`BEAT_SCHEDULE_REFRESH`], read by the api.
pub const BEAT_SCHEDULE: &str = "runner_pilot:beat:schedule";

/// How often the beat that leads says what it sends.
pub const BEAT_SCHEDULE_REFRESH: Duration = Duration::from_secs(5);

/// How long [`BEAT_SCHEDULE`] lives without being refreshed.
pub const BEAT_SCHEDULE_TTL: Duration = Duration::from_secs(20);

/// Hash of worker name to JSON of what it is; each field's `seen_at` is refreshed every
/// [`WORKER_REFRESH`] by its worker and removed when the worker stops.
pub const WORKERS: &str = "runner_pilot:workers";

/// String, the name of the worker that listens to a node's engine, so that each event is acted on once;
/// expires after [`NODE_WATCH_TTL`]; written by the workers.
pub fn node_watch(id: &NodeId) -> String {
    format!("runner_pilot:node_watch:{id}")
}

/// How long a claim on a node's events lives without being renewed.
pub const NODE_WATCH_TTL: Duration = Duration::from_secs(15);

/// How often a worker refreshes its entry in [`WORKERS`]; three missed ones mean that it is gone.
pub const WORKER_REFRESH: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_that_scripts_read_have_their_documented_names() {
        let id = InstanceId::new();
        assert_eq!(runner_status(&id), format!("runner_status:{id}"));
        assert_eq!(runner_metrics(&id), format!("runner_metrics:{id}"));
    }

    #[test]
    fn the_keys_of_the_beat_are_those_of_its_prefix() {
        assert_eq!(BEAT_LOCK, format!("{BEAT_PREFIX}:lock"));
        assert_eq!(BEAT_LAST_RUN, format!("{BEAT_PREFIX}:last_run"));
    }

    #[test]
    fn every_other_key_starts_with_our_prefix() {
        for key in [
            events(&OrgId::new()),
            BEAT_PREFIX.to_owned(),
            BEAT_SCHEDULE.to_owned(),
            WORKERS.to_owned(),
            node_watch(&NodeId::new()),
            wake("1"),
            logs(&LogStreamId::new()),
            logs_lease(&LogStreamId::new()),
        ] {
            assert!(key.starts_with("runner_pilot:"), "{key}");
        }
    }
}
