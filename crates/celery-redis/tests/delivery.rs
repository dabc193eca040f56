//! That messages are neither lost nor executed twice, whatever happens to workers, connections and the server.

mod support;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use celery::prelude::*;
use celery_redis::{Client, Outcome, Signature, Worker, current_request, data};
use futures::StreamExt;
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::{Value, json};
use support::{DEADLINE, RedisServer, Running, eventually, eventually_within, spawn_worker, stray_keys};
use tokio::sync::{Mutex, Semaphore};

/// What ran, in order, and a gate that tasks wait at.
struct Log {
    ran: Mutex<Vec<String>>,
    gate: Semaphore,
}

impl Log {
    fn new() -> Arc<Self> {
        Arc::new(Self { ran: Mutex::default(), gate: Semaphore::new(0) })
    }

    async fn ran(&self) -> Vec<String> {
        self.ran.lock().await.clone()
    }
}

#[celery::task]
async fn note(text: String) -> TaskResult<()> {
    data::<Log>()?.ran.lock().await.push(text);
    Ok(())
}

#[celery::task(acks_late = true)]
async fn wait_late(text: String) -> TaskResult<()> {
    wait(text).await
}

#[celery::task]
async fn wait_early(text: String) -> TaskResult<()> {
    wait(text).await
}

async fn wait(text: String) -> TaskResult<()> {
    let log = data::<Log>()?;
    log.ran.lock().await.push(text);
    log.gate.acquire().await.expect("an open gate").forget();
    Ok(())
}

#[celery::task(acks_late = true)]
async fn redelivered() -> TaskResult<bool> {
    Ok(current_request().expect("inside a task").redelivered)
}

fn worker(url: &str, log: &Arc<Log>) -> celery_redis::WorkerBuilder {
    Worker::builder(url)
        .concurrency(4)
        .shutdown_grace(Duration::from_secs(5))
        .data(log.clone())
        .register::<note>()
        .register::<wait_late>()
        .register::<wait_early>()
        .register::<redelivered>()
}

async fn held(connection: &mut MultiplexedConnection) -> usize {
    connection.hlen("unacked").await.unwrap()
}

async fn until_held(connection: &mut MultiplexedConnection, count: usize) {
    eventually(&format!("{count} messages are held"), async || (held(connection).await == count).then_some(())).await;
}

async fn until_ran(log: &Log, count: usize) -> Vec<String> {
    eventually(&format!("{count} tasks ran"), async || Some(log.ran().await).filter(|ran| ran.len() == count)).await
}

#[tokio::test]
async fn an_idle_worker_says_nothing_beyond_its_upkeep() {
    let redis = RedisServer::start();
    let worker = Running::start(redis.worker().register::<note>().restore_interval(Duration::from_secs(60)));
    let client = redis.client();
    let id = client.send(&Signature::new("no.such")).await.unwrap();
    client.result(id).get(DEADLINE).await.unwrap();
    until_held(&mut redis.connection().await, 0).await;

    let monitor = redis::Client::open(redis.url()).unwrap().get_async_monitor().await.unwrap();
    let mut seen = Vec::new();
    let mut lines = monitor.into_on_message::<String>();
    let watching = async {
        while let Some(line) = lines.next().await {
            seen.push(line);
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(3), watching).await.is_err(), "the monitor ended");
    assert_eq!(seen, Vec::<String>::new());
    worker.stop().await;
}

#[tokio::test]
async fn an_idle_worker_is_woken_by_a_message_in_any_list() {
    let redis = RedisServer::start();
    let log = Log::new();
    let worker = Running::start(worker(&redis.url(), &log).queues(["a", "b"]));
    let client = redis.client();
    let mut sent = 0;
    for _ in 0..5 {
        for queue in ["a", "b"] {
            for priority in [0, 3, 6, 9] {
                client.send(&Signature::new("note").arg("x").queue(queue).priority(priority)).await.unwrap();
                sent += 1;
                let started = Instant::now();
                until_ran(&log, sent).await;
                assert!(started.elapsed() < Duration::from_secs(1), "woken late: {:?}", started.elapsed());
            }
        }
    }
    worker.stop().await;
}

