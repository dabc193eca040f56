//! That a worker ends as Celery's does: warmly when asked once, at once when asked again.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::time::{Duration, Instant};

use celery_redis::{Outcome, Signature};
use futures::StreamExt;
use redis::AsyncCommands;
use serde_json::{Value, json};
use support::{DEADLINE, RedisServer, eventually, gate::held, spawn_worker};

/// Stops a worker that has a minute of grace while it executes two tasks.
async fn stop_with(signals: &[&str]) {
    let redis = RedisServer::start();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let mut subscribed = redis::Client::open(redis.url())
        .unwrap()
        .get_async_pubsub()
        .await
        .unwrap();
    subscribed.subscribe("/0.celeryev/task.multi").await.unwrap();
    let early = client
        .send(&Signature::new("tasks.sleepy").arg(60))
        .await
        .unwrap();
    let late = client
        .send(&Signature::new("tasks.sleepy_late").arg(60))
        .await
        .unwrap();
    let mut worker = spawn_worker(&redis, &["-c", "2", "--grace", "60", "-E", "--track-started"]);
    for id in [&early, &late] {
        eventually("both run", async || {
            let state = client.result(id.clone()).state().await.unwrap();
            state.filter(|meta| meta.status == "STARTED")
        })
        .await;
    }
    let asked = Instant::now();
    for signal in signals {
        worker.signal(signal);
        if signals.len() > 1 {
            // Signals of one kind that follow too closely are one signal.
            eventually("the worker waits for messages no longer", async || {
                let clients: String = redis::cmd("CLIENT")
                    .arg("LIST")
                    .query_async(&mut connection)
                    .await
                    .unwrap();
                (worker.has_ended() || !clients.contains("cmd=blmove")).then_some(())
            })
            .await;
        }
    }
    eventually("the worker ends", async || worker.has_ended().then_some(())).await;
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    let outcome = client.result(early).get(DEADLINE).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::Failure(failure) if failure.exc_type == "WorkerLostError"),
        "{outcome:?}"
    );
    assert_eq!(held(&mut connection).await, 0);
    let waiting: Vec<String> = connection.lrange("celery", 0, -1).await.unwrap();
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let message: Value = serde_json::from_str(&waiting[0]).unwrap();
    assert_eq!(message["headers"]["id"], json!(late));
    assert_eq!(message["headers"]["redelivered"], true);

    let cancelled = async {
        let mut messages = subscribed.on_message();
        loop {
            let payload: String = messages.next().await.unwrap().get_payload().unwrap();
            let event: Value = serde_json::from_str(&payload).unwrap();
            let body = base64_text(event["body"].as_str().unwrap());
            if body.contains("task-cancelled") && body.contains(&late.to_string()) {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, cancelled).await.unwrap();
}

fn base64_text(encoded: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
}

#[tokio::test]
async fn sigquit_breaks_off_what_runs_and_gives_it_back() {
    stop_with(&["QUIT"]).await;
}

#[tokio::test]
async fn a_second_sigterm_breaks_off_what_runs_and_gives_it_back() {
    stop_with(&["TERM", "TERM"]).await;
}
