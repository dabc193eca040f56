//! Tells an organisation's event stream what changed, after it was committed.

use domain::change::{CHANGE_FIELD, Change};
use domain::ids::OrgId;
use domain::redis_keys::{self, EVENTS_MAX_LEN, EVENTS_TTL};
use redis::aio::ConnectionManager;
use redis::streams::StreamMaxlen;
use tracing::warn;

/// Adds changes to an organisation's stream. Events are hints and the database is the truth, so a Redis
/// that is away costs a log line and nothing else.
pub async fn publish(redis: &ConnectionManager, org: &OrgId, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    let key = redis_keys::events(org);
    let mut pipeline = redis::pipe();
    for change in changes {
        let json = match serde_json::to_string(change) {
            Ok(json) => json,
            Err(error) => {
                warn!(%error, "an event could not be written as JSON");
                continue;
            }
        };
        pipeline
            .xadd_maxlen(
                &key,
                StreamMaxlen::Approx(EVENTS_MAX_LEN),
                "*",
                &[(CHANGE_FIELD, json)],
            )
            .ignore();
    }
    let ttl = i64::try_from(EVENTS_TTL.as_secs()).unwrap_or(i64::MAX);
    pipeline.expire(&key, ttl).ignore();
    if let Err(error) = pipeline.query_async::<()>(&mut redis.clone()).await {
        warn!(org.id = %org, error = %error, "an event was not published; open pages refresh by themselves");
    }
}
