//! That `celery inspect` and `celery control` work on our workers, and ours on Python's: real Celery 5.7.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use celery_redis::{Nodes, Outcome, Signature};
use redis::AsyncCommands;
use serde_json::{Map, Value, json};
use support::{
    DEADLINE, RedisServer, Running, eventually,
    gate::{Log, until_held, until_ran, worker},
    python::{check, python_worker},
    stray_keys,
};

const CHECKS: &str = "control_checks.py";

#[test]
fn check_65_every_question_is_answered_in_celerys_shape() {
    check(CHECKS, 65);
}

#[test]
fn check_66_requests_reach_whom_they_address() {
    check(CHECKS, 66);
}

#[test]
fn check_67_unknown_malformed_and_forged_requests_harm_nothing() {
    check(CHECKS, 67);
}

#[test]
fn check_68_a_revoked_call_is_not_executed() {
    check(CHECKS, 68);
}

#[test]
fn check_69_a_running_task_is_terminated() {
    check(CHECKS, 69);
}

#[test]
fn check_70_a_rate_limit_is_applied() {
    check(CHECKS, 70);
}

#[test]
fn check_71_queues_are_added_and_cancelled() {
    check(CHECKS, 71);
}

#[test]
fn check_72_the_pool_grows_and_shrinks_with_its_prefetch_limit() {
    check(CHECKS, 72);
}

#[test]
fn check_73_time_limits_are_changed() {
    check(CHECKS, 73);
}

#[test]
fn check_74_a_shutdown_is_clean_and_unanswered() {
    check(CHECKS, 74);
}

#[test]
fn check_75_workers_tell_each_other_at_the_start_what_is_revoked() {
    check(CHECKS, 75);
}

