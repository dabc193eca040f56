//! Checks 2, 5, 10 and 17: that what our client writes lies where Python's lies, and looks alike: real Celery 5.7.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::{collections::HashMap, time::Duration};

use celery_redis::Signature;
use redis::AsyncCommands;
use serde_json::{Value, json};
use support::{RedisServer, python::run, wire::comparable};

/// The calls of check 2 as Python makes them.
const CALLS: &str = r#"
from app import add, app, echo
add.delay(2, 3)
echo.delay()
echo.delay("two", None, k=[1.5, True, {"ü": "☃"}])
add.apply_async((2, 3), priority=7, time_limit=30, soft_time_limit=2.5, ignore_result=True, shadow="other")
add.apply_async((2, 3), countdown=60, expires=120)
add.apply_async((2, 3), link=echo.s("more").set(task_id="linked"), link_error=echo.s().set(task_id="errback"))
add.apply_async((2, 3), headers={"custom": {"a": [1]}, "stamped_headers": ["tenant"], "stamps": {"tenant": "acme"}})
"#;

#[tokio::test]
async fn check_02_our_messages_are_those_of_python() {
    let redis = RedisServer::start();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let add = || Signature::new("tasks.add").args([2, 3]);
    let echo = || Signature::new("tasks.echo");
    let calls = [
        add(),
        echo(),
        echo()
            .arg("two")
            .arg(Value::Null)
            .kwarg("k", json!([1.5, true, {"ü": "☃"}])),
        add()
            .priority(7)
            .time_limit(Duration::from_secs(30))
            .soft_time_limit(Duration::from_millis(2500))
            .ignore_result(true)
            .shadow("other"),
        add()
            .countdown(Duration::from_mins(1))
            .expires_in(Duration::from_mins(2)),
        add()
            .link(echo().arg("more").task_id("linked"))
            .link_error(echo().task_id("errback")),
        add().header("custom", json!({"a": [1]})).stamp("tenant", "acme"),
    ];
    let mut taken = async || {
        let mut all = Vec::new();
        for list in ["celery", "celery\x06\x166"] {
            while let Some(raw) = connection.rpop::<_, Option<String>>(list, None).await.unwrap() {
                all.push(comparable(&raw));
            }
        }
        all
    };
    client.send_many(&calls).await.unwrap();
    let ours = taken().await;
    run(&redis, &["-c", CALLS]);
    let theirs = taken().await;
    assert_eq!(ours.len(), calls.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(theirs.len(), calls.len());
}

#[tokio::test]
async fn check_05_priorities_lead_to_the_lists_of_python() {
    let redis = RedisServer::start();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let priorities: Vec<i64> = (-1..=9).chain([15]).collect();
    for priority in &priorities {
        let call = Signature::new("tasks.echo").arg(*priority).priority(*priority);
        client.send(&call.queue("ours")).await.unwrap();
    }
    let code = format!(
        "import app\nfor p in {priorities:?}: app.echo.apply_async((p,), priority=p, queue='theirs')"
    );
    run(&redis, &["-c", &code]);
    let mut lists = async |queue: &str| {
        let mut found = HashMap::new();
        for key in connection
            .keys::<_, Vec<String>>(format!("{queue}*"))
            .await
            .unwrap()
        {
            let all: Vec<String> = connection.lrange(&key, 0, -1).await.unwrap();
            let told = all.iter().map(|raw| {
                let message = comparable(raw);
                (
                    message["body"][0].clone(),
                    message["properties"]["priority"].clone(),
                )
            });
            found.insert(key.replacen(queue, "", 1), told.collect::<Vec<_>>());
        }
        found
    };
    let (ours, theirs) = (lists("ours").await, lists("theirs").await);
    assert_eq!(theirs.len(), 4, "{theirs:?}");
    assert_eq!(ours, theirs);
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
