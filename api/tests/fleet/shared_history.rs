//! What a runner and a node say of their instances together: usage, timeline.

use chrono::TimeDelta;
use domain::ids::InstanceId;
use domain::instance::InstanceState::{Draining, Removed, Stopping};
use domain::telemetry::RunnerMetrics;
use entities::repo::lifecycle::{self, Event};
use entities::repo::samples::{self, Sample};
use entities::repo::timeline;
use redis::AsyncCommands as _;
use serde_json::{Value, json};
use testkit::harness::ApiClient;
use testkit::harness::database::DatabaseKind;

use crate::support::{System, uid};

/// A system with a runner that has two instances on one node: the runner's path, the node's, the instances.
async fn pair(kind: DatabaseKind) -> anyhow::Result<(System, [String; 2], [InstanceId; 2])> {
    let system = System::start_on(kind).await?;
    let (runner, _, first) = system.instance("pair").await?;
    let second = system
        .admin
        .post(&format!("{runner}/instance"), &json!({}))
        .await?
        .expect(201)?;
    let node = system.path(&format!(
        "/nodes/{}",
        second["node_id"].as_str().unwrap_or_default()
    ));
    let second = uid(&second).parse()?;
    Ok((system, [runner, node], [first, second]))
}

fn sample(system: &System, instance: &InstanceId, secs_ago: i64, cpu_usage: f64) -> Sample {
    Sample {
        instance: instance.clone(),
        at: system.context.now() - TimeDelta::seconds(secs_ago),
        metrics: RunnerMetrics {
            cpu_usage,
            memory_usage: 50.0,
            disk_usage: 60.0,
        },
    }
}

#[tokio::test]
async fn usage_of_a_runner_and_of_a_node_is_the_mean_of_their_instances() -> anyhow::Result<()> {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let (system, paths, [one, two]) = pair(kind).await?;
        // A second one of each, whose usage is its own.
        let (other, _, elsewhere) = system.instance("other").await?;
        let taken = [
            sample(&system, &one, 400, 20.0),
            sample(&system, &one, 390, 20.0),
            sample(&system, &one, 380, 20.0),
            sample(&system, &two, 390, 80.0),
            sample(&system, &elsewhere, 390, 99.0),
        ];
        samples::insert(&system.context.db, &taken).await?;
        for path in &paths {
            let view = system.admin.get(&format!("{path}/metrics?points=1")).await?;
            let view = view.expect(200)?;
            let expected = json!([{"timestamp": view["from"], "cpu_usage": 50.0, "memory_usage": 50.0,
                "disk_usage": 60.0, "cpu_peak": 80.0, "samples": 4, "instances": 2}]);
            assert_eq!(view["points"], expected, "{path}");
            assert_eq!(
                (&view["stretch_secs"], &view["interval_secs"]),
                (&json!(3600), &Value::Null)
            );
        }
        let view = system.admin.get(&format!("{other}/metrics?points=1")).await?;
        assert_eq!(view.expect(200)?["points"][0]["cpu_usage"], 99.0);
        for path in &paths {
            let bad = "metrics?points=1001&from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z";
            let reply = system.admin.get(&format!("{path}/{bad}")).await?;
            reply.problem(422)?;
            assert_eq!(reply.invalid_fields()?, ["from", "points"]);
        }
    }
    Ok(())
}

#[tokio::test]
async fn usage_says_how_often_the_beat_has_it_measured() -> anyhow::Result<()> {
    let (system, [runner, node], [one, _]) = pair(DatabaseKind::Sqlite).await?;
    let schedule = json!({"leader": "beat@x:1", "version": "1", "started_at": "2026-11-23T12:00:00Z",
        "seen_at": "2026-11-23T12:00:00Z", "entries": [
            {"name": "dispatch_heartbeats", "task": "dispatch_heartbeats", "queue": "monitoring", "every_secs": 7},
            {"name": "dispatch_metrics", "task": "dispatch_metrics", "queue": "monitoring", "every_secs": 120}]});
    let mut redis = system.redis.connection().await?;
    let _: () = redis
        .set(domain::redis_keys::BEAT_SCHEDULE, schedule.to_string())
        .await?;
    for path in [&runner, &node, &format!("{runner}/instance/{one}")] {
        let view = system.admin.get(&format!("{path}/metrics?points=240")).await?;
        let view = view.expect(200)?;
        assert_eq!(view["interval_secs"], 120, "{path}");
        assert_eq!(view["stretch_secs"], 15, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_timeline_of_a_runner_and_of_a_node_is_paged_and_says_which_instance() -> anyhow::Result<()> {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let (system, paths, [one, two]) = pair(kind).await?;
        system.walk(&two, &[Draining, Stopping, Removed]).await?;
        for path in &paths {
            let mut seen = Vec::new();
            for offset in [0, 3] {
                let page = system
                    .admin
                    .get(&format!("{path}/events?limit=3&offset={offset}"))
                    .await?
                    .expect(200)?;
                assert_eq!(page["total"], 5, "{path}");
                for item in page["items"].as_array().into_iter().flatten() {
                    assert!(
                        path.contains("/nodes/") || path.ends_with(item["runner_id"].as_str().unwrap_or("-"))
                    );
                    seen.push((
                        item["instance_id"].as_str().unwrap_or_default().to_owned(),
                        item["instance_removed"].as_bool(),
                    ));
                }
            }
            let removed = (two.as_str().to_owned(), Some(true));
            // The removed one's three steps and its beginning, then the other's beginning.
            let mut expected = vec![removed; 4];
            expected.push((one.as_str().to_owned(), Some(false)));
            assert_eq!(seen, expected, "{path}");
            let found = system
                .admin
                .get(&format!("{path}/events?q=created&sort=created_at"))
                .await?;
            assert_eq!(found.expect(200)?["total"], 2, "{path}");
            let later = format!("{path}/events?from=2100-01-01T00:00:00Z");
            assert_eq!(system.admin.get(&later).await?.expect(200)?["total"], 0, "{path}");
            let bad = "events?sort=message&kind=x&from=2020-01-01T00:00:00Z";
            let reply = system.admin.get(&format!("{path}/{bad}")).await?;
            reply.problem(422)?;
            assert_eq!(reply.invalid_fields()?, ["sort", "from", "kind"]);
        }
    }
    Ok(())
}

#[tokio::test]
async fn who_may_not_read_logs_does_not_find_them_on_a_shared_timeline() -> anyhow::Result<()> {
    let (system, paths, [one, _]) = pair(DatabaseKind::Sqlite).await?;
    let db = &system.context.db;
    let row = lifecycle::find(db, &one).await?.unwrap();
    let event = Event {
        kind: timeline::LOG,
        message: "The last lines of the container's log:\nlogin as root",
        detail: None,
    };
    lifecycle::add_event(db, &row, event, row.created_at).await?;
    let reader = system.member("reader", json!({"view_logs": true})).await?;
    let other = system.member("other", json!({})).await?;
    for path in &paths {
        let count = async |client: &ApiClient, query: &str| {
            let page = client.get(&format!("{path}/events{query}")).await?.expect(200)?;
            anyhow::Ok(page["total"].as_u64().unwrap_or_default())
        };
        for (query, found) in [("", 3), ("?kind=log", 1), ("?q=login", 1)] {
            assert_eq!(count(&reader, query).await?, found, "{path}{query}");
            assert_eq!(count(&other, query).await?, found - 1, "{path}{query}");
        }
    }
    Ok(())
}
