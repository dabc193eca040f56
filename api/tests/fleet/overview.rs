//! The fleet at a glance.

use chrono::{TimeDelta, Utc};
use domain::instance::InstanceState::{Creating, Failed, Running, Starting};
use domain::instance::InstanceStatus;
use domain::redis_keys::WORKERS;
use domain::{Clock as _, SystemClock};
use entities::repo::lifecycle::{self, Transition};
use redis::AsyncCommands as _;
use serde_json::{Value, json};
use testkit::harness::database::DatabaseKind;

use super::support::{System, uid};

/// Fails an instance with a cause.
async fn fail(system: &System, id: &domain::ids::InstanceId, reason: &str) -> anyhow::Result<()> {
    let step = Transition {
        to: Failed,
        from: &domain::instance::InstanceState::ALL,
        lease_token: None,
        desired: None,
        reason: Some(reason),
        message: "Moved by a test.",
    };
    let moved = lifecycle::apply(&system.context.db, id, &step, system.context.now()).await?;
    anyhow::ensure!(moved.is_some(), "{id} can't fail");
    Ok(())
}

fn worker(queues: &[&str], seen_at: chrono::DateTime<Utc>) -> String {
    json!({"host": "box", "queues": queues, "concurrency": 8, "version": "1.2.3", "pid": 7,
        "started_at": seen_at, "seen_at": seen_at})
    .to_string()
}

#[tokio::test]
async fn the_overview_counts_what_there_is() -> anyhow::Result<()> {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let system = System::start_on(kind).await?;
        let (_, _, one) = system.instance("one").await?;
        let (_, _, two) = system.instance("two").await?;
        let (_, _, three) = system.instance("three").await?;
        system.walk(&one, &[Creating, Starting, Running]).await?;
        lifecycle::record_status(
            &system.context.db,
            &one,
            InstanceStatus::Busy,
            system.context.now(),
        )
        .await?;
        fail(&system, &two, "The image is not there. Correct its name.").await?;
        let shown = system.admin.get(&system.path("/overview")).await?.expect(200)?;
        assert_eq!(
            shown["instances"],
            json!({"pending": 1, "creating": 0, "starting": 0, "running": 1, "draining": 0,
                "stopping": 0, "stopped": 0, "failed": 1})
        );
        assert_eq!(
            shown["statuses"],
            json!({"online": 0, "offline": 0, "busy": 1, "idle": 0})
        );
        assert_eq!(shown["runners"], json!({"idle": 3, "busy": 0}));
        let in_use: i64 = shown["nodes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|node| node["instances_in_use"].as_i64())
            .sum();
        assert_eq!((shown["nodes"].as_array().map(Vec::len), in_use), (Some(3), 2));
        let failures = &shown["failures"];
        assert_eq!(failures.as_array().map(Vec::len), Some(1), "{failures}");
        assert_eq!(failures[0]["instance_id"], json!(two));
        assert_eq!(failures[0]["runner_name"], "two");
        assert_eq!(failures[0]["reason"], "The image is not there. Correct its name.");
        assert_ne!(failures[0]["instance_id"], json!(three));
    }
    Ok(())
}

#[tokio::test]
async fn the_overview_tells_what_waits_and_who_works() -> anyhow::Result<()> {
    let system = System::start().await?;
    system.instance("one").await?;
    let (now, mut redis) = (SystemClock.now(), system.redis.connection().await?);
    let entries = [
        ("worker@box", worker(&["celery", "monitoring", "host.box"], now)),
        ("worker@elsewhere", worker(&["host.elsewhere"], now)),
        ("worker@gone", worker(&["celery"], now - TimeDelta::seconds(60))),
        ("rubbish", "{".to_owned()),
    ];
    let _: () = redis.hset_multiple(WORKERS, &entries).await?;
    let host = json!({"name": "here", "type": "local", "host": "box"});
    system
        .admin
        .post(&system.path("/nodes"), &host)
        .await?
        .expect(201)?;
    let shown = system.admin.get(&system.path("/overview")).await?.expect(200)?;
    let waiting = |name: &str| {
        let queues = shown["queues"].as_array().into_iter().flatten();
        let mut found = queues.filter(|queue| queue["name"] == name);
        found.next().and_then(|queue| queue["waiting"].as_u64())
    };
    // The check of the node and the registration; the local node's check waits for its own host.
    assert_eq!(waiting("celery"), Some(2), "{}", shown["queues"]);
    assert_eq!((waiting("monitoring"), waiting("host.box")), (Some(0), Some(1)));
    let workers = shown["workers"].as_array().cloned().unwrap_or_default();
    let names: Vec<&Value> = workers.iter().map(|worker| &worker["name"]).collect();
    assert_eq!(names, ["worker@box"]);
    assert_eq!(workers[0]["concurrency"], 8);
    Ok(())
}

#[tokio::test]
async fn without_redis_the_overview_says_what_it_knows() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    system.instance("one").await?;
    system.redis.kill()?;
    let shown = system.admin.get(&system.path("/overview")).await?.expect(200)?;
    assert_eq!(shown["instances"]["pending"], 1);
    assert!(shown["queues"].is_null() && shown["workers"].is_null(), "{shown}");
    Ok(())
}

#[tokio::test]
async fn another_organisations_fleet_is_not_counted() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (_, _, id) = system.instance("one").await?;
    fail(&system, &id, "A cause.").await?;
    let other = system
        .admin
        .post("/org", &json!({"name": "other"}))
        .await?
        .expect(201)?;
    let shown = system
        .admin
        .get(&format!("/org/{}/overview", uid(&other)))
        .await?
        .expect(200)?;
    assert_eq!(shown["instances"]["failed"], 0);
    assert_eq!((&shown["nodes"], &shown["failures"]), (&json!([]), &json!([])));
    Ok(())
}
