//! What a worker refuses, and what it does not let happen: rejections, results to keep, messages nobody can execute.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use celery_redis::{Outcome, Signature};
use redis::AsyncCommands;
use serde_json::{Value, json};
use support::{
    DEADLINE, RedisServer, Running,
    calls::{failure, outcome, tasks, worker},
    eventually,
    gate::until_held,
    stray_keys,
};

#[tokio::test]
async fn a_rejected_message_fails_or_comes_back() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    assert_eq!(
        failure(outcome(&redis, Signature::new("refuses").arg(false)).await).0,
        "Reject"
    );
    assert_eq!(
        outcome(&redis, Signature::new("refuses").arg(true)).await,
        Outcome::Success(json!("later"))
    );
    worker.stop().await;
    assert_eq!(
        stray_keys(&mut redis.connection().await).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn an_ignored_result_is_not_stored() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let client = redis.client();
    let quiet = client
        .send(&Signature::new("count").ignore_result(true))
        .await
        .unwrap();
    let ignoring = client.send(&Signature::new("ignores")).await.unwrap();
    eventually("the call was counted", async || {
        (outcome(&redis, Signature::new("count")).await != Outcome::Success(json!(0))).then_some(())
    })
    .await;
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
async fn a_stored_success_is_never_overwritten() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let again = || Signature::new("add").args([1, 1]).task_id("same");
    assert_eq!(outcome(&redis, again()).await, Outcome::Success(json!(2)));
    let client = redis.client();
    client
        .send(&Signature::new("no.such").task_id("same"))
        .await
        .unwrap();
    // Taken in order, so once this one is done the other is too.
    assert_eq!(
        outcome(&redis, Signature::new("add").args([2, 2])).await,
        Outcome::Success(json!(4))
    );
    worker.stop().await;
    assert_eq!(
        client.result("same").state().await.unwrap().unwrap().status,
        "SUCCESS"
    );
}

#[tokio::test]
async fn what_nobody_can_execute_is_set_aside_and_the_worker_goes_on() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let mut connection = redis.connection().await;
    let good: Value = {
        let client = redis.client();
        client
            .send(&Signature::new("add").args([1, 1]).queue("elsewhere"))
            .await
            .unwrap();
        let raw: String = connection.rpop("elsewhere", None).await.unwrap();
        serde_json::from_str(&raw).unwrap()
    };
    let mut poison = vec![
        "not json".to_owned(),
        "[]".to_owned(),
        "17".to_owned(),
        "{}".to_owned(),
    ];
    let spoilers: [fn(&mut Value); 9] = [
        |m| drop(m.as_object_mut().unwrap().remove("content-type")),
        |m| drop(m.as_object_mut().unwrap().remove("properties")),
        |m| m["properties"]["delivery_info"] = json!({}),
        |m| m["properties"]["delivery_tag"] = Value::Null,
        |m| m["body"] = json!("%%%"),
        |m| drop(m["headers"].as_object_mut().unwrap().remove("task")),
        |m| m["content-type"] = json!("application/x-python-serialize"),
        |m| m["content-type"] = json!("application/x-yaml"),
        |m| m["content-type"] = json!("application/x-msgpack"),
    ];
    for (number, spoil) in spoilers.into_iter().enumerate() {
        let mut message = good.clone();
        message["properties"]["delivery_tag"] = json!(format!("tag-{number}"));
        spoil(&mut message);
        poison.push(message.to_string());
    }
    let _: () = connection.lpush("celery", &poison).await.unwrap();
    eventually("all poison is in the dead-letter list", async || {
        let length: usize = connection.llen("celery-redis.dead-letter").await.unwrap();
        (length == poison.len()).then_some(())
    })
    .await;
    let kept: Vec<String> = connection
        .lrange("celery-redis.dead-letter", 0, -1)
        .await
        .unwrap();
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
    let id = good["headers"]["id"].as_str().unwrap();
    let told = failure(redis.client().result(id).get(DEADLINE).await.unwrap());
    assert_eq!(told.0, "InvalidTaskError");
    worker.stop().await;
    assert_eq!(stray_keys(&mut connection).await, ["celery-redis.dead-letter"]);
}

#[tokio::test]
async fn a_bad_eta_fails_the_call_instead_of_leaving_its_caller_waiting() {
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
    let huge = Signature::new("add").arg("x".repeat(75 << 20)).arg(1);
    let id = client.send(&huge).await.unwrap();
    let mut connection = redis.connection().await;
    let raw: String = connection.lindex("celery", 0).await.unwrap();
    assert!(raw.len() >= 100 << 20, "{}", raw.len());
    let worker = worker(&redis);
    let (exc_type, text) = failure(client.result(id).get(DEADLINE * 2).await.unwrap());
    assert_eq!(exc_type, "InvalidTaskError");
    assert!(text.contains("too large"), "{text}");
    assert_eq!(
        outcome(&redis, Signature::new("add").args([1, 1])).await,
        Outcome::Success(json!(2))
    );
    worker.stop().await;
    assert_eq!(stray_keys(&mut connection).await, ["celery-redis.dead-letter"]);
    let kept: Vec<String> = connection
        .lrange("celery-redis.dead-letter", 0, -1)
        .await
        .unwrap();
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
    let kept: u64 = connection.llen("celery-redis.dead-letter").await.expect("a list");
    assert_eq!(kept, 1);
    worker.stop().await;
}
