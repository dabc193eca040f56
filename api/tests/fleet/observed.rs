//! What is reported and read back: status, usage, logs.

use std::time::Duration;

use chrono::TimeDelta;
use domain::instance::InstanceState::{Creating, Draining, Running, Starting, Stopped, Stopping};
use domain::telemetry::RunnerMetrics;
use entities::repo::lifecycle::{self, Event, Observed};
use entities::repo::samples::{self, Sample};
use entities::repo::timeline;
use redis::AsyncCommands as _;
use serde_json::{Value, json};
use testkit::harness::client::ApiClient;
use testkit::harness::eventually;

use crate::support::System;

#[tokio::test]
async fn a_reported_status_is_in_redis_exactly_as_documented() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (runner, instance, id) = system.instance("beat").await?;
    system.walk(&id, &[Creating, Starting, Running]).await?;
    let view = system
        .admin
        .patch(&instance, &json!({"status": "busy"}))
        .await?
        .expect(200)?;
    assert_eq!(view["status"], "busy");
    let mut redis = system.redis.connection().await?;
    let key = format!("runner_status:{id}");
    let stored: String = redis.get(&key).await?;
    let value: Value = serde_json::from_str(&stored)?;
    assert_eq!(value.as_object().map(serde_json::Map::len), Some(2));
    assert_eq!(value["status"], "busy");
    let heartbeat = value["last_heartbeat"].as_str().unwrap_or_default();
    assert!(heartbeat.len() == 20 && heartbeat.ends_with('Z'), "{heartbeat}");
    let ttl: i64 = redis.ttl(&key).await?;
    assert!((1..=300).contains(&ttl), "{ttl}");
    assert_eq!(system.admin.get(&runner).await?.expect(200)?["status"], "busy");
    let busy = system
        .admin
        .get(&format!("{runner}/instance?status=busy"))
        .await?
        .expect(200)?;
    assert_eq!(
        (&busy["total"], &busy["items"][0]["status"]),
        (&json!(1), &json!("busy"))
    );
    // Absence is offline, whatever the database last heard.
    let _: () = redis.del(&key).await?;
    assert_eq!(
        system.admin.get(&instance).await?.expect(200)?["status"],
        "offline"
    );
    assert_eq!(
        system
            .admin
            .get(&format!("{runner}/instance?status=busy"))
            .await?
            .expect(200)?["total"],
        0
    );
    Ok(())
}

#[tokio::test]
async fn nothing_is_reported_of_an_instance_that_does_not_run() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (_, instance, id) = system.instance("still").await?;
    system.walk(&id, &[Draining, Stopping, Stopped]).await?;
    system
        .admin
        .patch(&instance, &json!({"status": "idle"}))
        .await?
        .problem(409)?;
    assert!(
        !system
            .redis
            .keys()
            .await?
            .iter()
            .any(|key| key.starts_with("runner_status"))
    );
    Ok(())
}

#[tokio::test]
async fn usage_is_the_latest_sample_and_means_over_the_range() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (_, instance, id) = system.instance("usage").await?;
    let start = system.context.now() - TimeDelta::minutes(10);
    let taken: Vec<Sample> = (0..20)
        .map(|step| Sample {
            instance: id.clone(),
            at: start + TimeDelta::seconds(step * 30),
            metrics: RunnerMetrics {
                cpu_usage: 40.0,
                memory_usage: 50.0,
                disk_usage: 60.0,
            },
        })
        .collect();
    samples::insert(&system.context.db, &taken).await?;
    let mut redis = system.redis.connection().await?;
    let latest = r#"{"cpu_usage":45.5,"memory_usage":70.2,"disk_usage":80.1}"#;
    let _: () = redis.set(format!("runner_metrics:{id}"), latest).await?;
    let view = system
        .admin
        .get(&format!("{instance}/metrics?points=5"))
        .await?
        .expect(200)?;
    assert_eq!(
        view["current"],
        json!({"cpu_usage": 45.5, "memory_usage": 70.2, "disk_usage": 80.1})
    );
    let points = view["points"].as_array().cloned().unwrap_or_default();
    assert!((1..=5).contains(&points.len()), "{points:?}");
    assert_eq!(
        points
            .iter()
            .filter_map(|point| point["samples"].as_u64())
            .sum::<u64>(),
        20
    );
    assert_eq!(points[0]["memory_usage"], 50.0);
    let reply = system.admin.get(&format!("{instance}/metrics?points=0")).await?;
    reply.problem(422)?;
    assert_eq!(reply.invalid_fields()?, ["points"]);
    Ok(())
}

