//! A viewer's Redis stream.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::ids::LogStreamId;
use domain::logs::{BATCH_FIELD, LogBatch};
use domain::redis_keys::{self, LOGS_MAX_LEN, LOGS_TTL};
use process::telemetry::redact;
use redis::AsyncCommands as _;
use redis::aio::ConnectionManager;
use redis::streams::StreamMaxlen;

/// Where the lines for one viewer go.
pub struct Outlet {
    redis: ConnectionManager,
    stream: String,
    lease: String,
    handed_on: AtomicU64,
}

impl Outlet {
    /// That viewer's.
    pub fn new(redis: ConnectionManager, viewer: &LogStreamId) -> Self {
        Self {
            redis,
            stream: redis_keys::logs(viewer),
            lease: redis_keys::logs_lease(viewer),
            handed_on: AtomicU64::new(0),
        }
    }

    /// Whether somebody still looks. Who can't be asked can't be told anything either.
    pub async fn is_watched(&self) -> bool {
        let there: redis::RedisResult<bool> = self.redis.clone().exists(&self.lease).await;
        there.unwrap_or(false)
    }

    /// Hands on a batch; `false` when it did not get there. What looks like a secret is masked: jobs may
    /// print anything. Batches are numbered from 1 by their entries' ids: the viewer notices one that is
    /// missing, and of two workers that were given the same message one gives up.
    pub async fn push(&self, mut batch: LogBatch) -> bool {
        if !batch.lines.is_empty() {
            let text = batch.lines.join("\n");
            batch.lines = redact(&text).split('\n').map(str::to_owned).collect();
        }
        let Ok(json) = serde_json::to_string(&batch) else {
            return false;
        };
        let ttl = i64::try_from(LOGS_TTL.as_secs()).unwrap_or(i64::MAX);
        let limit = StreamMaxlen::Equals(LOGS_MAX_LEN);
        let id = format!("{}-0", self.handed_on.fetch_add(1, Ordering::Relaxed) + 1);
        // Not ignored: an ignored command's failure would be.
        let pushed: redis::RedisResult<(String, i64)> = redis::pipe()
            .xadd_maxlen(&self.stream, limit, id, &[(BATCH_FIELD, json)])
            .expire(&self.stream, ttl)
            .query_async(&mut self.redis.clone())
            .await;
        pushed
            .inspect_err(|error| tracing::debug!(%error, "a viewer's lines did not reach Redis"))
            .is_ok()
    }
}
