//! That messages are delivered promptly, in order, within limits, and once.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use celery_redis::{Outcome, Signature, Worker};
use futures::StreamExt;
use redis::AsyncCommands;
use serde_json::{Value, json};
use support::{
    DEADLINE, RedisServer, Running, eventually,
    gate::{Log, held, note, until_held, until_ran, worker},
    spawn_worker, stray_keys,
};

const VISIBILITY: Duration = Duration::from_secs(2);

/// What an idle worker sends between the first and the third heartbeat of another one, in a database of its own.
async fn said_while_idle(redis: &RedisServer, builder: celery_redis::WorkerBuilder) -> Vec<String> {
    let worker = Running::start(
        builder
            .register::<note>()
            .restore_interval(Duration::from_mins(1)),
    );
    let client = redis.client();
    let id = client.send(&Signature::new("no.such")).await.unwrap();
    client.result(id).get(DEADLINE).await.unwrap();
    until_held(&mut redis.connection().await, 0).await;

    let metronome = Running::start(Worker::builder(&redis.url().replace("/0", "/1")));
    let monitor = redis::Client::open(redis.url())
        .unwrap()
        .get_async_monitor()
        .await
        .unwrap();
    let mut seen = Vec::new();
    let mut beats = 0;
    let mut lines = monitor.into_on_message::<String>();
    let watching = async {
        while beats < 3 {
            let line = lines.next().await.expect("the monitor goes on");
            // A line begins with the time, then `[database address]`.
            if line.contains(" [1 ") {
                beats += usize::from(line.contains("/1.celeryev/worker.heartbeat"));
            } else if beats > 0 {
                seen.push(line);
            }
        }
    };
    tokio::time::timeout(DEADLINE, watching)
        .await
        .expect("three heartbeats");
    worker.stop().await;
    metronome.stop().await;
    seen
}

