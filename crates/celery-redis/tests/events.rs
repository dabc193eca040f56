//! That Python's receivers, State and Flower understand our events: real Celery 5.7 and Flower 2.2.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use celery_redis::{Client, Signature};
use futures::StreamExt;
use serde_json::{Value, json};
use support::{DEADLINE, RedisServer, python::check};

const CHECKS: &str = "event_checks.py";

#[test]
fn check_58_workers_are_seen_to_come_to_live_and_to_go() {
    check(CHECKS, 58);
}

#[test]
fn check_59_a_task_is_shown_with_arguments_result_and_runtime() {
    check(CHECKS, 59);
}

#[test]
fn check_60_failures_retries_revocations_and_rejections_are_told() {
    check(CHECKS, 60);
}

#[test]
fn check_61_events_come_in_lists_and_none_is_missing() {
    check(CHECKS, 61);
}

#[test]
fn check_62_the_clock_strictly_increases_and_follows_others() {
    check(CHECKS, 62);
}

#[test]
fn check_63_task_events_are_off_until_enabled() {
    check(CHECKS, 63);
}

#[test]
fn check_64_flower_lists_the_worker_and_its_tasks() {
    check(CHECKS, 64);
}

#[test]
fn check_64_an_exporter_counts_what_the_worker_does() {
    check(CHECKS, "exporter");
}

#[tokio::test]
async fn a_client_tells_what_it_sent_if_it_was_asked_to() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let redis = RedisServer::start();
    let mut subscribed = redis::Client::open(redis.url())
        .unwrap()
        .get_async_pubsub()
        .await
        .unwrap();
    subscribed.psubscribe("/0.celeryev/*").await.unwrap();
    let silent = redis.client();
    silent.send(&Signature::new("add")).await.unwrap();
    let telling = Client::builder(&redis.url())
        .send_sent_event(true)
        .build()
        .unwrap();
    let id = telling
        .send(&Signature::new("add").arg(1).kwarg("y", 2).queue("other"))
        .await
        .unwrap();
    let first = tokio::time::timeout(DEADLINE, subscribed.on_message().next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first.get_channel_name(), "/0.celeryev/task.sent");
    let envelope: Value = serde_json::from_slice(first.get_payload_bytes()).unwrap();
    let body = STANDARD.decode(envelope["body"].as_str().unwrap()).unwrap();
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(event["type"], "task-sent");
    assert_eq!(event["uuid"], json!(id));
    assert_eq!(
        (&event["args"], &event["kwargs"]),
        (&json!("(1,)"), &json!("{'y': 2}"))
    );
    assert_eq!(
        (&event["queue"], &event["routing_key"]),
        (&json!("other"), &json!("other"))
    );
    assert_eq!(event["root_id"], event["uuid"]);
}
