//! That a Python client, a Python worker and the Rust ones understand each other: real Celery 5.7.
//!
//! `CELERY_PYTHON` names the interpreter; `scripts/python-env.sh` makes it.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use celery_redis::{Outcome, Signature};
use redis::AsyncCommands;
use serde_json::{Value, json};
use support::{
    DEADLINE, RedisServer, eventually,
    python::{check, python_worker, run},
    spawn_worker,
};

#[test]
fn a_python_client_is_served_by_a_rust_worker() {
    let redis = RedisServer::start();
    let _worker = spawn_worker(&redis, &["-c", "4"]);
    let report = run(&redis, &["client_checks.py"]);
    assert!(
        report.lines().filter(|line| line.starts_with("ok")).count() >= 20,
        "{report}"
    );
}

#[tokio::test]
async fn a_rust_client_is_served_by_a_python_worker() {
    let redis = RedisServer::start();
    let _worker = python_worker(&redis, &["-P", "threads", "-c", "2", "-Q", "celery,other"]);
    let client = redis.client();
    let run = async |signature: Signature| {
        let id = client.send(&signature).await.unwrap();
        client.result(id).get(DEADLINE * 2).await.unwrap()
    };
    assert_eq!(
        run(Signature::new("tasks.add").args([2, 3])).await,
        Outcome::Success(json!(5))
    );
    let values = json!(["é☃", null, {"a": [1, {"b": []}]}, 9_007_199_254_740_992_i64, 1.5, true]);
    let echo = Signature::new("tasks.echo")
        .arg(values.clone())
        .kwarg("k", values.clone());
    assert_eq!(
        run(echo).await,
        Outcome::Success(json!({"args": [values], "kwargs": {"k": values}}))
    );
    assert_eq!(
        run(Signature::new("tasks.echo")).await,
        Outcome::Success(json!({"args": [], "kwargs": {}}))
    );
    for priority in [-1, 0, 3, 4, 8, 9, 15] {
        let urgent = Signature::new("tasks.add")
            .args([1, 1])
            .priority(priority)
            .queue("other");
        assert_eq!(run(urgent).await, Outcome::Success(json!(2)));
    }
    let delayed = Signature::new("tasks.add")
        .args([1, 2])
        .countdown(Duration::from_secs(1));
    assert_eq!(run(delayed).await, Outcome::Success(json!(3)));
    let expired = Signature::new("tasks.add")
        .args([1, 2])
        .expires_in(Duration::ZERO);
    assert_eq!(
        run(expired).await,
        Outcome::Revoked {
            reason: "expired".into()
        }
    );
    let Outcome::Failure(failure) = run(Signature::new("tasks.boom")).await else {
        panic!("no failure")
    };
    assert_eq!(
        (failure.exc_type.as_str(), failure.args),
        ("ValueError", vec![json!("bad"), json!(3)])
    );
    assert!(
        failure
            .traceback
            .is_some_and(|traceback| traceback.contains("ValueError"))
    );

    let linked = client
        .send(
            &Signature::new("tasks.add")
                .args([1, 2])
                .link(Signature::new("tasks.mul").arg(10).task_id("linked")),
        )
        .await;
    assert_eq!(
        client.result(linked.unwrap()).get(DEADLINE).await.unwrap(),
        Outcome::Success(json!(3))
    );
    assert_eq!(
        client.result("linked").get(DEADLINE).await.unwrap(),
        Outcome::Success(json!(30))
    );
    let failing = Signature::new("tasks.boom")
        .task_id("failing")
        .link_error(Signature::new("tasks.failed_id").task_id("errback"));
    assert!(matches!(run(failing).await, Outcome::Failure(_)));
    let mut connection = redis.connection().await;
    let told = eventually("the errback ran", async || {
        connection.get::<_, Option<String>>("failed-id").await.unwrap()
    })
    .await;
    assert_eq!(told, "failing");
}

