//! The worker's own entry among the workers, so that people see which ones run.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use domain::Clock;
use domain::redis_keys::{WORKER_REFRESH, WORKERS};
use domain::tasks::host_queue;
use redis::AsyncCommands as _;
use redis::aio::ConnectionManager;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::settings::QueueSettings;

/// After this time without a refresh an entry is removed by others.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::minutes(10);

/// One worker's entry in [`WORKERS`], as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerEntry {
    /// Its machine, as nodes of type `local` name it.
    pub host: String,
    /// What it consumes.
    pub queues: Vec<String>,
    /// How many tasks it runs at once.
    pub concurrency: usize,
    /// Its version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it last said so.
    pub seen_at: DateTime<Utc>,
}

/// Refreshes the entry until `stop`, then removes it.
pub async fn announce(
    mut redis: ConnectionManager,
    settings: QueueSettings,
    clock: std::sync::Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let started_at = clock.now();
    let mut ticks = tokio::time::interval(WORKER_REFRESH);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => break,
        }
        let entry = WorkerEntry {
            host: settings.host().to_owned(),
            queues: settings.all_queues(),
            concurrency: settings.concurrency,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_at,
            seen_at: clock.now(),
        };
        let Ok(json) = serde_json::to_string(&entry) else {
            continue;
        };
        if let Err(error) = redis.hset::<_, _, _, ()>(WORKERS, &settings.hostname, json).await {
            debug!(%error, "the worker's entry was not refreshed");
        }
    }
    if let Err(error) = redis.hdel::<_, _, ()>(WORKERS, &settings.hostname).await {
        debug!(%error, "the worker's entry was not removed");
    }
}

/// The hosts that a worker takes tasks for, going by the entries that were refreshed lately.
///
/// What is sent to any other host's queue is read by nobody: it only piles up.
pub async fn served_hosts(
    redis: &ConnectionManager,
    now: DateTime<Utc>,
) -> redis::RedisResult<HashSet<String>> {
    let entries: HashMap<String, String> = redis.clone().hgetall(WORKERS).await?;
    let patience = TimeDelta::from_std(WORKER_REFRESH * 3).unwrap_or(TimeDelta::MAX);
    let prefix = host_queue("");
    Ok(entries
        .values()
        .filter_map(|json| serde_json::from_str::<WorkerEntry>(json).ok())
        .filter(|entry| now - entry.seen_at <= patience)
        .flat_map(|entry| entry.queues)
        .filter_map(|queue| queue.strip_prefix(&prefix).map(str::to_owned))
        .collect())
}

/// Removes the entries of workers that ended without saying so, and says how many.
pub async fn forget_gone(redis: &ConnectionManager, now: DateTime<Utc>) -> redis::RedisResult<usize> {
    let mut redis = redis.clone();
    let entries: HashMap<String, String> = redis.hgetall(WORKERS).await?;
    let gone: Vec<String> = entries
        .into_iter()
        .filter(|(_, json)| {
            serde_json::from_str::<WorkerEntry>(json)
                .map_or(true, |entry| now - entry.seen_at > FORGOTTEN_AFTER)
        })
        .map(|(name, _)| name)
        .collect();
    if gone.is_empty() {
        return Ok(0);
    }
    redis.hdel(WORKERS, gone).await
}