#[tokio::test]
async fn a_log_is_read_by_a_worker_and_needs_the_permission() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (_, instance, id) = system.instance("log").await?;
    let path = format!("{instance}/logs?tail=2");
    let member = system.member("eve", json!({"update_instance": true})).await?;
    member.get(&path).await?.problem(403)?;
    // Without a container nobody is asked.
    assert_eq!(system.admin.get(&path).await?.expect(200)?["lines"], json!([]));
    let lease = lifecycle::Lease {
        token: "test",
        until: system.context.now() + TimeDelta::minutes(1),
    };
    let claimed = lifecycle::claim(
        &system.context.db,
        &id,
        &domain::instance::InstanceState::ALL,
        &lease,
        system.context.now(),
    );
    assert!(claimed.await?.is_some());
    let container = Observed {
        instance_identifier: Some(Some("ab".repeat(32))),
        ..Observed::default()
    };
    assert!(lifecycle::record(&system.context.db, &id, "test", container, system.context.now()).await?);
    let (log, answered) = tokio::join!(system.admin.get(&path), answer_next(&system, "fetch_logs"));
    assert_eq!(answered?, json!([id.as_str(), 2]));
    assert_eq!(
        log?.expect(200)?,
        json!({"lines": ["one", "two"], "truncated": false})
    );
    let keys = system.redis.keys().await?;
    assert!(
        !keys.iter().any(|key| key.starts_with("celery-task-meta-")),
        "the log stays nowhere: {keys:?}"
    );
    let reply = system.admin.get(&format!("{instance}/logs?tail=5001")).await?;
    reply.problem(422)?;
    assert_eq!(reply.invalid_fields()?, ["tail"]);
    Ok(())
}

/// Plays a worker: answers the next message of that task and says what its arguments were.
async fn answer_next(system: &System, task: &str) -> anyhow::Result<Value> {
    let found = eventually(Duration::from_secs(9), "the task is queued", || async {
        let messages = system.messages("celery").await?;
        let found = messages.into_iter().find(|(name, ..)| name == task);
        found.ok_or_else(|| anyhow::anyhow!("not yet"))
    });
    let (_, args, message) = found.await?;
    let id = message["headers"]["id"].as_str().unwrap_or_default();
    let meta = json!({"status": "SUCCESS", "result": {"lines": ["one", "two"], "truncated": false},
        "traceback": null, "children": [], "date_done": "2026-11-23T12:00:00", "task_id": id});
    let mut redis = system.redis.connection().await?;
    let key = format!("celery-task-meta-{id}");
    let _: () = redis.set(&key, meta.to_string()).await?;
    let _: () = redis.publish(&key, meta.to_string()).await?;
    Ok(args)
}

#[tokio::test]
async fn who_may_not_read_logs_does_not_find_them_on_the_timeline() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (_, instance, id) = system.instance("quoted").await?;
    let db = &system.context.db;
    let row = lifecycle::find(db, &id).await?.unwrap();
    let event = Event {
        kind: timeline::LOG,
        message: "The last lines of the container's log:\nlogin as root",
        detail: None,
    };
    lifecycle::add_event(db, &row, event, row.created_at).await?;
    let path = format!("{instance}/events");
    let count = async |client: &ApiClient, query: &str| {
        let page = client.get(&format!("{path}{query}")).await?.expect(200)?;
        anyhow::Ok(page["total"].as_u64().unwrap_or_default())
    };
    let reader = system.member("reader", json!({"view_logs": true})).await?;
    let other = system.member("other", json!({})).await?;
    let all = count(&reader, "").await?;
    for (query, found) in [("", all), ("?kind=log", 1), ("?q=login", 1)] {
        assert_eq!(count(&reader, query).await?, found, "{query}");
        assert_eq!(count(&other, query).await?, found - 1, "{query}");
    }
    Ok(())
}