#[tokio::test]
async fn check_76_our_client_asks_and_commands_python_workers() {
    let redis = RedisServer::start();
    let _python = python_worker(&redis, &["-P", "threads", "-c", "2", "-n", "py@h"]);
    let client = redis.client();
    let control = client.control().timeout(Duration::from_secs(2));
    let pong = json!({"ok": "pong"});
    eventually("the Python worker answers", async || {
        let answers = control.ask("ping", Map::new()).await.unwrap();
        (answers.get("py@h") == Some(&pong)).then_some(())
    })
    .await;

    let named = control.clone().nodes(Nodes::Named(vec!["py@h".to_owned()]));
    let stats = named.ask("stats", Map::new()).await.unwrap();
    assert_eq!(
        stats["py@h"].pointer("/pool/max-concurrency"),
        Some(&json!(2)),
        "{stats:?}"
    );
    for nobody in [Nodes::Glob("rs*".to_owned()), Nodes::Pcre("y@h".to_owned())] {
        let some = control.clone().nodes(nobody).timeout(Duration::from_millis(500));
        assert!(some.ask("ping", Map::new()).await.unwrap().is_empty());
    }
    let delayed = Signature::new("tasks.add")
        .args([1, 2])
        .countdown(Duration::from_mins(10));
    let id = client.send(&delayed).await.unwrap();
    eventually("the call is held", async || {
        let held = named.ask("scheduled", Map::new()).await.unwrap();
        held["py@h"].as_array().filter(|held| held.len() == 1).map(|_| ())
    })
    .await;
    assert!(control.revoke(id.as_str(), false).await.unwrap() >= 1);
    assert_eq!(
        client.result(id).get(DEADLINE).await.unwrap(),
        Outcome::Revoked {
            reason: "revoked".into()
        }
    );
    let mut connection = redis.connection().await;
    let left: Vec<String> = stray_keys(&mut connection)
        .await
        .into_iter()
        .filter(|key| key.contains("pidbox"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    let bound: Vec<String> = redis::cmd("SMEMBERS")
        .arg("_kombu.binding.reply.celery.pidbox")
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(bound, Vec::<String>::new());
}

#[tokio::test]
async fn a_terminated_task_drops_what_it_held() {
    let redis = RedisServer::start();
    let log = Log::new();
    let running = Running::start(worker(&redis.url(), &log).hostname("rs@h").concurrency(1));
    let client = redis.client();
    let mut connection = redis.connection().await;
    for task in ["wait_late", "wait_early"] {
        let id = client.send(&Signature::new(task).arg(task)).await.unwrap();
        eventually("the task runs", async || {
            log.ran().await.contains(&task.to_owned()).then_some(())
        })
        .await;
        client.control().revoke(id.as_str(), true).await.unwrap();
        assert_eq!(
            client.result(id).get(DEADLINE).await.unwrap(),
            Outcome::Revoked {
                reason: "terminated".into()
            }
        );
        until_held(&mut connection, 0).await;
    }
    // The body, and with it the log that it had borrowed, is gone; and the one slot is free.
    client.send(&Signature::new("note").arg("next")).await.unwrap();
    until_ran(&log, 3).await;
    running.stop().await;
    assert_eq!(std::sync::Arc::strong_count(&log), 1);
}

#[tokio::test]
async fn a_worker_without_remote_control_hears_nothing() {
    let redis = RedisServer::start();
    let log = Log::new();
    let running = Running::start(worker(&redis.url(), &log).remote_control(false));
    let client = redis.client();
    client.send(&Signature::new("note").arg("up")).await.unwrap();
    until_ran(&log, 1).await;
    assert_eq!(client.control().tell("shutdown", Map::new()).await.unwrap(), 0);
    assert_eq!(
        client.control().ask("ping", Map::new()).await.unwrap(),
        std::collections::BTreeMap::<String, Value>::new()
    );
    running.stop().await;
}

#[tokio::test]
async fn remote_control_is_heard_again_after_the_connections_were_cut() {
    let redis = RedisServer::start();
    let log = Log::new();
    let running = Running::start(worker(&redis.url(), &log).hostname("rs@h"));
    let client = redis.client();
    let answered = async || {
        let answers = client.control().ask("ping", Map::new()).await;
        answers
            .is_ok_and(|answers| answers.contains_key("rs@h"))
            .then_some(())
    };
    eventually("it answers", answered).await;
    for kind in ["normal", "pubsub"] {
        let mut connection = redis.connection().await;
        redis::cmd("CLIENT")
            .arg("KILL")
            .arg("TYPE")
            .arg(kind)
            .arg("SKIPME")
            .arg("yes")
            .exec_async(&mut connection)
            .await
            .unwrap();
    }
    eventually("it answers again", answered).await;
    running.stop().await;
}

#[tokio::test]
async fn nothing_more_is_taken_from_a_queue_once_its_cancellation_is_answered() {
    let redis = RedisServer::start();
    let log = Log::new();
    let worker = Running::start(worker(&redis.url(), &log).queues(["a", "b"]).hostname("w@h"));
    let client = redis.client();
    let control = client.control().timeout(DEADLINE);
    let mut connection = redis.connection().await;
    for round in 1..=20 {
        client
            .send(&Signature::new("note").arg("x").queue("a"))
            .await
            .unwrap();
        until_ran(&log, round).await;
        let queue = Map::from_iter([("queue".to_owned(), json!("a"))]);
        let answers = control.ask("cancel_consumer", queue.clone()).await.unwrap();
        assert_eq!(answers["w@h"], json!({"ok": "no longer consuming from a"}));
        client
            .send(&Signature::new("note").arg("x").queue("a"))
            .await
            .unwrap();
        assert_eq!(client.queue_len("a").await.unwrap(), 1, "in round {round}");
        let _: () = connection.del("a").await.unwrap();
        control.ask("add_consumer", queue).await.unwrap();
    }
    worker.stop().await;
}

#[tokio::test]
async fn names_that_nobody_registered_are_not_counted() {
    let redis = RedisServer::start();
    let log = Log::new();
    let worker = Running::start(worker(&redis.url(), &log).hostname("w@h"));
    let client = redis.client();
    for task in ["note", "forged.1", "forged.2"] {
        let id = client.send(&Signature::new(task).arg("x")).await.unwrap();
        client.result(id).get(DEADLINE).await.unwrap();
    }
    let answers = client
        .control()
        .timeout(DEADLINE)
        .ask("stats", Map::new())
        .await
        .unwrap();
    assert_eq!(answers["w@h"]["total"], json!({"note": 1}));
    worker.stop().await;
}

#[tokio::test]
async fn what_another_worker_tells_is_kept_with_its_time() {
    let redis = RedisServer::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("revoked.json");
    let log = Log::new();
    let long_ago = clock() - 9_000.0;
    std::fs::write(
        &path,
        json!({"revoked": ["old"], "times": [long_ago]}).to_string(),
    )
    .unwrap();
    let start = || Running::start(worker(&redis.url(), &log).hostname("w@h").state_file(&path));
    let running = start();
    let hello = Map::from_iter([
        ("from_node".to_owned(), json!("other@h")),
        ("revoked".to_owned(), json!(["told"])),
    ]);
    let client = redis.client();
    eventually("the worker hears of it", async || {
        let answers = client.control().ask("hello", hello.clone()).await.unwrap();
        (!answers.is_empty()).then_some(())
    })
    .await;
    let kept = || serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()).unwrap();
    eventually("what was told is written down", async || {
        (kept()["revoked"] == json!(["old", "told"])).then_some(())
    })
    .await;
    let time = |at: usize| kept()["times"][at].as_f64().unwrap();
    assert!((time(0) - long_ago).abs() < 5.0, "{} {long_ago}", time(0));
    assert!((time(1) - clock()).abs() < 10.0, "{}", time(1));
    running.stop().await;
}

/// Epoch seconds.
fn clock() -> f64 {
    let elapsed = std::time::SystemTime::UNIX_EPOCH.elapsed();
    elapsed.expect("a time after 1970").as_secs_f64()
}
