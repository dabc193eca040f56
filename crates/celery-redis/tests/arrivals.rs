//! That nothing is lost between a queue and `unacked`: in a worker's list of arrivals.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::time::Duration;

use celery_redis::{Outcome, Signature, WorkerBuilder};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::{Value, json};
use support::{
    DEADLINE, RedisServer, Running, eventually,
    gate::{Log, until_held, until_ran, until_waiting, worker},
    spawn_worker, stray_keys,
};

const WORKERS: &str = "celery-redis.workers";
const DEAD_LETTER: &str = "celery-redis.dead-letter";

fn arrivals(worker: &str) -> String {
    format!("celery-redis.arrivals.{worker}")
}

/// The only worker there is.
async fn only_worker(connection: &mut MultiplexedConnection) -> String {
    eventually("one worker is there", async || {
        let workers: Vec<String> = connection.zrange(WORKERS, 0, -1).await.unwrap();
        <[String; 1]>::try_from(workers).ok()
    })
    .await
    .concat()
}

/// Takes a call's message out of a queue that nobody serves.
async fn message(redis: &RedisServer, call: Signature) -> (celery_redis::TaskId, String) {
    let id = redis.client().send(&call.queue("elsewhere")).await.unwrap();
    let mut connection = redis.connection().await;
    let raw: String = connection.rpop("elsewhere", None).await.unwrap();
    (
        id,
        raw.replace("\"routing_key\":\"elsewhere\"", "\"routing_key\":\"celery\""),
    )
}

fn brief(redis: &RedisServer, log: &std::sync::Arc<Log>) -> WorkerBuilder {
    worker(&redis.url(), log)
        .visibility_timeout(Duration::from_secs(1))
        .restore_interval(Duration::from_millis(100))
}

#[tokio::test]
async fn what_had_arrived_at_a_dead_worker_is_given_back() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let (id, raw) = message(&redis, Signature::new("redelivered")).await;
    let _: () = connection.zadd(WORKERS, "dead", 1).await.unwrap();
    let _: () = connection
        .lpush(arrivals("dead"), &[raw.as_str(), "not json"])
        .await
        .unwrap();
    let worker = Running::start(brief(&redis, &Log::new()));
    assert_eq!(
        redis.client().result(id).get(DEADLINE).await.unwrap(),
        Outcome::Success(json!(true)),
        "it is marked as redelivered"
    );
    let entry: String = connection.lindex(DEAD_LETTER, 0).await.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&entry).unwrap()["message"],
        "not json"
    );
    let dead: Option<f64> = connection.zscore(WORKERS, "dead").await.unwrap();
    assert_eq!(dead, None, "it is struck off");
    worker.stop().await;
    assert_eq!(stray_keys(&mut connection).await, [DEAD_LETTER]);
    let workers: usize = connection.zcard(WORKERS).await.unwrap();
    assert_eq!(workers, 0, "the other one has left");
}

#[tokio::test]
async fn a_worker_that_gives_signs_of_life_keeps_what_has_arrived() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let log = Log::new();
    let idle = Running::start(brief(&redis, &log));
    let name = only_worker(&mut connection).await;
    let (_, raw) = message(&redis, Signature::new("note").arg("kept")).await;
    let _: () = connection.lpush(arrivals(&name), raw).await.unwrap();
    let other = Running::start(brief(&redis, &Log::new()).queues(["another"]));
    // Well over its visibility timeout; the other one sweeps twenty times meanwhile.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let kept: usize = connection.llen(arrivals(&name)).await.unwrap();
    assert_eq!((kept, log.ran().await.len()), (1, 0));
    other.stop().await;
    // It did not know of it; whoever ends looks once more.
    idle.stop().await;
    let back: usize = connection.llen("celery").await.unwrap();
    assert_eq!(back, 1);
}

#[tokio::test]
async fn what_a_lost_reply_told_of_is_executed_once_the_connection_is_back() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let log = Log::new();
    let worker = Running::start(worker(&redis.url(), &log).message_limit(1 << 20));
    let name = only_worker(&mut connection).await;
    until_waiting(&mut connection).await;
    let (id, raw) = message(&redis, Signature::new("wait_late").arg("missed")).await;
    let too_large = "x".repeat(2 << 20);
    let _: () = connection
        .lpush(arrivals(&name), &[raw, too_large])
        .await
        .unwrap();
    let _: i64 = redis::cmd("CLIENT")
        .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(until_ran(&log, 1).await, ["missed"]);
    until_held(&mut connection, 1).await;
    log.gate.add_permits(1);
    assert_eq!(
        redis.client().result(id).get(DEADLINE).await.unwrap(),
        Outcome::Success(Value::Null)
    );
    let entry: String = connection.lindex(DEAD_LETTER, 0).await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(&entry).unwrap()["bytes"], 2 << 20);
    worker.stop().await;
    assert_eq!(stray_keys(&mut connection).await, [DEAD_LETTER]);
}

#[tokio::test]
async fn a_worker_that_stood_still_leaves_alone_what_was_given_back_meanwhile() {
    for late in [true, false] {
        let redis = RedisServer::start();
        let client = redis.client();
        let mut connection = redis.connection().await;
        let arguments = [
            "-c",
            "1",
            "--visibility-timeout",
            "2",
            "--restore-interval",
            "0.1",
        ];
        let still = spawn_worker(&redis, &arguments);
        let name = only_worker(&mut connection).await;
        let call = if late {
            Signature::new("tasks.sleepy_late").arg(0)
        } else {
            Signature::new("tasks.noop")
        };
        let id = loop {
            until_waiting(&mut connection).await;
            still.signal("STOP");
            let id = client.send(&call).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            let arrived: usize = connection.llen(arrivals(&name)).await.unwrap();
            if arrived == 1 {
                break id;
            }
            // Its wait at the server, a quarter of the visibility timeout, had just ended.
            still.signal("CONT");
            client.result(id).get(DEADLINE).await.unwrap();
        };
        let other = spawn_worker(&redis, &[&arguments[..], &["-n", "other@host"]].concat());
        client.result(id.clone()).get(DEADLINE).await.unwrap();
        // Whoever executed it again would store another result.
        let _: () = connection.del(format!("celery-task-meta-{id}")).await.unwrap();
        assert!(other.terminate().await.success());
        still.signal("CONT");
        let last = client.send(&Signature::new("tasks.noop")).await.unwrap();
        client.result(last).get(DEADLINE).await.unwrap();
        assert!(still.terminate().await.success());
        let again: Option<String> = connection.get(format!("celery-task-meta-{id}")).await.unwrap();
        assert_eq!(again, None, "late: {late}");
        assert_eq!(stray_keys(&mut connection).await, Vec::<String>::new());
    }
}
