//! Checks 1 to 16: that a Python worker executes our calls as we mean them: real Celery 5.7.
//!
//! The messages themselves (2, 5, 10) are in `python_lists.rs`, workflows (12 to 14) in `canvas.rs`. `CELERY_PYTHON` names the interpreter; `scripts/python-env.sh`
//! makes it.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, SystemTime},
};

use celery_redis::{Client, Outcome, Signature, TaskFailure};
use chrono::{DateTime, FixedOffset, Utc};
use futures::StreamExt;
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::{Value, json};
use support::{
    DEADLINE, Process, RedisServer, eventually,
    python::{python_worker, run},
};

/// A Python worker that executes one call after the other.
fn serial(redis: &RedisServer) -> Process {
    let alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"];
    python_worker(redis, &[&["-P", "threads", "-c", "1"], &alone[..]].concat())
}

/// A Python worker whose tasks are processes, which it takes to enforce time limits.
fn forking(redis: &RedisServer) -> Process {
    python_worker(
        redis,
        &["-P", "prefork", "-c", "1", "--without-gossip", "--without-mingle"],
    )
}

async fn outcome(client: &Client, call: Signature) -> Outcome {
    let id = client.send(&call).await.unwrap();
    client.result(id).get(DEADLINE * 2).await.unwrap()
}

