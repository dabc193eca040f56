//! That `global_keyprefix` stands before every key and channel, and is understood as Python's is.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::time::Duration;

use celery_redis::{
    Client, Outcome, Signature, WorkerBuilder,
    beat::{Beat, Entry},
    chord, group,
};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::{Map, Value, json};
use support::{
    DEADLINE, RedisServer, Running,
    beating::Beating,
    calls::{failure, tasks},
    eventually,
    gate::{Log, until_ran, wait_early, wait_late},
    python::check,
};

const PREFIX: &str = "pfx:";

/// A user who may use nothing but what bears the prefix. Redis takes a pattern to subscribe to only as it is granted.
const USER: &str = "SETUSER ours on >secret +@all ~pfx:* resetchannels &pfx:* &pfx:/0.celeryev/worker.* \
                    &pfx:/0.celery.pidbox";

fn worker(url: &str, log: &std::sync::Arc<Log>) -> WorkerBuilder {
    let builder = celery_redis::Worker::builder(url)
        .global_keyprefix(PREFIX)
        .concurrency(2)
        .queues(["celery", "other"])
        .task_events(true)
        .track_started(true)
        .visibility_timeout(Duration::from_secs(2))
        .restore_interval(Duration::from_millis(200))
        .shutdown_grace(Duration::from_secs(5))
        .data(log.clone())
        .register::<wait_late>()
        .register::<wait_early>();
    tasks(builder)
}

#[tokio::test]
async fn check_57_nothing_that_we_use_lacks_the_prefix() {
    let redis = RedisServer::start();
    let mut admin = redis.connection().await;
    redis::cmd("ACL")
        .arg(USER.split_whitespace().collect::<Vec<_>>())
        .exec_async(&mut admin)
        .await
        .unwrap();
    let url = redis.url().replace("redis://", "redis://ours:secret@");
    let log = Log::new();
    let client = Client::builder(&url)
        .global_keyprefix(PREFIX)
        .send_sent_event(true)
        .build()
        .unwrap();
    let first = Running::start(worker(&url, &log).hostname("first@h"));

    ends(&client).await;
    workflows(&client).await;
    poison(&client, &mut admin).await;
    commands(&client).await;
    let call = Signature::new("add").args([1, 1]).queue("ticks");
    let beat = Beat::builder(&url).global_keyprefix(PREFIX).entry(Entry::every(
        "tick",
        Duration::from_millis(200),
        call,
    ));
    let beat = Beating::start(beat);
    eventually("a tick", async || {
        (client.queue_len("ticks").await.unwrap() > 0).then_some(())
    })
    .await;
    beat.stop().await;

    // Two run, one of them is no longer in the ledger; the others are held, given back, and taken by another worker.
    let before = log.ran().await.len();
    let calls: Vec<Signature> = ["wait_early", "wait_late", "wait_late", "wait_early"]
        .map(|task| Signature::new(task).arg(task))
        .to_vec();
    let ids = client.send_many(&calls).await.unwrap();
    until_ran(&log, before + 2).await;
    eventually("the others are held", async || {
        (admin.hlen::<_, usize>("pfx:unacked").await.unwrap() == 3).then_some(())
    })
    .await;
    let second = Running::start(worker(&url, &log).hostname("second@h"));
    log.gate.add_permits(4);
    first.stop().await;
    for id in ids {
        assert_eq!(
            client.result(id).get(DEADLINE).await.unwrap(),
            Outcome::Success(Value::Null)
        );
    }
    second.stop().await;

    let refused: redis::Value = redis::cmd("ACL")
        .arg("LOG")
        .query_async(&mut admin)
        .await
        .unwrap();
    assert_eq!(refused, redis::Value::Array(Vec::new()));
    let keys: Vec<String> = admin.keys("*").await.unwrap();
    assert!(keys.iter().all(|key| key.starts_with(PREFIX)), "{keys:?}");
}