#[tokio::test]
async fn urgent_messages_come_first_and_queues_take_turns() {
    let redis = RedisServer::start();
    let client = redis.client();
    for queue in ["a", "b"] {
        for priority in [9, 6, 3, 0] {
            for number in 0..2 {
                let text = format!("{priority}{queue}{number}");
                client.send(&Signature::new("note").arg(text).queue(queue).priority(priority)).await.unwrap();
            }
        }
    }
    let log = Log::new();
    let worker = Running::start(worker(&redis.url(), &log).queues(["a", "b"]).concurrency(1).prefetch_multiplier(1));
    let ran = until_ran(&log, 16).await;
    worker.stop().await;
    let expected: Vec<String> = [0, 3, 6, 9]
        .iter()
        .flat_map(|priority| ["a0", "b0", "a1", "b1"].map(|rest| format!("{priority}{rest}")))
        .collect();
    assert_eq!(ran, expected);
}

#[tokio::test]
async fn a_worker_holds_no_more_than_it_may() {
    let redis = RedisServer::start();
    let log = Log::new();
    let client = redis.client();
    let mut connection = redis.connection().await;
    for task in ["wait_early", "wait_late"] {
        let batch: Vec<Signature> = (0..12).map(|n| Signature::new(task).arg(n.to_string())).collect();
        client.send_many(&batch).await.unwrap();
        let worker = Running::start(worker(&redis.url(), &log).concurrency(2).prefetch_multiplier(4));
        // Acknowledged early, a running task no longer counts.
        let (in_ledger, in_queue) = if task == "wait_early" { (8, 2) } else { (8, 4) };
        until_held(&mut connection, in_ledger).await;
        eventually("the rest stays in the queue", async || {
            (client.queue_len("celery").await.unwrap() == in_queue).then_some(())
        })
        .await;
        log.gate.add_permits(12);
        until_ran(&log, 12).await;
        until_held(&mut connection, 0).await;
        worker.stop().await;
        log.ran.lock().await.clear();
    }
}