fn failure(outcome: Outcome) -> TaskFailure {
    match outcome {
        Outcome::Failure(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn add() -> Signature {
    Signature::new("tasks.add").args([2, 3])
}

fn now() -> DateTime<Utc> {
    DateTime::from(SystemTime::now())
}

#[tokio::test]
async fn check_01_a_python_worker_executes_our_call() {
    let redis = RedisServer::start();
    let client = redis.client();
    let id = client.send(&add()).await.unwrap();
    let _worker = serial(&redis);
    let read = format!(
        "import app; print(app.app.AsyncResult({:?}).get(timeout=40))",
        id.as_str()
    );
    assert_eq!(run(&redis, &["-c", &read]).trim(), "5");
    assert_eq!(
        client.result(id).get(DEADLINE).await.unwrap(),
        Outcome::Success(json!(5))
    );
}

#[tokio::test]
async fn check_03_arguments_arrive_as_sent() {
    let redis = RedisServer::start();
    let client = redis.client();
    let _worker = serial(&redis);
    let echo = || Signature::new("tasks.echo");
    for (call, args, kwargs) in [
        (echo(), json!([]), json!({})),
        (echo().arg(1).arg("two"), json!([1, "two"]), json!({})),
        (
            echo().kwarg("a", 1).kwarg("b", "c"),
            json!([]),
            json!({"a": 1, "b": "c"}),
        ),
        (
            echo().arg(json!([1])).kwarg("k", json!({})),
            json!([[1]]),
            json!({"k": {}}),
        ),
    ] {
        let expected = Outcome::Success(json!({"args": args, "kwargs": kwargs}));
        assert_eq!(outcome(&client, call).await, expected);
    }
}

#[tokio::test]
async fn check_04_values_survive_the_way_from_rust_to_python() {
    let redis = RedisServer::start();
    let client = redis.client();
    let _worker = serial(&redis);
    let values = json!([
        "é☃", "\u{1f600} \u{0} \\ \"", "", null, true, {"a": [1, {"b": []}]},
        9_007_199_254_740_992_i64, i64::MIN, u64::MAX, 1.5, 0.1, f64::MAX, 5e-324, -0.0
    ]);
    let echo = Signature::new("tasks.echo")
        .arg(values.clone())
        .kwarg("k", values.clone());
    let expected = json!({"args": [values], "kwargs": {"k": values}});
    assert_eq!(outcome(&client, echo).await, Outcome::Success(expected));
}

#[tokio::test]
async fn what_pythons_json_can_say_beyond_json_is_null_or_a_fraction_here() {
    let redis = RedisServer::start();
    let client = redis.client();
    let worker = serial(&redis);
    let code =
        "import app, math; app.echo.apply_async(([math.nan, math.inf, -math.inf, 2**64],), task_id='odd')";
    run(&redis, &["-c", code]);
    let read = client.result("odd").get(DEADLINE * 2).await.unwrap();
    let raw: String = redis
        .connection()
        .await
        .get("celery-task-meta-odd")
        .await
        .unwrap();
    assert!(
        raw.contains("[NaN, Infinity, -Infinity, 18446744073709551616]"),
        "{raw}"
    );
    let values = json!([[null, null, null, 18_446_744_073_709_551_616.0]]);
    assert_eq!(read, Outcome::Success(json!({"args": values, "kwargs": {}})));
    // What we send is JSON: what is no number is null from the beginning.
    let ours = Signature::new("tasks.echo").args([f64::NAN, f64::INFINITY]);
    let expected = json!({"args": [null, null], "kwargs": {}});
    assert_eq!(outcome(&client, ours).await, Outcome::Success(expected));
    drop(worker);
}

/// When each number was stamped by the task `tasks.stamp`.
fn stamped(path: &Path) -> HashMap<u64, DateTime<Utc>> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| {
            let (number, nanos) = line.split_once(' ').unwrap();
            (
                number.parse().unwrap(),
                DateTime::from_timestamp_nanos(nanos.parse().unwrap()),
            )
        })
        .collect()
}

/// Sends a call that is due at a time, and returns the `eta` in its message and when it ran on a Python worker.
async fn delayed(call: impl FnOnce(Signature) -> Signature) -> (String, DateTime<Utc>) {
    let redis = RedisServer::start();
    let client = redis.client();
    let _worker = serial(&redis);
    // It has begun to work, so that what comes next shows when it was due.
    assert_eq!(outcome(&client, add()).await, Outcome::Success(json!(5)));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stamps");
    let stamp = Signature::new("tasks.stamp").arg(path.to_str().unwrap()).arg(1);
    let parked = call(stamp).queue("parked");
    let id = client.send(&parked).await.unwrap();
    let mut connection = redis.connection().await;
    let raw: String = connection.rpop("parked", None).await.unwrap();
    let _: () = connection.lpush("celery", &raw).await.unwrap();
    client.result(id).get(DEADLINE * 2).await.unwrap();
    let message: Value = serde_json::from_str(&raw).unwrap();
    let eta = message["headers"]["eta"].as_str().unwrap().to_owned();
    (eta, stamped(&path)[&1])
}

/// A busy machine may be late, but a time that was misread is wrong by hours, or has passed.
const LATE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn check_06_a_countdown_is_kept_by_a_python_worker() {
    let countdown = Duration::from_secs(2);
    let before = now();
    let (eta, ran) = delayed(|call| call.countdown(countdown)).await;
    assert!(eta.ends_with("+00:00"), "{eta}");
    let due: DateTime<Utc> = eta.parse().unwrap();
    assert!(due >= before + countdown, "{before} {due}");
    assert!((due..due + LATE).contains(&ran), "{due} {ran}");
}

#[tokio::test]
async fn check_07_an_eta_with_an_offset_is_kept_by_a_python_worker() {
    let mut due = now();
    let (eta, ran) = delayed(|call| {
        due = now() + Duration::from_secs(2);
        call.eta(due.with_timezone(&FixedOffset::east_opt(7_200).unwrap()))
    })
    .await;
    assert!(eta.ends_with("+02:00"), "{eta}");
    // The message tells microseconds.
    let due = due - Duration::from_micros(1);
    assert!((due..due + LATE).contains(&ran), "{due} {ran}");
}

#[tokio::test]
async fn check_08_an_expired_call_is_revoked_by_a_python_worker() {
    let redis = RedisServer::start();
    let client = redis.client();
    let _worker = serial(&redis);
    let revoked = Outcome::Revoked {
        reason: "expired".into(),
    };
    let past = now() - Duration::from_secs(1);
    assert_eq!(outcome(&client, add().expires_at(past)).await, revoked);
    assert_eq!(outcome(&client, add().expires_in(Duration::ZERO)).await, revoked);
    let wanted = add().expires_in(Duration::from_hours(1));
    assert_eq!(outcome(&client, wanted).await, Outcome::Success(json!(5)));
}

#[tokio::test]
async fn check_09_our_time_limits_end_a_task_on_a_python_worker() {
    let redis = RedisServer::start();
    let client = redis.client();
    let _worker = forking(&redis);
    let sleepy = || Signature::new("tasks.sleepy").arg(600);
    let second = Duration::from_secs(1);
    let soft = failure(outcome(&client, sleepy().soft_time_limit(second)).await);
    assert_eq!(soft.exc_type, "SoftTimeLimitExceeded");
    let hard = failure(outcome(&client, sleepy().time_limit(second)).await);
    assert_eq!(
        (hard.exc_type.as_str(), hard.args),
        ("TimeLimitExceeded", vec![json!(1)])
    );
}

async fn meta(connection: &mut MultiplexedConnection, id: &str) -> Option<Value> {
    let key = format!("celery-task-meta-{id}");
    let raw: Option<String> = connection.get(key).await.unwrap();
    raw.map(|raw| serde_json::from_str(&raw).unwrap())
}

#[tokio::test]
async fn check_11_a_python_worker_stores_no_result_that_we_ignore() {
    let redis = RedisServer::start();
    let client = redis.client();
    let _worker = serial(&redis);
    let quiet = Signature::new("tasks.failed_id")
        .arg("it ran")
        .ignore_result(true);
    let quiet = client.send(&quiet).await.unwrap();
    // One at a time, so once the next one is done the other is too.
    assert_eq!(outcome(&client, add()).await, Outcome::Success(json!(5)));
    let mut connection = redis.connection().await;
    let told: String = connection.get("failed-id").await.unwrap();
    assert_eq!(told, "it ran");
    assert_eq!(meta(&mut connection, quiet.as_str()).await, None);
}

#[tokio::test]
async fn check_15_a_python_worker_sends_what_we_link() {
    let redis = RedisServer::start();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let _worker = serial(&redis);
    let value = async |id: &str| client.result(id).get(DEADLINE * 2).await.unwrap();
    let mul = |id: &str| Signature::new("tasks.mul").arg(10).task_id(id);
    let echoed = |values: Value| Outcome::Success(json!({"args": values, "kwargs": {}}));

    let one = add().link(Signature::new("tasks.echo").arg("stored").task_id("alone"));
    assert_eq!(outcome(&client, one).await, Outcome::Success(json!(5)));
    assert_eq!(value("alone").await, echoed(json!([5, "stored"])));
    assert_eq!(
        meta(&mut connection, "alone").await.unwrap().get("group_id"),
        None
    );

    let two = add().link(mul("first")).link(mul("second"));
    assert_eq!(outcome(&client, two).await, Outcome::Success(json!(5)));
    let mut groups = Vec::new();
    for id in ["first", "second"] {
        assert_eq!(value(id).await, Outcome::Success(json!(50)));
        let meta = meta(&mut connection, id).await.unwrap();
        groups.push(meta["group_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(groups[0], groups[1], "two links share a new group");

    // A task of more than one argument would be called by the worker itself, with others.
    let told = Signature::new("tasks.failed_id").task_id("told");
    let failing = Signature::new("tasks.boom").task_id("failing").link_error(told);
    assert_eq!(failure(outcome(&client, failing).await).exc_type, "ValueError");
    assert_eq!(value("told").await, Outcome::Success(json!("failing")));
}

#[tokio::test]
async fn check_16_our_result_handle_tells_every_end_of_a_call() {
    let redis = RedisServer::start();
    let client = redis.client();
    let mut connection = redis.connection().await;
    // Nobody is there yet.
    let waiting = client.send(&add()).await.unwrap();
    let brief = Duration::from_millis(100);
    assert_eq!(
        client.result(waiting.clone()).get(brief).await.unwrap(),
        Outcome::TimedOut
    );
    let _worker = serial(&redis);
    assert_eq!(
        client.result(waiting).get(DEADLINE * 2).await.unwrap(),
        Outcome::Success(json!(5))
    );
    let failed = failure(outcome(&client, Signature::new("tasks.boom")).await);
    assert_eq!(failed.exc_type, "ValueError");
    assert_eq!(failed.exc_module.as_deref(), Some("builtins"));
    assert_eq!(
        (failed.args, failed.message.as_str()),
        (vec![json!("bad"), json!(3)], "bad, 3")
    );
    assert!(failed.traceback.unwrap().contains("ValueError: ('bad', 3)"));

    // All states of a retried call pass by; the handle waits for its end.
    let mut states = redis::Client::open(redis.url())
        .unwrap()
        .get_async_pubsub()
        .await
        .unwrap();
    states.subscribe("celery-task-meta-retried").await.unwrap();
    let retried = Signature::new("tasks.flaky").arg(2).task_id("retried");
    assert_eq!(outcome(&client, retried).await, Outcome::Success(json!(2)));
    let seen: Vec<String> = states
        .on_message()
        .take(3)
        .map(|message| {
            let payload: String = message.get_payload().unwrap();
            let meta: Value = serde_json::from_str(&payload).unwrap();
            meta["status"].as_str().unwrap().to_owned()
        })
        .collect()
        .await;
    assert_eq!(seen, ["RETRY", "RETRY", "SUCCESS"]);

    let later = add().countdown(Duration::from_mins(10)).task_id("later");
    client.send(&later).await.unwrap();
    eventually("it is held", async || {
        (connection.hlen::<_, usize>("unacked").await.unwrap() == 1).then_some(())
    })
    .await;
    client.control().revoke("later", false).await.unwrap();
    assert_eq!(
        client.result("later").get(DEADLINE).await.unwrap(),
        Outcome::Revoked {
            reason: "revoked".into()
        }
    );
}
