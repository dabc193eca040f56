//! That nothing is lost when connections, the server or workers fail, and nothing runs twice without need.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use celery_redis::{Client, Outcome, Signature};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::{Value, json};
use support::{
    DEADLINE, RedisServer, Running, eventually, eventually_within,
    gate::{Log, held, until_held, until_ran, worker},
    spawn_worker, stray_keys,
};

#[tokio::test]
async fn cut_connections_cost_nothing() {
    let redis = RedisServer::start();
    let log = Log::new();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let worker = Running::start(worker(&redis.url(), &log).concurrency(2));
    let batch: Vec<Signature> = (0..12)
        .map(|n| Signature::new("wait_late").arg(n.to_string()))
        .collect();
    let mut ids = client.send_many(&batch).await.unwrap();
    until_ran(&log, 2).await;
    for round in 0..5 {
        let _: i64 = redis::cmd("CLIENT")
            .arg("KILL")
            .arg("TYPE")
            .arg("normal")
            .arg("SKIPME")
            .arg("yes")
            .query_async(&mut connection)
            .await
            .unwrap();
        log.gate.add_permits(2);
        until_ran(&log, 2 * (round + 2)).await;
    }
    eventually("the client is back", async || client.ping().await.ok()).await;
    ids.push(client.send(&Signature::new("note").arg("last")).await.unwrap());
    log.gate.add_permits(2);
    for id in &ids {
        assert_eq!(
            client.result(id.clone()).get(DEADLINE).await.unwrap(),
            Outcome::Success(Value::Null)
        );
    }
    let ran = log.ran().await;
    assert_eq!(ran.len(), 13, "each ran once: {ran:?}");
    worker.stop().await;
    assert_eq!(stray_keys(&mut connection).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_restart_of_redis_loses_and_doubles_nothing() {
    let mut redis = RedisServer::start_persistent();
    let log = Log::new();
    let client = redis.client();
    let worker = Running::start(worker(&redis.url(), &log).concurrency(2));
    let batch: Vec<Signature> = (0..10)
        .map(|n| Signature::new("wait_late").arg(n.to_string()))
        .collect();
    let ids = client.send_many(&batch).await.unwrap();
    until_ran(&log, 2).await;
    until_held(&mut redis.connection().await, 8).await;
    redis.kill();
    log.gate.add_permits(10);
    assert!(client.ping().await.is_err());
    redis.start_again();
    for id in &ids {
        assert_eq!(
            client.result(id.clone()).get(DEADLINE).await.unwrap(),
            Outcome::Success(Value::Null)
        );
    }
    let mut ran = log.ran().await;
    ran.sort();
    assert_eq!(ran, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    worker.stop().await;
    no_stray_keys(&mut redis.connection().await).await;
}

#[tokio::test]
async fn what_is_held_survives_a_server_that_forgot_everything() {
    let mut redis = RedisServer::start();
    let log = Log::new();
    let client = redis.client();
    let worker = Running::start(worker(&redis.url(), &log).concurrency(2));
    let batch: Vec<Signature> = (0..8)
        .map(|n| Signature::new("wait_late").arg(n.to_string()))
        .collect();
    let ids = client.send_many(&batch).await.unwrap();
    until_ran(&log, 2).await;
    until_held(&mut redis.connection().await, 8).await;
    redis.kill();
    redis.start_again();
    until_held(&mut redis.connection().await, 8).await;
    log.gate.add_permits(8);
    for id in &ids {
        assert_eq!(
            client.result(id.clone()).get(DEADLINE).await.unwrap(),
            Outcome::Success(Value::Null)
        );
    }
    assert_eq!(log.ran().await.len(), 8);
    worker.stop().await;
    assert_eq!(
        stray_keys(&mut redis.connection().await).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_worker_waits_for_a_server_that_is_not_there_yet() {
    let port = support::free_port();
    let url = format!("redis://127.0.0.1:{port}/0");
    let client = Client::new(&url).unwrap();
    let started = Instant::now();
    assert!(client.send(&Signature::new("note").arg("x")).await.is_err());
    assert!(client.result("x").get(Duration::from_millis(300)).await.is_err());
    assert!(
        started.elapsed() < Duration::from_secs(6),
        "failing takes too long: {:?}",
        started.elapsed()
    );
    let log = Log::new();
    let worker = Running::start(worker(&url, &log));
    let directory = tempfile::tempdir().unwrap();
    let _server = support::Process::spawn(
        std::process::Command::new("redis-server")
            .args(["--port", &port.to_string(), "--save", "", "--dir"])
            .arg(directory.path())
            .stdout(std::process::Stdio::null()),
    );
    eventually("the client reaches the server", async || {
        client.send(&Signature::new("note").arg("x")).await.ok()
    })
    .await;
    until_ran(&log, 1).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_stops_in_time_though_the_server_is_away_and_nothing_is_lost() {
    let mut redis = RedisServer::start_persistent();
    let log = Log::new();
    let client = redis.client();
    let grace = Duration::from_secs(1);
    let brief = || {
        worker(&redis.url(), &log)
            .concurrency(2)
            .shutdown_grace(grace)
            .visibility_timeout(Duration::from_secs(1))
            .restore_interval(Duration::from_millis(200))
    };
    let stopping = Running::start(brief());
    let late = (0..8).map(|n| Signature::new("wait_late").arg(n.to_string()));
    let delayed = Signature::new("note")
        .arg("later")
        .countdown(Duration::from_secs(1));
    let ids = client
        .send_many(&std::iter::once(delayed).chain(late).collect::<Vec<_>>())
        .await
        .unwrap();
    until_ran(&log, 2).await;
    until_held(&mut redis.connection().await, 9).await;
    let another = brief();
    redis.kill();
    let asked = Instant::now();
    stopping.stop().await;
    let took = asked.elapsed();
    assert!(took < grace + Duration::from_secs(5), "{took:?}");
    redis.start_again();
    let another = Running::start(another);
    log.gate.add_permits(16);
    for id in &ids {
        assert_eq!(
            client.result(id.clone()).get(DEADLINE).await.unwrap(),
            Outcome::Success(Value::Null)
        );
    }
    another.stop().await;
    no_stray_keys(&mut redis.connection().await).await;
}

/// After a crash the lock of an interrupted sweep may outlive it by its five seconds; nothing else may.
async fn no_stray_keys(connection: &mut MultiplexedConnection) {
    let strays = stray_keys(connection).await;
    assert!(strays.iter().all(|key| key == "unacked_mutex"), "{strays:?}");
    eventually("the lock of an interrupted sweep lapses", async || {
        stray_keys(connection).await.is_empty().then_some(())
    })
    .await;
}

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
async fn workers_killed_at_any_moment_lose_nothing() {
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
    eventually("everything is acknowledged", async || {
        let empty = held(&mut connection).await == 0 && client.queue_len("celery").await.unwrap() == 0;
        empty.then_some(())
    })
    .await;
    let last = client.send(&Signature::new("tasks.noop")).await.unwrap();
    client.result(last).get(DEADLINE).await.unwrap();
    assert!(worker.terminate().await.success());
    let (begun, ended) = tally(&mut connection).await;
    assert_eq!(ended.len(), CALLS);
    let doubled = begun.values().filter(|times| **times > 1).count();
    assert!(
        doubled <= kills * 8,
        "{doubled} calls ran twice, but only {kills} workers died with 8 running each"
    );
    let _: () = connection.del("notes").await.unwrap();
    no_stray_keys(&mut connection).await;
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
        .map(|_| Signature::new("tasks.record").arg("notes").arg(300))
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
