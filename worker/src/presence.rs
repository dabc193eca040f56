//! The worker's own entry among the workers, so that people see which ones run.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use domain::Clock;
use domain::redis_keys::{WORKER_REFRESH, WORKERS};
use domain::worker::{self, WorkerEntry};
use redis::AsyncCommands as _;
use redis::aio::ConnectionManager;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::settings::QueueSettings;

/// After this time without a refresh an entry is removed by others.
const FORGOTTEN_AFTER: TimeDelta = TimeDelta::minutes(10);

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
            concurrency: u32::try_from(settings.concurrency).unwrap_or(u32::MAX),
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
pub async fn served_hosts(
    redis: &ConnectionManager,
    now: DateTime<Utc>,
) -> redis::RedisResult<HashSet<String>> {
    let entries: Vec<String> = redis.clone().hvals(WORKERS).await?;
    Ok(worker::served_hosts(entries.iter().map(String::as_str), now))
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