#[tokio::test]
async fn a_warm_shutdown_ends_what_runs_and_gives_back_the_rest_in_order() {
    let redis = RedisServer::start();
    let log = Log::new();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let batch: Vec<Signature> = (0..6).map(|n| Signature::new("wait_late").arg(n.to_string())).collect();
    client.send_many(&batch).await.unwrap();
    client.send(&Signature::new("note").arg("later").countdown(Duration::from_secs(600))).await.unwrap();
    let worker = Running::start(worker(&redis.url(), &log).concurrency(2));
    until_held(&mut connection, 7).await;
    until_ran(&log, 2).await;
    let stopping = worker.stop();
    let release = async {
        eventually("what was not started is back", async || {
            (client.queue_len("celery").await.unwrap() == 5).then_some(())
        })
        .await;
        log.gate.add_permits(2);
    };
    tokio::join!(stopping, release);
    assert_eq!(held(&mut connection).await, 0);
    assert_eq!(stray_keys(&mut connection).await, ["celery"]);
    let waiting: Vec<String> = connection.lrange("celery", 0, -1).await.unwrap();
    for raw in &waiting {
        let message: Value = serde_json::from_str(raw).unwrap();
        assert_eq!(message["headers"]["redelivered"], true);
        assert_eq!(message["properties"]["delivery_info"]["redelivered"], true);
    }
    let shown: Vec<String> = waiting
        .iter()
        .rev()
        .map(|raw| serde_json::from_str::<Value>(raw).unwrap()["headers"]["argsrepr"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(shown, ["('2',)", "('3',)", "('4',)", "('5',)", "('later',)"]);
}

#[tokio::test]
async fn a_task_that_outlasts_the_visibility_timeout_runs_once() {
    let redis = RedisServer::start();
    let log = Log::new();
    let client = redis.client();
    let workers: Vec<Running> = (0..2)
        .map(|_| {
            let builder = worker(&redis.url(), &log);
            Running::start(builder.visibility_timeout(Duration::from_secs(1)).restore_interval(Duration::from_millis(200)))
        })
        .collect();
    let long = client.send(&Signature::new("wait_late").arg("long")).await.unwrap();
    let delayed = client.send(&Signature::new("note").arg("delayed").countdown(Duration::from_secs(3))).await.unwrap();
    client.result(delayed).get(DEADLINE).await.unwrap();
    log.gate.add_permits(8);
    client.result(long).get(DEADLINE).await.unwrap();
    assert_eq!(log.ran().await, ["long", "delayed"]);
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(stray_keys(&mut redis.connection().await).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_sweep_respects_the_mutex_and_restores_the_oldest_first() {
    let redis = RedisServer::start();
    let log = Log::new();
    let mut connection = redis.connection().await;
    // As a Python worker that died left them.
    for (number, age) in [(1, 300), (2, 200), (3, 100)] {
        let client = redis.client();
        client.send(&Signature::new("note").arg(number.to_string())).await.unwrap();
        let raw: String = connection.rpop("celery", None).await.unwrap();
        let message: Value = serde_json::from_str(&raw).unwrap();
        let tag = message["properties"]["delivery_tag"].as_str().unwrap().to_owned();
        let slot = json!([message, "", "celery"]).to_string();
        let _: () = connection.hset("unacked", &tag, slot).await.unwrap();
        let now: (i64, i64) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
        let _: () = connection.zadd("unacked_index", &tag, now.0 - age).await.unwrap();
    }
    let _: () = connection.set("unacked_mutex", "someone").await.unwrap();
    let worker = Running::start(
        worker(&redis.url(), &log)
            .concurrency(1)
            .visibility_timeout(Duration::from_secs(60))
            .restore_interval(Duration::from_millis(100)),
    );
    // Three rounds of sweeping that must not touch anything.
    let client = redis.client();
    for _ in 0..3 {
        let id = client.send(&Signature::new("no.such").countdown(Duration::from_millis(110))).await.unwrap();
        client.result(id).get(DEADLINE).await.unwrap();
    }
    assert_eq!(log.ran().await, Vec::<String>::new());
    let _: () = connection.del("unacked_mutex").await.unwrap();
    assert_eq!(until_ran(&log, 3).await, ["1", "2", "3"]);
    worker.stop().await;
    assert_eq!(stray_keys(&mut connection).await, Vec::<String>::new());
}

#[tokio::test]
async fn two_copies_with_one_tag_are_each_protected() {
    let redis = RedisServer::start();
    let log = Log::new();
    let mut connection = redis.connection().await;
    redis.client().send(&Signature::new("wait_late").arg("copy")).await.unwrap();
    let raw: String = connection.lindex("celery", 0).await.unwrap();
    let _: () = connection.lpush("celery", raw).await.unwrap();
    let worker = Running::start(worker(&redis.url(), &log));
    until_ran(&log, 2).await;
    assert_eq!(held(&mut connection).await, 2);
    log.gate.add_permits(1);
    until_held(&mut connection, 1).await;
    log.gate.add_permits(1);
    until_held(&mut connection, 0).await;
    worker.stop().await;
    assert_eq!(stray_keys(&mut connection).await, Vec::<String>::new());
}

#[tokio::test]
async fn cut_connections_cost_nothing() {
    let redis = RedisServer::start();
    let log = Log::new();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let worker = Running::start(worker(&redis.url(), &log).concurrency(2));
    let batch: Vec<Signature> = (0..12).map(|n| Signature::new("wait_late").arg(n.to_string())).collect();
    let mut ids = client.send_many(&batch).await.unwrap();
    until_ran(&log, 2).await;
    for round in 0..5 {
        let _: i64 =
            redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes").query_async(&mut connection).await.unwrap();
        log.gate.add_permits(2);
        until_ran(&log, 2 * (round + 2)).await;
    }
    ids.push(
        eventually("the client is back", async || client.send(&Signature::new("note").arg("last")).await.ok()).await,
    );
    log.gate.add_permits(2);
    for id in &ids {
        assert_eq!(client.result(id.clone()).get(DEADLINE).await.unwrap(), Outcome::Success(Value::Null));
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
    let batch: Vec<Signature> = (0..10).map(|n| Signature::new("wait_late").arg(n.to_string())).collect();
    let ids = client.send_many(&batch).await.unwrap();
    until_ran(&log, 2).await;
    until_held(&mut redis.connection().await, 8).await;
    redis.kill();
    log.gate.add_permits(10);
    assert!(client.ping().await.is_err());
    redis.start_again();
    for id in &ids {
        assert_eq!(client.result(id.clone()).get(DEADLINE).await.unwrap(), Outcome::Success(Value::Null));
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
    let batch: Vec<Signature> = (0..8).map(|n| Signature::new("wait_late").arg(n.to_string())).collect();
    let ids = client.send_many(&batch).await.unwrap();
    until_ran(&log, 2).await;
    until_held(&mut redis.connection().await, 8).await;
    redis.kill();
    redis.start_again();
    until_held(&mut redis.connection().await, 8).await;
    log.gate.add_permits(8);
    for id in &ids {
        assert_eq!(client.result(id.clone()).get(DEADLINE).await.unwrap(), Outcome::Success(Value::Null));
    }
    assert_eq!(log.ran().await.len(), 8);
    worker.stop().await;
    assert_eq!(stray_keys(&mut redis.connection().await).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_worker_waits_for_a_server_that_is_not_there_yet() {
    let port = support::free_port();
    let url = format!("redis://127.0.0.1:{port}/0");
    let client = Client::new(&url).unwrap();
    let started = Instant::now();
    assert!(client.send(&Signature::new("note").arg("x")).await.is_err());
    assert!(client.result("x").get(Duration::from_millis(300)).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(6), "failing takes too long: {:?}", started.elapsed());
    let log = Log::new();
    let worker = Running::start(worker(&url, &log));
    let directory = tempfile::tempdir().unwrap();
    let _server = support::Process::spawn(
        std::process::Command::new("redis-server")
            .args(["--port", &port.to_string(), "--save", "", "--dir"])
            .arg(directory.path())
            .stdout(std::process::Stdio::null()),
    );
    eventually("the client reaches the server", async || client.send(&Signature::new("note").arg("x")).await.ok()).await;
    until_ran(&log, 1).await;
    worker.stop().await;
}

/// After a crash the lock of an interrupted sweep may outlive it by its five seconds; nothing else may.
async fn no_stray_keys(connection: &mut MultiplexedConnection) {
    let strays = stray_keys(connection).await;
    assert!(strays.iter().all(|key| key == "unacked_mutex"), "{strays:?}");
    eventually("the lock of an interrupted sweep lapses", async || stray_keys(connection).await.is_empty().then_some(()))
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
    let batch: Vec<Signature> =
        (0..CALLS).map(|_| Signature::new("tasks.record").arg("notes").arg(rand::random_range(0..20))).collect();
    client.send_many(&batch).await.unwrap();
    let arguments =
        ["-c", "8", "--visibility-timeout", "1", "--restore-interval", "0.2", "--max-deaths", "1000"];
    let mut kills = 0;
    let mut ended = 0;
    while ended < CALLS {
        let mut worker = spawn_worker(&redis, &arguments);
        // By progress rather than time, so that a busy machine changes nothing.
        let goal = (ended + rand::random_range(1..60)).min(CALLS);
        ended = eventually_within(Duration::from_secs(60), "the worker gets on", async || {
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
    assert!(doubled <= kills * 8, "{doubled} calls ran twice, but only {kills} workers died with 8 running each");
    let _: () = connection.del("notes").await.unwrap();
    no_stray_keys(&mut connection).await;
}

#[tokio::test]
async fn a_message_that_keeps_killing_its_worker_is_set_aside() {
    let redis = RedisServer::start();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let deadly = client.send(&Signature::new("tasks.deadly")).await.unwrap();
    let bystander = client.send(&Signature::new("tasks.sleepy_late").arg(0.01)).await.unwrap();
    let arguments = ["-c", "1", "--visibility-timeout", "1", "--restore-interval", "0.1", "--max-deaths", "2"];
    let mut deaths = 0;
    let mut worker = spawn_worker(&redis, &arguments);
    let outcome = eventually("the deadly message is set aside", async || {
        if worker.has_ended() {
            deaths += 1;
            worker = spawn_worker(&redis, &arguments);
        }
        client.result(deadly.clone()).state().await.unwrap().and_then(|meta| meta.outcome())
    })
    .await;
    assert!(matches!(&outcome, Outcome::Failure(failure) if failure.exc_type == "WorkerLostError"), "{outcome:?}");
    assert_eq!(deaths, 2);
    assert_eq!(client.result(bystander).get(DEADLINE).await.unwrap(), Outcome::Success(json!(0.01)));
    assert_eq!(connection.llen::<_, usize>("celery-redis.dead-letter").await.unwrap(), 1);
    assert!(worker.terminate().await.success());
    let _: () = connection.del("celery-redis.dead-letter").await.unwrap();
    no_stray_keys(&mut connection).await;
}

#[tokio::test]
async fn a_key_prefix_covers_every_key() {
    let redis = RedisServer::start();
    let worker = Running::start(redis.worker().global_keyprefix("pfx:").register::<redelivered>());
    let client = Client::builder(&redis.url()).global_keyprefix("pfx:").build().unwrap();
    let id = client.send(&Signature::new("redelivered")).await.unwrap();
    assert_eq!(client.result(id).get(DEADLINE).await.unwrap(), Outcome::Success(json!(false)));
    worker.stop().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis.connection().await).await.unwrap();
    assert!(!keys.is_empty() && keys.iter().all(|key| key.starts_with("pfx:")), "{keys:?}");
}
