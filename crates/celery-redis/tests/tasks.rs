//! What a worker does with one message: results, retries, limits.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, SystemTime};

use celery::prelude::*;
use celery_redis::{Outcome, Signature, TaskId};
use chrono::{DateTime, Utc};
use redis::AsyncCommands;
use serde_json::{Value, json};
use support::{
    DEADLINE, RedisServer, Running,
    calls::{failure, outcome, tasks, worker},
    eventually,
    gate::{self, Log},
    stray_keys,
};

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
async fn a_result_that_is_forgotten_is_no_longer_stored() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let client = redis.client();
    let mut ids = Vec::new();
    for number in 0..2 {
        let id = client
            .send(&Signature::new("add").args([number, 1]))
            .await
            .unwrap();
        let result = client.result(id.clone()).get(DEADLINE).await.unwrap();
        assert_eq!(result, Outcome::Success(json!(number + 1)));
        ids.push(id);
    }
    client.result(ids[0].clone()).forget().await.unwrap();
    assert!(client.result(ids[0].clone()).state().await.unwrap().is_none());
    assert!(client.result(ids[1].clone()).state().await.unwrap().is_some());
    // Once more does no harm.
    client.result(ids[0].clone()).forget().await.unwrap();
    worker.stop().await;
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
    let worker = Running::start(tasks(redis.worker()).concurrency(1));
    let client = redis.client();
    let countdown = Duration::from_secs(5);
    let call = Signature::new("add").args([1, 1]).countdown(countdown);
    let sent = DateTime::<Utc>::from(SystemTime::now());
    let delayed = client.send(&call).await.unwrap();
    let other = client.send(&Signature::new("add").args([1, 2])).await.unwrap();
    for (id, value) in [(&delayed, 2), (&other, 3)] {
        let outcome = client.result(id.clone()).get(DEADLINE).await.unwrap();
        assert_eq!(outcome, Outcome::Success(json!(value)));
    }
    let done = async |id: TaskId| {
        let meta = client.result(id).state().await.unwrap().unwrap();
        let time: DateTime<Utc> = meta.date_done.unwrap().parse().unwrap();
        time
    };
    let (delayed, other) = (done(delayed).await, done(other).await);
    assert!(delayed >= sent + countdown);
    assert!(other < delayed, "{other} {delayed}");
    worker.stop().await;
}

/// As a task should not do.
#[celery::task]
async fn blocks() -> TaskResult<()> {
    std::thread::sleep(Duration::from_secs(3));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_blocks_its_thread_holds_up_no_other() {
    let redis = RedisServer::start();
    let worker = Running::start(tasks(redis.worker()).register::<blocks>().concurrency(4));
    let client = redis.client();
    for _ in 0..3 {
        let blocking = client.send(&Signature::new("blocks")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let add = client.send(&Signature::new("add").args([1, 1])).await.unwrap();
        let add = client.result(add).get(Duration::from_secs(2)).await.unwrap();
        assert_eq!(add, Outcome::Success(json!(2)));
        client.result(blocking).get(DEADLINE).await.unwrap();
    }
    worker.stop().await;
}

#[tokio::test]
async fn check_23_a_task_that_began_is_shown_as_started() {
    let redis = RedisServer::start();
    let log = Log::new();
    let worker = Running::start(
        gate::worker(&redis.url(), &log)
            .hostname("w@h")
            .track_started(true),
    );
    let client = redis.client();
    let result = client.result(client.send(&Signature::new("wait_early").arg("x")).await.unwrap());
    let started = eventually("STARTED is stored", async || {
        result
            .state()
            .await
            .unwrap()
            .filter(|meta| meta.status == "STARTED")
    })
    .await;
    assert_eq!(
        started.result,
        json!({"pid": std::process::id(), "hostname": "w@h"})
    );
    log.gate.add_permits(1);
    assert_eq!(result.get(DEADLINE).await.unwrap(), Outcome::Success(json!(null)));
    worker.stop().await;
}

#[tokio::test]
async fn a_call_that_does_not_say_leaves_it_to_its_task_whether_the_result_is_kept() {
    let redis = RedisServer::start();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let mut send = async |ignore_result: Value| {
        let id = client.send(&Signature::new("redelivered")).await.unwrap();
        let raw: String = connection.lpop("celery", None).await.unwrap();
        let mut message: Value = serde_json::from_str(&raw).unwrap();
        message["headers"]["ignore_result"] = ignore_result;
        let _: () = connection.lpush("celery", message.to_string()).await.unwrap();
        id
    };
    let (unsaid, kept) = (send(json!(null)).await, send(json!(false)).await);
    let ignoring = redis
        .worker()
        .concurrency(1)
        .register_ignoring_result::<gate::redelivered>();
    let worker = Running::start(ignoring);
    client.result(kept).get(DEADLINE).await.unwrap();
    worker.stop().await;
    assert!(client.result(unsaid).state().await.unwrap().is_none());
    let worker = Running::start(redis.worker().register::<gate::redelivered>());
    let unsaid = send(json!(null)).await;
    client.result(unsaid).get(DEADLINE).await.unwrap();
    worker.stop().await;
}
