//! That large messages cost no more than they must.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use celery_redis::{Outcome, Signature};
use serde_json::Value;
use support::{
    DEADLINE, RedisServer, Running,
    gate::{Log, worker},
    stray_keys,
};

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
