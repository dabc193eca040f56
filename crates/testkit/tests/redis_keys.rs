//! Which keys the system keeps in Redis.

use std::time::Duration;

use anyhow::ensure;
use domain::redis_keys::QUEUE_PREFIX;
use redis::AsyncCommands as _;
use testkit::harness::{DatabaseKind, Stack, eventually};

const PATIENCE: Duration = Duration::from_mins(1);

/// What Celery and kombu lay out themselves, and the two that the design names.
const NAMED: [&str; 8] = [
    "celery",
    "monitoring",
    "unacked",
    "_kombu.",
    "celery-task-meta-",
    "celery-taskset-meta-",
    "runner_status:",
    "runner_metrics:",
];

#[tokio::test]
async fn every_key_beyond_celerys_own_starts_with_runner_pilot() -> anyhow::Result<()> {
    let stack = Stack::start(DatabaseKind::Sqlite, &[("HEARTBEAT_INTERVAL_SECS", "1")]).await?;
    let mut connection = stack.redis.connection().await?;
    // Nobody can execute this, so it is kept under a key that Celery does not know.
    let _: u64 = connection.lpush("celery", "no message").await?;
    let dead_letter = format!("{QUEUE_PREFIX}dead-letter");
    eventually(
        PATIENCE,
        "ticks are sent and the message is set aside",
        || async {
            let keys = stack.redis.keys().await?;
            for wanted in [
                dead_letter.as_str(),
                "runner_pilot:beat:last_run",
                "runner_pilot:workers",
            ] {
                ensure!(keys.iter().any(|key| key == wanted), "no {wanted} among {keys:?}");
            }
            Ok(())
        },
    )
    .await?;
    for key in stack.redis.keys().await? {
        let known = key.starts_with("runner_pilot:")
            || (!key.starts_with("celery-redis") && NAMED.iter().any(|name| key.starts_with(name)));
        ensure!(known, "{key} is not under the project's prefix");
    }
    Ok(())
}
