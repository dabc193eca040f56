//! What a worker does with one message: results, retries, limits, refusals.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use celery::prelude::*;
use celery_redis::{Outcome, Signature, current_request, data, fail, ignore, reject, retry_in};
use redis::AsyncCommands;
use serde_json::{Value, json};
use support::{DEADLINE, RedisServer, Running, eventually, stray_keys};

#[derive(Default)]
struct Counter(AtomicU32);

#[celery::task]
async fn add(x: i64, y: i64) -> TaskResult<i64> {
    Ok(x + y)
}

#[celery::task]
async fn count() -> TaskResult<u32> {
    Ok(data::<Counter>()?.0.fetch_add(1, Ordering::SeqCst))
}

#[celery::task(acks_late = true, max_retries = 2)]
async fn flaky(failures: u32) -> TaskResult<u32> {
    let retries = current_request().expect("inside a task").retries;
    if retries < failures {
        Err(retry_in(Duration::from_millis(50), format!("try {retries}")))
    } else {
        Ok(retries)
    }
}

#[celery::task(max_retries = 0)]
async fn expected() -> TaskResult<()> {
    Err(TaskError::ExpectedError("no luck".into()))
}

#[celery::task(acks_late = true)]
async fn panics() -> TaskResult<()> {
    panic!("oh no")
}

#[celery::task(hard_time_limit = 60)]
async fn sleeps() -> TaskResult<()> {
    std::future::pending().await
}

#[celery::task(acks_late = true)]
async fn refuses(requeue: bool) -> TaskResult<String> {
    let request = current_request().expect("inside a task");
    if request.redelivered {
        Ok("later".into())
    } else {
        Err(reject(requeue))
    }
}

#[celery::task]
async fn ignores() -> TaskResult<()> {
    Err(ignore())
}

#[celery::task]
async fn drops_its_error() -> TaskResult<u32> {
    let _ = fail("ValueError", "changed my mind");
    Ok(1)
}

#[celery::task]
async fn headers() -> TaskResult<Value> {
    Ok(Value::Object(
        current_request().expect("inside a task").headers.clone(),
    ))
}

fn worker(redis: &RedisServer) -> Running {
    Running::start(
        redis
            .worker()
            .data(Arc::new(Counter::default()))
            .register::<add>()
            .register::<count>()
            .register::<flaky>()
            .register::<expected>()
            .register::<panics>()
            .register::<sleeps>()
            .register::<refuses>()
            .register::<ignores>()
            .register::<drops_its_error>()
            .register::<headers>(),
    )
}

async fn outcome(redis: &RedisServer, signature: Signature) -> Outcome {
    let client = redis.client();
    let id = client.send(&signature).await.unwrap();
    client.result(id).get(DEADLINE).await.unwrap()
}

