//! What a worker refuses, and what it does not let happen: rejections, results to keep, messages nobody can execute.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use celery_redis::{Outcome, Signature};
use redis::AsyncCommands;
use serde_json::{Value, json};
use support::{
    DEADLINE, RedisServer, Running,
    calls::{failure, outcome, refuses, tasks, worker},
    eventually,
    gate::{self, Log, held, until_held, until_ran},
    stray_keys,
};

const DEAD_LETTER: &str = "celery-redis.dead-letter";

#[tokio::test]
async fn a_message_that_is_rejected_for_good_fails() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    assert_eq!(
        failure(outcome(&redis, Signature::new("refuses").arg(false)).await).0,
        "Reject"
    );
    worker.stop().await;
    assert_eq!(
        stray_keys(&mut redis.connection().await).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn check_53_a_requeued_message_goes_to_the_back() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let client = redis.client();
    let log = Log::new();
    let refused = client.send(&Signature::new("refuses").arg(true)).await.unwrap();
    let raw: String = connection.lindex("celery", 0).await.unwrap();
    let mut expected: Value = serde_json::from_str(&raw).unwrap();
    for call in ["wait_late", "note"] {
        client.send(&Signature::new(call).arg(call)).await.unwrap();
    }
    // It holds one message at a time: the second, which waits at the gate, once it has refused the first.
    let worker = Running::start(
        gate::worker(&redis.url(), &log)
            .register::<refuses>()
            .concurrency(1)
            .prefetch_multiplier(1),
    );
    until_ran(&log, 1).await;
    let queue: Vec<String> = connection.lrange("celery", 0, -1).await.unwrap();
    let queue: Vec<Value> = queue
        .iter()
        .map(|raw| serde_json::from_str(raw).unwrap())
        .collect();
    assert_eq!(queue.len(), 2, "{queue:?}");
    // It is as it was, with its tag, but for the flags. The right end is the front.
    expected["headers"]["redelivered"] = json!(true);
    expected["properties"]["delivery_info"]["redelivered"] = json!(true);
    assert_eq!(queue[0], expected);
    assert_eq!(queue[1]["headers"]["task"], "note");
    log.gate.add_permits(1);
    assert_eq!(
        client.result(refused).get(DEADLINE).await.unwrap(),
        Outcome::Success(json!("later"))
    );
    assert_eq!(log.ran().await, ["wait_late", "note"]);
    worker.stop().await;
    assert_eq!(stray_keys(&mut connection).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_ignored_result_is_not_stored() {
    let redis = RedisServer::start();
    // One at a time, so once the last one is done the others are too.
    let worker = Running::start(tasks(redis.worker()).concurrency(1));
    let client = redis.client();
    let quiet = client
        .send(&Signature::new("count").ignore_result(true))
        .await
        .unwrap();
    let ignoring = client.send(&Signature::new("ignores")).await.unwrap();
    let counted = outcome(&redis, Signature::new("count")).await;
    assert_eq!(counted, Outcome::Success(json!(1)), "the quiet call was executed");
    worker.stop().await;
    assert_eq!(client.result(quiet).state().await.unwrap(), None);
    assert_eq!(client.result(ignoring).state().await.unwrap(), None);
}

#[tokio::test]
async fn a_way_out_that_was_not_taken_has_no_effect() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    assert_eq!(
        outcome(&redis, Signature::new("drops_its_error")).await,
        Outcome::Success(json!(1))
    );
    worker.stop().await;
}

#[tokio::test]
async fn custom_headers_reach_the_task() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let Outcome::Success(headers) = outcome(&redis, Signature::new("headers").header("trace", "abc")).await
    else {
        panic!("no headers");
    };
    assert_eq!(headers["trace"], "abc");
    assert_eq!(headers["lang"], "rs");
    worker.stop().await;
}

#[tokio::test]
async fn check_45_a_stored_success_is_never_overwritten() {
    let redis = RedisServer::start();
    // One at a time, so once the last one is done the others are too.
    let worker = Running::start(tasks(redis.worker()).concurrency(1));
    let again = |task: &str| Signature::new(task).task_id("same");
    let first = outcome(&redis, again("add").args([1, 1])).await;
    assert_eq!(first, Outcome::Success(json!(2)));
    let client = redis.client();
    // As `Task.replace` sends it, with another value; one that fails; one that nobody knows.
    let replaced = again("add").args([5, 5]).header("replaced_task_nesting", 1);
    for call in [replaced, again("expected"), again("no.such")] {
        client.send(&call).await.unwrap();
    }
    let last = outcome(&redis, Signature::new("add").args([2, 2])).await;
    assert_eq!(last, Outcome::Success(json!(4)));
    worker.stop().await;
    let stored = client.result("same").state().await.unwrap().unwrap();
    assert_eq!((stored.status.as_str(), stored.result), ("SUCCESS", json!(2)));
}

