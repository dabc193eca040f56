//! What is sent periodically, as the beat tells it.

use domain::redis_keys::{BEAT_LAST_RUN, BEAT_SCHEDULE};
use redis::AsyncCommands as _;
use serde_json::json;

use crate::support::System;

#[tokio::test]
async fn the_schedule_is_shown_with_its_leader_and_times() -> anyhow::Result<()> {
    let system = System::start().await?;
    let nobody = system.admin.get("/common/schedules").await?.expect(200)?;
    assert_eq!(nobody, json!({"entries": []}));
    let schedule = json!({"leader": "beat@box:7", "version": "0.1.0", "started_at": "2026-11-24T12:00:00Z",
        "seen_at": "2026-11-24T12:00:05Z", "entries": [
            {"name": "check_nodes", "task": "check_nodes", "queue": "monitoring", "every_secs": 60},
            {"name": "nightly", "task": "prune_expired", "queue": "monitoring", "crontab": "0 3 * * *"}]});
    let mut redis = system.redis.connection().await?;
    let () = redis.set(BEAT_SCHEDULE, schedule.to_string()).await?;
    let () = redis
        .hset(BEAT_LAST_RUN, "check_nodes", "1795435200.500000")
        .await?;
    let shown = system.admin.get("/common/schedules").await?.expect(200)?;
    assert_eq!(shown["leader"]["name"], "beat@box:7");
    let entry = &shown["entries"][0];
    assert_eq!(entry["last_sent_at"], "2026-11-23T12:00:00.500+00:00", "{entry}");
    assert_eq!(entry["next_due_at"], "2026-11-23T12:01:00.500+00:00", "{entry}");
    let nightly = &shown["entries"][1];
    assert_eq!(
        (&nightly["crontab"], nightly.get("next_due_at")),
        (&json!("0 3 * * *"), None)
    );
    // What another release says in other words is not guessed at.
    let () = redis.set(BEAT_SCHEDULE, "{}").await?;
    assert!(
        system
            .admin
            .get("/common/schedules")
            .await?
            .expect(200)?
            .get("leader")
            .is_none()
    );
    Ok(())
}
