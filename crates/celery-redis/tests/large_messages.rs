//! That large messages cost no more than they must.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use celery_redis::{Outcome, Signature};
use serde_json::Value;
use support::{
    DEADLINE, RedisServer, Running,
    gate::{Log, until_all_ended, until_ran, until_waiting, worker},
    stray_keys,
};

#[tokio::test]
async fn what_wakes_an_idle_worker_travels_once_also_if_it_is_too_large() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let log = Log::new();
    let worker = Running::start(worker(&redis.url(), &log).message_limit(8 << 20));
    let client = redis.client();
    for (bytes, most) in [(6 << 20, 9 << 20), (9 << 20, 12 << 20)] {
        until_waiting(&mut connection).await;
        let before = sent_by(&mut connection).await;
        let call = Signature::new("note")
            .arg("x".repeat(bytes / 4 * 3))
            .ignore_result(true);
        client.send(&call).await.unwrap();
        until_all_ended(&mut connection).await;
        let sent = sent_by(&mut connection).await - before;
        assert!(sent < most, "{sent} bytes for a message of {bytes}");
    }
    until_ran(&log, 1).await;
    worker.stop().await;
}

/// Bytes that the server has sent to all.
async fn sent_by(connection: &mut redis::aio::MultiplexedConnection) -> usize {
    let stats: String = redis::cmd("INFO")
        .arg("stats")
        .query_async(connection)
        .await
        .unwrap();
    let line = stats
        .lines()
        .find_map(|line| line.strip_prefix("total_net_output_bytes:"));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn many_large_messages_are_not_taken_in_one_reply() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    // A reply that is larger costs the connection.
    let _: () = redis::cmd("CONFIG")
        .arg(&["SET", "client-output-buffer-limit", "normal 20971520 0 0"])
        .query_async(&mut connection)
        .await
        .unwrap();
    let client = redis.client();
    let mut ids = Vec::new();
    for number in 0..48 {
        let text = "x".repeat(if number % 3 == 0 { 10 } else { 1 << 20 });
        let call = Signature::new("note").arg(text).queue(["a", "b"][number % 2]);
        ids.push(client.send(&call).await.unwrap());
    }
    let log = Log::new();
    let worker = Running::start(
        worker(&redis.url(), &log)
            .queues(["a", "b"])
            .prefetch_multiplier(0),
    );
    for id in ids {
        assert_eq!(
            client.result(id).get(DEADLINE).await.unwrap(),
            Outcome::Success(Value::Null)
        );
    }
    worker.stop().await;
    assert_eq!(stray_keys(&mut connection).await, Vec::<String>::new());
}
