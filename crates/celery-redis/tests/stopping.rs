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
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::{Value, json};
use support::{
    DEADLINE, RedisServer, eventually,
    gate::{held, is_waiting, until_held, until_waiting},
    spawn_worker,
};

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
    until_waiting(&mut connection).await;
    let asked = Instant::now();
    for signal in signals {
        worker.signal(signal);
        if signals.len() > 1 {
            // Signals of one kind that follow too closely are one signal.
            eventually("the worker waits for messages no longer", async || {
                (worker.has_ended() || !is_waiting(&mut connection).await).then_some(())
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

#[tokio::test]
async fn check_47_sigterm_lets_end_what_runs_and_gives_back_the_rest() {
    let redis = RedisServer::start();
    let client = redis.client();
    let mut connection = redis.connection().await;
    let running = ["tasks.gated", "tasks.gated_late"].map(Signature::new);
    let waiting = ["tasks.gated_late", "tasks.gated", "tasks.gated_late"].map(Signature::new);
    let delayed = Signature::new("tasks.gated").countdown(Duration::from_mins(10));
    let calls: Vec<Signature> = running
        .into_iter()
        .chain(waiting)
        .chain([delayed])
        .map(|call| call.arg("notes"))
        .collect();
    let ids = client.send_many(&calls).await.unwrap();
    let mut worker = spawn_worker(&redis, &["-c", "2", "--grace", "60"]);
    let until_noted = async |connection: &mut MultiplexedConnection, count: usize| {
        eventually(&format!("{count} notes"), async || {
            let notes: Vec<String> = connection.lrange("notes", 0, -1).await.unwrap();
            (notes.len() == count).then_some(notes)
        })
        .await
    };
    until_noted(&mut connection, 2).await;
    // One of the two that run was acknowledged when it began.
    until_held(&mut connection, 5).await;
    worker.signal("TERM");
    eventually("what did not begin is back", async || {
        (client.queue_len("celery").await.unwrap() == 4).then_some(())
    })
    .await;
    assert!(!worker.has_ended(), "it waits for what runs");
    let _: () = connection.set("notes:open", 1).await.unwrap();
    let status = eventually("the worker ends", async || worker.ended()).await;
    assert_eq!(status.code(), Some(0));
    let mut notes = until_noted(&mut connection, 4).await;
    notes.sort();
    let mut expected: Vec<String> = ["begin", "end"]
        .iter()
        .flat_map(|word| ids[..2].iter().map(move |id| format!("{word} {id}")))
        .collect();
    expected.sort();
    assert_eq!(notes, expected);
    for id in &ids[..2] {
        let outcome = client.result(id.clone()).get(DEADLINE).await.unwrap();
        assert_eq!(outcome, Outcome::Success(Value::Null));
    }
    let queue: Vec<String> = connection.lrange("celery", 0, -1).await.unwrap();
    let queue: Vec<Value> = queue
        .iter()
        .rev()
        .map(|raw| serde_json::from_str(raw).unwrap())
        .collect();
    for (message, id) in queue.iter().zip(&ids[2..]) {
        assert_eq!(
            message["headers"]["id"],
            json!(id),
            "the oldest is served first again"
        );
        assert_eq!(message["headers"]["redelivered"], true);
        assert_eq!(message["properties"]["delivery_info"]["redelivered"], true);
    }
    assert_eq!(queue.len(), 4);
    for ledger in ["unacked", "unacked_index"] {
        assert!(!connection.exists::<_, bool>(ledger).await.unwrap(), "{ledger}");
    }
}