/// What can be wrong with a message (the reference's table of what a Python worker needs), beyond a bad `eta`.
const SPOILERS: [fn(&mut Value); 16] = [
    |m| remove(m, "", "content-type"),
    |m| remove(m, "", "body"),
    |m| remove(m, "", "headers"),
    |m| remove(m, "", "properties"),
    |m| remove(m, "/headers", "task"),
    |m| remove(m, "/headers", "id"),
    |m| remove(m, "/properties", "delivery_info"),
    |m| remove(m, "/properties", "delivery_tag"),
    |m| remove(m, "/properties", "body_encoding"),
    |m| m["properties"]["delivery_info"] = json!({}),
    |m| remove(m, "/properties/delivery_info", "routing_key"),
    |m| m["body"] = json!("%%%"),
    // `[[], {}]`: the third element is missing.
    |m| m["body"] = json!("W1tdLCB7fV0="),
    |m| m["content-type"] = json!("application/x-python-serialize"),
    |m| m["content-type"] = json!("application/x-yaml"),
    |m| m["content-type"] = json!("application/x-msgpack"),
];

fn remove(message: &mut Value, within: &str, field: &str) {
    let found = message.pointer_mut(within).and_then(Value::as_object_mut);
    found.expect("an object").remove(field).expect("a field");
}

#[tokio::test]
async fn check_34_what_nobody_can_execute_is_set_aside_and_the_worker_goes_on() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let mut connection = redis.connection().await;
    let client = redis.client();
    let mut poison = ["not json", "[]", "17", "{}"].map(str::to_owned).to_vec();
    let mut ids = Vec::new();
    for (number, spoil) in SPOILERS.into_iter().enumerate() {
        let call = Signature::new("add")
            .args([1, 1])
            .queue("elsewhere")
            .task_id(format!("call-{number}"));
        ids.push(client.send(&call).await.unwrap());
        let raw: String = connection.rpop("elsewhere", None).await.unwrap();
        let mut message: Value = serde_json::from_str(&raw).unwrap();
        spoil(&mut message);
        poison.push(message.to_string());
    }
    let _: () = connection.lpush("celery", &poison).await.unwrap();
    eventually("all poison is in the dead-letter list", async || {
        let length: usize = connection.llen(DEAD_LETTER).await.unwrap();
        (length == poison.len()).then_some(())
    })
    .await;
    let kept: Vec<String> = connection.lrange(DEAD_LETTER, 0, -1).await.unwrap();
    for raw in &poison {
        assert!(
            kept.iter()
                .any(|entry| serde_json::from_str::<Value>(entry).unwrap()["message"] == **raw),
            "{raw}"
        );
    }
    assert_eq!(
        outcome(&redis, Signature::new("add").args([1, 1])).await,
        Outcome::Success(json!(2))
    );
    // Whoever waits for a call that cannot be read is told so.
    for id in ids {
        let told = client.result(id.clone()).get(DEADLINE).await.unwrap();
        assert!(
            matches!(&told, Outcome::Failure(failure) if failure.exc_type == "InvalidTaskError"),
            "{id}: {told:?}"
        );
    }
    worker.stop().await;
    assert_eq!(stray_keys(&mut connection).await, [DEAD_LETTER]);
}

#[tokio::test]
async fn check_34_a_bad_eta_fails_the_call_instead_of_leaving_its_caller_waiting() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let client = redis.client();
    let id = client.send(&Signature::new("add").args([1, 1])).await.unwrap();
    let raw: String = connection.rpop("celery", None).await.unwrap();
    let mut message: Value = serde_json::from_str(&raw).unwrap();
    message["headers"]["eta"] = json!("tomorrow");
    let _: () = connection.lpush("celery", message.to_string()).await.unwrap();
    let worker = worker(&redis);
    let (exc_type, text) = failure(client.result(id).get(DEADLINE).await.unwrap());
    assert_eq!(exc_type, "InvalidTaskError");
    assert!(text.contains("eta"), "{text}");
    worker.stop().await;
}