/// Calls that end in every way, through every list.
async fn ends(client: &Client) {
    let outcome = async |call: Signature| {
        let id = client.send(&call).await.unwrap();
        client.result(id).get(DEADLINE).await.unwrap()
    };
    for priority in [0, 3, 6, 9] {
        let call = Signature::new("add")
            .args([1, 1])
            .priority(priority)
            .queue("other");
        assert_eq!(outcome(call).await, Outcome::Success(json!(2)));
    }
    let delayed = Signature::new("flaky")
        .arg(1)
        .countdown(Duration::from_millis(50));
    assert_eq!(outcome(delayed).await, Outcome::Success(json!(1)));
    assert_eq!(
        failure(outcome(Signature::new("refuses").arg(false)).await).0,
        "Reject"
    );
    assert_eq!(
        outcome(Signature::new("refuses").arg(true)).await,
        Outcome::Success(json!("later"))
    );
    let expired = Signature::new("count").expires_in(Duration::ZERO);
    assert!(matches!(outcome(expired).await, Outcome::Revoked { .. }));
    let limited = Signature::new("sleeps").time_limit(Duration::from_millis(50));
    assert_eq!(failure(outcome(limited).await).0, "TimeLimitExceeded");
}

async fn workflows(client: &Client) {
    let add = |x: i64| Signature::new("add").args([x, x]);
    let linked = add(1).link(Signature::new("add").arg(1).task_id("linked"));
    client.send(&linked).await.unwrap();
    let told = client.result("linked").get(DEADLINE).await.unwrap();
    assert_eq!(told, Outcome::Success(json!(3)));
    let started = client.start(group([add(1), add(2)])).await.unwrap();
    client.save_group(&started).await.unwrap();
    let values = client.results(&started.members, DEADLINE).await.unwrap();
    assert_eq!(values, [2, 4].map(|value| Outcome::Success(json!(value))));
    // It takes no list, so it fails by itself; or with its member, without having run.
    let body = Signature::new("add").arg(1);
    for (last, exc_type) in [(add(2), "TypeError"), (Signature::new("expected"), "ChordError")] {
        let started = client.start(chord([add(1), last], body.clone())).await.unwrap();
        let outcome = client.result(started.id).get(DEADLINE).await.unwrap();
        assert_eq!(failure(outcome).0, exc_type);
    }
}

/// A message that cannot be read, and one that a worker left behind when it died.
async fn poison(client: &Client, admin: &mut MultiplexedConnection) {
    let _: () = admin.lpush("pfx:celery", "not json").await.unwrap();
    eventually("it is set aside", async || {
        let kept: usize = admin.llen("pfx:celery-redis.dead-letter").await.unwrap();
        (kept == 1).then_some(())
    })
    .await;
    let call = Signature::new("add").args([2, 2]).queue("elsewhere");
    let id = client.send(&call).await.unwrap();
    let raw: String = admin.rpop("pfx:elsewhere", None).await.unwrap();
    let mut message: Value = serde_json::from_str(&raw).unwrap();
    message["properties"]["delivery_info"]["routing_key"] = json!("other");
    let slot = json!([message, "", "other"]).to_string();
    let _: () = admin.hset("pfx:unacked", "left", slot).await.unwrap();
    let _: () = admin.zadd("pfx:unacked_index", "left", 1).await.unwrap();
    let swept = client.result(id).get(DEADLINE).await.unwrap();
    assert_eq!(swept, Outcome::Success(json!(4)));
}

async fn commands(client: &Client) {
    let control = client.control();
    let queue = Map::from_iter([("queue".to_owned(), json!("third"))]);
    for (method, arguments) in [
        ("ping", Map::new()),
        ("stats", Map::new()),
        ("add_consumer", queue.clone()),
        ("cancel_consumer", queue),
    ] {
        eventually(method, async || {
            let answers = control.ask(method, arguments.clone()).await.unwrap();
            answers.contains_key("first@h").then_some(())
        })
        .await;
    }
    let running = client.send(&Signature::new("sleeps")).await.unwrap();
    eventually("it runs", async || {
        let state = client.result(running.clone()).state().await.unwrap();
        state.filter(|meta| meta.status == "STARTED")
    })
    .await;
    assert_eq!(control.revoke(running.as_str(), true).await.unwrap(), 1);
    let ended = client.result(running).get(DEADLINE).await.unwrap();
    assert!(matches!(ended, Outcome::Revoked { .. }), "{ended:?}");
}

#[test]
fn check_57_python_understands_our_prefix() {
    check("prefix_checks.py", 57);
}
