//! That nothing is lost when workers are killed or stand still, and nothing runs twice without need.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use celery_redis::{Outcome, Signature};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::json;
use support::{
    DEADLINE, RedisServer, eventually, eventually_within,
    gate::{held, until_all_ended, until_held},
    no_stray_keys,
    python::check,
    spawn_worker,
};

const CHECKS: &str = "sweep_checks.py";

/// Counts how often each call began and ended.
async fn tally(connection: &mut MultiplexedConnection) -> (HashMap<String, usize>, HashSet<String>) {
    let notes: Vec<String> = connection.lrange("notes", 0, -1).await.unwrap();
    let mut begun = HashMap::new();
    let mut ended = HashSet::new();
    for note in notes {
        match note.split_once(' ') {
            Some(("begin", id)) => *begun.entry(id.to_owned()).or_default() += 1,
            Some(("end", id)) => drop(ended.insert(id.to_owned())),
            _ => panic!("{note}"),
        }
    }
    (begun, ended)
}

#[tokio::test]
async fn check_48_workers_killed_at_any_moment_lose_nothing_that_is_late() {
    const CALLS: usize = 1000;
    let redis = RedisServer::start();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let batch: Vec<Signature> = (0..CALLS)
        .map(|_| {
            Signature::new("tasks.record")
                .arg("notes")
                .arg(rand::random_range(0..20))
        })
        .collect();
    client.send_many(&batch).await.unwrap();
    let arguments = [
        "-c",
        "8",
        "--visibility-timeout",
        "1",
        "--restore-interval",
        "0.2",
        "--max-deaths",
        "1000",
    ];
    let mut kills = 0;
    let mut ended = 0;
    while ended < CALLS {
        let mut worker = spawn_worker(&redis, &arguments);
        // By progress rather than time, so that a busy machine changes nothing.
        let goal = (ended + rand::random_range(1..60)).min(CALLS);
        ended = eventually_within(Duration::from_mins(1), "the worker gets on", async || {
            Some(tally(&mut connection).await.1.len()).filter(|ended| *ended >= goal)
        })
        .await;
        worker.kill();
        kills += 1;
    }
    // The last one was killed too: what it held is restored, and then nothing is left.
    let worker = spawn_worker(&redis, &arguments);
    until_all_ended(&mut connection).await;
    let last = client.send(&Signature::new("tasks.noop")).await.unwrap();
    client.result(last).get(DEADLINE).await.unwrap();
    assert!(worker.terminate().await.success());
    let (begun, ended) = tally(&mut connection).await;
    assert_eq!(ended.len(), CALLS);
    let doubled = begun.values().filter(|times| **times > 1).count();
    // 8 that were running, and those that had ended while that was on its way to Redis; of 32 that each held.
    assert!(
        doubled <= kills * 12,
        "{doubled} calls ran twice, but only {kills} workers died with 8 running each"
    );
    let _: () = connection.del("notes").await.unwrap();
    no_stray_keys(&mut connection).await;
}

#[test]
fn check_48_early_acknowledgement_loses_what_ran_and_late_loses_nothing() {
    check(CHECKS, 48);
}

#[test]
fn check_49_each_kind_of_worker_gives_back_what_the_other_held() {
    check(CHECKS, 49);
}

#[test]
fn a_stopped_worker_leaves_alone_what_python_took_over() {
    check(CHECKS, "taken-over");
}

#[tokio::test]
async fn a_message_that_keeps_killing_its_worker_is_set_aside() {
    let redis = RedisServer::start();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let deadly = client.send(&Signature::new("tasks.deadly")).await.unwrap();
    let bystander = client
        .send(&Signature::new("tasks.sleepy_late").arg(0.01))
        .await
        .unwrap();
    let arguments = [
        "-c",
        "1",
        "--visibility-timeout",
        "1",
        "--restore-interval",
        "0.1",
        "--max-deaths",
        "2",
    ];
    let mut deaths = 0;
    let mut worker = spawn_worker(&redis, &arguments);
    let outcome = eventually("the deadly message is set aside", async || {
        if worker.has_ended() {
            deaths += 1;
            worker = spawn_worker(&redis, &arguments);
        }
        client
            .result(deadly.clone())
            .state()
            .await
            .unwrap()
            .and_then(|meta| meta.outcome())
    })
    .await;
    assert!(
        matches!(&outcome, Outcome::Failure(failure) if failure.exc_type == "WorkerLostError"),
        "{outcome:?}"
    );
    // The first death may go uncounted: only a message that was handed out before waits for its mark.
    assert!((2..=3).contains(&deaths), "{deaths}");
    assert_eq!(
        client.result(bystander).get(DEADLINE).await.unwrap(),
        Outcome::Success(json!(0.01))
    );
    assert_eq!(
        connection
            .llen::<_, usize>("celery-redis.dead-letter")
            .await
            .unwrap(),
        1
    );
    assert!(worker.terminate().await.success());
    let _: () = connection.del("celery-redis.dead-letter").await.unwrap();
    no_stray_keys(&mut connection).await;
}

#[tokio::test]
async fn what_others_ended_meanwhile_does_not_run_again_after_a_restart_of_redis() {
    const CALLS: usize = 4;
    let mut redis = RedisServer::start_persistent();
    let client = redis.client();
    let arguments = [
        "-c",
        "1",
        "--visibility-timeout",
        "1",
        "--restore-interval",
        "0.2",
    ];
    let batch: Vec<Signature> = (0..CALLS)
        .map(|_| Signature::new("tasks.record").arg("notes").arg(1500))
        .collect();
    client.send_many(&batch).await.unwrap();
    let mut sleeper = spawn_worker(&redis, &arguments);
    until_held(&mut redis.connection().await, CALLS).await;
    sleeper.signal("STOP");
    let other = spawn_worker(&redis, &arguments);
    eventually("the other worker has ended all of them", async || {
        let mut connection = redis.connection().await;
        let ended = tally(&mut connection).await.1.len() == CALLS;
        (ended && held(&mut connection).await == 0).then_some(())
    })
    .await;
    redis.kill();
    redis.start_again();
    sleeper.signal("CONT");
    assert!(other.terminate().await.success());
    // The one that it was executing ends; the others are no longer its own.
    let last = eventually("a call is accepted", async || {
        client.send(&Signature::new("tasks.noop")).await.ok()
    })
    .await;
    client.result(last).get(DEADLINE).await.unwrap();
    let mut connection = redis.connection().await;
    until_held(&mut connection, 0).await;
    let (begun, _) = tally(&mut connection).await;
    assert_eq!(
        begun.values().sum::<usize>(),
        CALLS + 1,
        "only the one under way may have begun twice: {begun:?}"
    );
    assert!(!sleeper.has_ended());
}