#[tokio::test]
async fn a_message_of_100_mib_is_set_aside_and_its_caller_told() {
    let redis = RedisServer::start();
    let client = redis.client();
    let id = client.send(&Signature::new("add").args([1, 1])).await.unwrap();
    let mut connection = redis.connection().await;
    let raw: String = connection.rpop("celery", None).await.unwrap();
    let mut message: Value = serde_json::from_str(&raw).unwrap();
    message["body"] = json!("x".repeat(100 << 20));
    let raw = message.to_string();
    // By a connection that gives it all the time it takes.
    let mut patient = redis::Client::open(redis.url())
        .unwrap()
        .get_connection()
        .unwrap();
    let _: () = redis::Commands::lpush(&mut patient, "celery", &raw).unwrap();
    let worker = worker(&redis);
    let (exc_type, text) = failure(client.result(id).get(DEADLINE * 2).await.unwrap());
    assert_eq!(exc_type, "InvalidTaskError");
    assert!(text.contains("too large"), "{text}");
    assert_eq!(
        outcome(&redis, Signature::new("add").args([1, 1])).await,
        Outcome::Success(json!(2))
    );
    worker.stop().await;
    assert_eq!(stray_keys(&mut connection).await, [DEAD_LETTER]);
    let kept: Vec<String> = connection.lrange(DEAD_LETTER, 0, -1).await.unwrap();
    assert_eq!(kept.len(), 1);
    // Not the whole of it: ten thousand such would fill any memory.
    let entry: Value = serde_json::from_str(&kept[0]).unwrap();
    assert_eq!(entry["bytes"], raw.len());
    assert_eq!(entry["message"], raw[..64 << 10]);
}

#[tokio::test]
async fn what_is_revoked_survives_a_restart_with_a_state_file() {
    let redis = RedisServer::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state.json");
    let start = || Running::start(tasks(redis.worker()).hostname("rs@h").state_file(&path));
    let worker = start();
    let client = redis.client();
    let heard = eventually("the worker hears the request", async || {
        let heard = client.control().revoke("forbidden", false).await.unwrap();
        (heard > 0).then_some(heard)
    })
    .await;
    assert_eq!(heard, 1);
    eventually("the id is written down", async || {
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        written.contains("forbidden").then_some(())
    })
    .await;
    worker.stop().await;

    let mut connection = redis.connection().await;
    let _: u64 = connection.del("celery-task-meta-forbidden").await.unwrap();
    let worker = start();
    let call = Signature::new("add").args([1, 1]).task_id("forbidden");
    assert_eq!(
        outcome(&redis, call).await,
        Outcome::Revoked {
            reason: "revoked".into()
        }
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_callback_that_cannot_be_sent_fails_its_call_once() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let _: () = connection
        .set("no-list", "x")
        .await
        .expect("a key of another type");
    let worker = worker(&redis);
    let callback = Signature::new("add").arg(1).queue("no-list");
    let (exc_type, message) = failure(outcome(&redis, Signature::new("flaky").arg(0).link(callback)).await);
    assert_eq!(exc_type, "RuntimeError");
    assert!(message.contains("WRONGTYPE"), "{message}");
    until_held(&mut connection, 0).await;
    let kept: u64 = connection.llen(DEAD_LETTER).await.expect("a list");
    assert_eq!(kept, 1);
    worker.stop().await;
}

#[tokio::test]
async fn what_neither_its_queue_nor_the_dead_letter_list_takes_stays() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    redis
        .client()
        .send(&Signature::new("note").arg("back"))
        .await
        .unwrap();
    let raw: String = connection.rpop("celery", None).await.unwrap();
    let readable = format!(r#"[{raw}, "", "celery"]"#);
    for (tag, slot) in [("readable", readable.as_str()), ("unreadable", "[")] {
        let _: () = connection.hset("unacked", tag, slot).await.unwrap();
        let _: () = connection.zadd("unacked_index", tag, 1).await.unwrap();
    }
    for key in ["celery", DEAD_LETTER] {
        let _: () = connection.set(key, "no list").await.unwrap();
    }
    let worker = Running::start(
        gate::worker(&redis.url(), &Log::new())
            .queues(["another"])
            .restore_interval(Duration::from_millis(100)),
    );
    // Some sweeps.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let left: (usize, usize) = (
        connection.hlen("unacked").await.unwrap(),
        connection.zcard("unacked_index").await.unwrap(),
    );
    assert_eq!(left, (2, 2));
    for key in ["celery", DEAD_LETTER] {
        let _: () = connection.del(key).await.unwrap();
        eventually("it was moved there", async || {
            let moved: usize = connection.llen(key).await.ok()?;
            (moved == 1).then_some(())
        })
        .await;
    }
    worker.stop().await;
    assert_eq!(held(&mut connection).await, 0);
}