fn failure(outcome: Outcome) -> (String, String) {
    match outcome {
        Outcome::Failure(failure) => (failure.exc_type, failure.message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_result_reaches_the_caller_and_nothing_else_stays() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    assert_eq!(
        outcome(&redis, Signature::new("add").arg(2).arg(3)).await,
        Outcome::Success(json!(5))
    );
    assert_eq!(
        outcome(&redis, Signature::new("add").arg(2).kwarg("y", 4)).await,
        Outcome::Success(json!(6))
    );
    worker.stop().await;
    assert_eq!(
        stray_keys(&mut redis.connection().await).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_wrong_call_fails_with_a_type_error() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    for (signature, expected) in [
        (
            Signature::new("add").args([1, 2, 3]),
            "add() takes 2 positional arguments but 3 were given",
        ),
        (
            Signature::new("add").arg(1),
            "add() missing 1 required positional argument: 'y'",
        ),
        (
            Signature::new("add").arg(1).kwarg("z", 2),
            "add() got an unexpected keyword argument 'z'",
        ),
        (
            Signature::new("add").arg(1).arg(2).kwarg("x", 2),
            "add() got multiple values for argument 'x'",
        ),
    ] {
        assert_eq!(
            failure(outcome(&redis, signature).await),
            ("TypeError".into(), expected.into())
        );
    }
    let (exc_type, message) = failure(outcome(&redis, Signature::new("add").arg("one").arg(2)).await);
    assert_eq!(exc_type, "TypeError");
    assert!(message.contains("wrong type"), "{message}");
    worker.stop().await;
}

#[tokio::test]
async fn an_unknown_task_fails_as_not_registered() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    assert_eq!(
        failure(outcome(&redis, Signature::new("no.such")).await),
        ("NotRegistered".into(), "no.such".into())
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_task_is_retried_until_it_succeeds_or_its_retries_are_used_up() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    assert_eq!(
        outcome(&redis, Signature::new("flaky").arg(2)).await,
        Outcome::Success(json!(2))
    );
    assert_eq!(
        failure(outcome(&redis, Signature::new("flaky").arg(3)).await),
        ("RetryableError".into(), "try 2".into())
    );
    assert_eq!(
        failure(outcome(&redis, Signature::new("expected")).await),
        ("ExpectedError".into(), "no luck".into())
    );
    worker.stop().await;
    assert_eq!(
        stray_keys(&mut redis.connection().await).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_panic_costs_neither_the_message_nor_the_slot() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    for _ in 0..8 {
        assert_eq!(
            failure(outcome(&redis, Signature::new("panics")).await),
            ("Panic".into(), "oh no".into())
        );
    }
    assert_eq!(
        outcome(&redis, Signature::new("add").arg(1).arg(1)).await,
        Outcome::Success(json!(2))
    );
    worker.stop().await;
    assert_eq!(
        stray_keys(&mut redis.connection().await).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn time_limits_end_a_task_and_may_be_fractions() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let hard = Signature::new("sleeps").time_limit(Duration::from_millis(100));
    assert_eq!(
        failure(outcome(&redis, hard).await),
        ("TimeLimitExceeded".into(), "0.1".into())
    );
    let soft = Signature::new("sleeps").soft_time_limit(Duration::from_millis(100));
    assert_eq!(failure(outcome(&redis, soft).await).0, "SoftTimeLimitExceeded");
    worker.stop().await;
}

#[tokio::test]
async fn an_expired_call_is_revoked_and_not_executed() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let expired = Signature::new("count").expires_in(Duration::ZERO);
    assert_eq!(
        outcome(&redis, expired).await,
        Outcome::Revoked {
            reason: "expired".into()
        }
    );
    assert_eq!(
        outcome(&redis, Signature::new("count")).await,
        Outcome::Success(json!(0))
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_countdown_delays_without_blocking_others() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let client = redis.client();
    let started = std::time::Instant::now();
    let delayed = client
        .send(
            &Signature::new("add")
                .args([1, 1])
                .countdown(Duration::from_millis(700)),
        )
        .await
        .unwrap();
    assert_eq!(
        outcome(&redis, Signature::new("add").args([1, 2])).await,
        Outcome::Success(json!(3))
    );
    assert!(started.elapsed() < Duration::from_millis(600));
    assert_eq!(
        client.result(delayed).get(DEADLINE).await.unwrap(),
        Outcome::Success(json!(2))
    );
    let took = started.elapsed();
    assert!(
        (Duration::from_millis(690)..Duration::from_secs(1)).contains(&took),
        "{took:?}"
    );
    worker.stop().await;
}

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
    let spoilers: [fn(&mut Value); 7] = [
        |m| drop(m.as_object_mut().unwrap().remove("content-type")),
        |m| drop(m.as_object_mut().unwrap().remove("properties")),
        |m| m["properties"]["delivery_info"] = json!({}),
        |m| m["properties"]["delivery_tag"] = Value::Null,
        |m| m["body"] = json!("%%%"),
        |m| drop(m["headers"].as_object_mut().unwrap().remove("task")),
        |m| m["content-type"] = json!("application/x-python-serialize"),
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