#[tokio::test]
async fn our_message_has_the_fields_of_pythons() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    redis
        .client()
        .send(&Signature::new("tasks.add").args([2, 3]))
        .await
        .unwrap();
    run(&redis, &["-c", "import app; app.add.delay(2, 3)"]);
    let pop = async |connection: &mut redis::aio::MultiplexedConnection| -> Value {
        let raw: String = connection.rpop("celery", None).await.unwrap();
        serde_json::from_str(&raw).unwrap()
    };
    let (ours, theirs) = (pop(&mut connection).await, pop(&mut connection).await);
    assert_eq!(ours["body"].is_string(), theirs["body"].is_string());
    assert_eq!(shape(&ours), shape(&theirs));
    for same in [
        "/content-type",
        "/content-encoding",
        "/headers/argsrepr",
        "/headers/kwargsrepr",
        "/headers/timelimit",
        "/headers/ignore_result",
        "/headers/stamps",
        "/properties/delivery_info",
        "/properties/priority",
        "/properties/delivery_mode",
        "/properties/body_encoding",
    ] {
        assert_eq!(ours.pointer(same), theirs.pointer(same), "{same}");
    }
}

/// The names and types of all fields.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(name, value)| (name.clone(), shape(value)))
                .collect(),
        ),
        Value::Array(_) => json!("array"),
        Value::String(_) => json!("string"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("bool"),
        Value::Null => json!("null"),
    }
}

#[tokio::test]
async fn python_and_rust_workers_share_a_chord_and_each_others_messages() {
    let redis = RedisServer::start();
    let _python = python_worker(
        &redis,
        &["-P", "threads", "-c", "2", "--without-gossip", "--without-mingle"],
    );
    let client = redis.client();
    let id = client
        .send(&Signature::new("tasks.add").args([1, 1]))
        .await
        .unwrap();
    client.result(id).get(DEADLINE * 2).await.unwrap();
    let _rust = spawn_worker(&redis, &["-c", "2"]);
    let script = "from celery import chord\n\
                  from app import add, echo\n\
                  for _ in range(20):\n\
                  \x20   r = chord([add.s(i, i) for i in range(50)], echo.s()).delay().get(timeout=30)\n\
                  \x20   assert r['args'] == [[2 * i for i in range(50)]], r\n";
    run(&redis, &["-c", script]);
}

#[test]
fn check_49_each_kind_of_worker_gives_back_what_the_other_held() {
    check("sweep_checks.py", 49);
}

#[test]
fn check_85_a_stopped_worker_leaves_alone_what_python_took_over() {
    check("sweep_checks.py", 85);
}

#[test]
fn check_43_a_chord_member_delivered_twice_counts_once() {
    check("canvas_checks.py", 43);
}

#[test]
fn check_44_stamps_travel_with_signatures() {
    check("canvas_checks.py", 44);
}

#[tokio::test]
async fn check_10_a_new_queue_gets_both_binding_sets() {
    let redis = RedisServer::start();
    let call = Signature::new("tasks.add").args([1, 2]).queue("other");
    redis.client().send(&call).await.unwrap();
    let mut connection = redis.connection().await;
    for set in ["_kombu.binding.other", "_kombu.binding_permanent.other"] {
        let members: Vec<String> = connection.smembers(set).await.unwrap();
        assert_eq!(members, ["other\x06\x16\x06\x16other"], "{set}");
    }
    assert_eq!(connection.llen::<_, usize>("other").await.unwrap(), 1);
}

#[tokio::test]
async fn check_17_python_purges_what_we_sent() {
    let redis = RedisServer::start();
    let client = redis.client();
    let calls: Vec<Signature> = (0..1000)
        .map(|number| Signature::new("tasks.noop").priority(number % 10))
        .collect();
    client.send_many(&calls).await.unwrap();
    assert_eq!(client.queue_len("celery").await.unwrap(), 1000);
    let purged = run(&redis, &["-c", "from app import app; print(app.control.purge())"]);
    assert_eq!(purged.trim(), "1000");
    assert_eq!(client.queue_len("celery").await.unwrap(), 0);
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