#[tokio::test]
async fn an_idle_worker_says_nothing_beyond_its_upkeep() {
    let redis = RedisServer::start();
    let silent = redis.worker().remote_control(false);
    assert_eq!(said_while_idle(&redis, silent).await, Vec::<String>::new());
    let silent = redis.worker().events(celery_redis::Events::Off);
    assert_eq!(said_while_idle(&redis, silent).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_idle_worker_that_can_be_inspected_says_nothing_but_heartbeats() {
    let redis = RedisServer::start();
    let said = said_while_idle(&redis, redis.worker()).await;
    assert!(
        !said.is_empty()
            && said
                .iter()
                .all(|line| line.contains("\"/0.celeryev/worker.heartbeat\"")),
        "{said:?}"
    );
}

#[tokio::test]
async fn an_idle_worker_is_woken_by_a_message_in_any_list() {
    let redis = RedisServer::start();
    let log = Log::new();
    let worker = Running::start(worker(&redis.url(), &log).queues(["a", "b"]));
    let client = redis.client();
    let mut sent = 0;
    for queue in ["a", "b"] {
        for priority in [0, 3, 6, 9] {
            let mut took = Vec::new();
            for _ in 0..5 {
                let call = Signature::new("note").arg("x").queue(queue).priority(priority);
                client.send(&call).await.unwrap();
                sent += 1;
                let started = Instant::now();
                until_ran(&log, sent).await;
                took.push(started.elapsed());
            }
            took.sort();
            // The median, for the machine may be busy now and then; a list that is only polled is always late.
            assert!(took[2] < Duration::from_secs(1), "{queue} {priority}: {took:?}");
        }
    }
    worker.stop().await;
}

#[tokio::test]
async fn check_30_urgent_messages_come_first() {
    let redis = RedisServer::start();
    let client = redis.client();
    for priority in [9, 0, 6, 3, 9, 0, 6, 3] {
        let call = Signature::new("note")
            .arg(priority.to_string())
            .priority(priority);
        client.send(&call).await.unwrap();
    }
    let log = Log::new();
    let worker = Running::start(worker(&redis.url(), &log).concurrency(1).prefetch_multiplier(1));
    let ran = until_ran(&log, 8).await;
    worker.stop().await;
    assert_eq!(ran, ["0", "0", "3", "3", "6", "6", "9", "9"]);
}

#[tokio::test]
async fn check_31_three_queues_take_turns_within_a_priority() {
    let redis = RedisServer::start();
    let client = redis.client();
    for priority in [3, 0] {
        for queue in ["a", "b", "c"] {
            for number in 0..3 {
                let text = format!("{priority}{queue}{number}");
                let call = Signature::new("note").arg(text).queue(queue).priority(priority);
                client.send(&call).await.unwrap();
            }
        }
    }
    let log = Log::new();
    let worker = Running::start(
        worker(&redis.url(), &log)
            .queues(["a", "b", "c"])
            .concurrency(1)
            .prefetch_multiplier(1),
    );
    let ran = until_ran(&log, 18).await;
    worker.stop().await;
    let turns = ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"];
    let expected: Vec<String> = ["0", "3"]
        .iter()
        .flat_map(|priority| turns.map(|turn| format!("{priority}{turn}")))
        .collect();
    assert_eq!(ran, expected);
}

#[tokio::test]
async fn check_46_a_worker_holds_no_more_than_it_may() {
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
async fn a_warm_shutdown_gives_back_in_order_what_did_not_begin() {
    let redis = RedisServer::start();
    let log = Log::new();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let batch: Vec<Signature> = (0..6)
        .map(|n| Signature::new("wait_late").arg(n.to_string()))
        .collect();
    client.send_many(&batch).await.unwrap();
    client
        .send(
            &Signature::new("note")
                .arg("later")
                .countdown(Duration::from_mins(10)),
        )
        .await
        .unwrap();
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
        .map(|raw| {
            serde_json::from_str::<Value>(raw).unwrap()["headers"]["argsrepr"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(shown, ["('2',)", "('3',)", "('4',)", "('5',)", "('later',)"]);
}

/// Two workers that sweep several times within the visibility timeout.
fn sweeping(redis: &RedisServer, log: &Arc<Log>) -> [Running; 2] {
    [(); 2].map(|()| {
        Running::start(
            worker(&redis.url(), log)
                .visibility_timeout(VISIBILITY)
                .restore_interval(VISIBILITY / 8),
        )
    })
}

/// What is on its way for three visibility timeouts is swept at least once if nobody vouches for it.
async fn until_swept_often(log: &Log) {
    let started = Instant::now();
    eventually("three visibility timeouts have passed", async || {
        assert_eq!(log.ran().await.len(), 1, "given to another worker meanwhile");
        (started.elapsed() > VISIBILITY * 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn check_50_a_task_that_outlasts_the_visibility_timeout_runs_once() {
    let redis = RedisServer::start();
    let log = Log::new();
    let client = redis.client();
    let workers = sweeping(&redis, &log);
    let call = Signature::new("wait_late").arg("long");
    let lasting = client.send(&call).await.unwrap();
    until_ran(&log, 1).await;
    until_swept_often(&log).await;
    log.gate.add_permits(8);
    client.result(lasting).get(DEADLINE).await.unwrap();
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(log.ran().await, ["long"]);
    assert_eq!(
        stray_keys(&mut redis.connection().await).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn check_51_a_delay_beyond_the_visibility_timeout_runs_once() {
    let redis = RedisServer::start();
    let log = Log::new();
    let client = redis.client();
    let workers = sweeping(&redis, &log);
    let call = Signature::new("note").arg("delayed").countdown(VISIBILITY * 3);
    let delayed = client.send(&call).await.unwrap();
    client.result(delayed).get(DEADLINE).await.unwrap();
    // A copy that another worker was given would be due by now, and run before this.
    let last = client.send(&Signature::new("note").arg("last")).await.unwrap();
    client.result(last).get(DEADLINE).await.unwrap();
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(log.ran().await, ["delayed", "last"]);
    assert_eq!(
        stray_keys(&mut redis.connection().await).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn check_54_a_sweep_respects_the_mutex_and_restores_the_oldest_first() {
    let redis = RedisServer::start();
    let log = Log::new();
    let mut connection = redis.connection().await;
    // As a Python worker that died left them.
    for (number, age) in [(1, 300), (2, 200), (3, 100)] {
        let client = redis.client();
        client
            .send(&Signature::new("note").arg(number.to_string()))
            .await
            .unwrap();
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
            .visibility_timeout(Duration::from_mins(1))
            .restore_interval(Duration::from_millis(100)),
    );
    // Three rounds of sweeping that must not touch anything.
    let client = redis.client();
    for _ in 0..3 {
        let id = client
            .send(&Signature::new("no.such").countdown(Duration::from_millis(110)))
            .await
            .unwrap();
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
    redis
        .client()
        .send(&Signature::new("wait_late").arg("copy"))
        .await
        .unwrap();
    let raw: String = connection.lindex("celery", 0).await.unwrap();
    let _: () = connection.lpush("celery", raw).await.unwrap();
    let worker = Running::start(worker(&redis.url(), &log));
    until_ran(&log, 2).await;
    until_held(&mut connection, 2).await;
    log.gate.add_permits(1);
    until_held(&mut connection, 1).await;
    log.gate.add_permits(1);
    until_held(&mut connection, 0).await;
    worker.stop().await;
    assert_eq!(stray_keys(&mut connection).await, Vec::<String>::new());
}

#[tokio::test]
async fn check_56_of_5000_calls_none_is_lost() {
    let redis = RedisServer::start();
    let client = redis.client();
    let calls = vec![Signature::new("tasks.noop"); 5000];
    let ids = client.send_many(&calls).await.unwrap();
    let different: std::collections::HashSet<&str> = ids.iter().map(celery_redis::TaskId::as_str).collect();
    assert_eq!(different.len(), 5000);
    let _worker = spawn_worker(&redis, &["-c", "8"]);
    for id in &ids {
        let outcome = client.result(id.clone()).get(DEADLINE).await.unwrap();
        assert_eq!(outcome, Outcome::Success(json!(null)));
    }
    let mut connection = redis.connection().await;
    for id in ids {
        let life: i64 = connection.ttl(format!("celery-task-meta-{id}")).await.unwrap();
        assert!((86_000..=86_400).contains(&life), "{id}: {life}");
    }
    eventually("nothing is held", async || {
        (connection.hlen::<_, usize>("unacked").await.unwrap() == 0).then_some(())
    })
    .await;
}
