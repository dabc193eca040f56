//! That the body of a chord starts once, whatever happens between its members' ends.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;
#[path = "support/tripwire.rs"]
mod tripwire;

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use celery_redis::{Canvas, Client, Outcome, Signature, Started, chain, chord};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::{Value, json};
use support::{
    DEADLINE, Process, RedisServer, Running,
    calls::{failure, tasks, worker},
    conformance_worker, eventually,
    gate::until_held,
    python::run,
    spawn_worker, stray_keys,
};
use tripwire::Tripwire;

/// A queue that nobody takes from: what was sent can be counted there.
const PARKED: &str = "parked";

fn add(x: i64, y: i64) -> Signature {
    Signature::new("add").args([x, y])
}

/// A body that stays where it was sent to.
fn body() -> Signature {
    Signature::new("add").queue(PARKED).task_id("body")
}

async fn start(client: &Client, canvas: impl Into<Canvas>) -> Started {
    client.start(canvas).await.expect("the workflow is sent")
}

/// The arguments of what was sent to `queue`, as their sender shows them.
async fn sent_to(connection: &mut MultiplexedConnection, queue: &str) -> Vec<String> {
    let messages: Vec<String> = connection.lrange(queue, 0, -1).await.expect("a list");
    let shown = messages.iter().map(|message| {
        let message: Value = serde_json::from_str(message).expect("JSON");
        message["headers"]["argsrepr"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    });
    shown.collect()
}

async fn until_sent(connection: &mut MultiplexedConnection, queue: &str) -> Vec<String> {
    eventually(&format!("something is sent to {queue}"), async || {
        Some(sent_to(connection, queue).await).filter(|sent| !sent.is_empty())
    })
    .await
}

/// The failure of a task, with the type and text of its exception.
async fn failed(client: &Client, id: &str) -> (String, String) {
    failure(client.result(id).get(DEADLINE).await.expect("an outcome in time"))
}

/// A worker process that reaches Redis some other way, and takes over quickly what another one held.
fn process(url: &str) -> Process {
    let mut command = Command::new(conformance_worker());
    command
        .args(["--visibility-timeout", "1", "--restore-interval", "0.2"])
        .env("REDIS_URL", url)
        .env("RUST_LOG", "error")
        .stderr(Stdio::null());
    Process::spawn(&mut command)
}

/// A worker process that is killed once the wire has tripped.
async fn die_behind(wire: &Tripwire, options: &[&str]) {
    let mut dying = Process::spawn(
        Command::new(conformance_worker())
            .args(options)
            .env("REDIS_URL", wire.url())
            .env("RUST_LOG", "error")
            .stderr(Stdio::null()),
    );
    wire.tripped().await;
    dying.kill();
}

#[tokio::test]
async fn a_body_waits_for_a_server_that_is_out_of_reach_when_the_values_are_read() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let wire = Tripwire::cut_at("\r\nZRANGE\r\n", 3, &redis.url()).await;
    let worker = Running::start(tasks(celery_redis::Worker::builder(&wire.url()).concurrency(4)));
    start(&redis.client(), chord([add(1, 1), add(2, 2)], body())).await;
    wire.tripped().await;
    assert_eq!(until_sent(&mut connection, PARKED).await, ["([2, 4],)"]);
    until_held(&mut connection, 0).await;
    worker.stop().await;
    assert_eq!(sent_to(&mut connection, PARKED).await.len(), 1);
    assert!(redis.client().result("body").state().await.unwrap().is_none());
}

#[tokio::test]
async fn a_body_whose_start_a_dead_worker_claimed_is_started_when_the_claim_lapses() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let client = redis.client();
    start(&client, chord([add(1, 1), add(2, 2).task_id("last")], body())).await;
    // A Python worker counted the last member, claimed the body's start and died; its message is delivered again.
    let last: String = connection.lpop("celery", None).await.unwrap();
    let sizes: Vec<String> = connection.keys("celery-taskset-meta-*.s").await.unwrap();
    let base = sizes[0].trim_end_matches(".s");
    let one = Running::start(tasks(redis.worker()));
    eventually("the first member is counted", async || {
        let counted: u64 = connection.zcard(format!("{base}.j")).await.unwrap();
        (counted == 1).then_some(())
    })
    .await;
    let part = r#"[1, "last", "SUCCESS", 4]"#;
    let _: () = connection.zadd(format!("{base}.j"), part, 1).await.unwrap();
    let _: () = connection.sadd(format!("{base}.d"), "last:1").await.unwrap();
    let _: () = connection
        .pset_ex(format!("{base}.c"), "its-token", 1500)
        .await
        .unwrap();
    let _: () = connection.rpush("celery", last).await.unwrap();
    assert_eq!(until_sent(&mut connection, PARKED).await, ["([2, 4],)"]);
    let claim: String = connection.get(format!("{base}.c")).await.unwrap();
    assert_eq!(claim, "done");
    until_held(&mut connection, 0).await;
    one.stop().await;
}

#[tokio::test]
async fn a_body_that_another_worker_has_started_is_not_started_again() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    start(&redis.client(), chord([add(1, 1), add(2, 2)], body())).await;
    let last: String = connection.lindex("celery", 0).await.unwrap();
    let worker = Running::start(tasks(redis.worker()));
    until_sent(&mut connection, PARKED).await;
    for _ in 0..3 {
        let _: () = connection.rpush("celery", &last).await.unwrap();
    }
    eventually("the copies are taken", async || {
        let waiting: u64 = connection.llen("celery").await.unwrap();
        (waiting == 0).then_some(())
    })
    .await;
    worker.stop().await;
    assert_eq!(sent_to(&mut connection, PARKED).await.len(), 1);
}

/// Kills a worker right after it sent the end of the member `victim`, and lets another one do what is left.
async fn killed_at_the_end_of(victim: &str) {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let words = format!("celery-task-meta-{victim}\r\n");
    let wire = Tripwire::silent_after(&words, &redis.url()).await;
    let member = |id: &str| {
        let callback = Signature::new("tasks.noop").queue("callbacks");
        let call = Signature::new("tasks.sleepy_late").arg(0.01).task_id(id);
        call.link(callback)
    };
    start(
        &redis.client(),
        chord([member("first"), member("second")], body()),
    )
    .await;
    die_behind(&wire, &["-c", "1"]).await;
    let _other = process(&redis.url());
    assert_eq!(until_sent(&mut connection, PARKED).await, ["([0.01, 0.01],)"]);
    until_held(&mut connection, 0).await;
    assert_eq!(
        sent_to(&mut connection, PARKED).await.len(),
        1,
        "{victim}: bodies"
    );
    let callbacks = sent_to(&mut connection, "callbacks").await;
    assert_eq!(callbacks.len(), 2, "{victim}: {callbacks:?}");
}

#[tokio::test]
async fn a_death_at_a_members_end_neither_loses_nor_doubles_what_follows() {
    // Of the first the end is all there is to do; of the second it is refused, for the body is to come with it.
    killed_at_the_end_of("first").await;
    killed_at_the_end_of("second").await;
}

#[tokio::test]
async fn a_death_right_after_the_last_members_end_leaves_the_body_to_another_worker() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let wire = Tripwire::silent_after("\r\nZRANGE\r\n", &redis.url()).await;
    let member = || Signature::new("tasks.sleepy_late").arg(0.01);
    start(&redis.client(), chord([member(), member()], body())).await;
    die_behind(&wire, &[]).await;
    let _other = process(&redis.url());
    assert_eq!(until_sent(&mut connection, PARKED).await, ["([0.01, 0.01],)"]);
    until_held(&mut connection, 0).await;
    assert_eq!(sent_to(&mut connection, PARKED).await.len(), 1);
}

#[tokio::test]
async fn a_member_whose_callback_the_server_refuses_fails_its_chord() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let _: () = connection.set("no-list", "x").await.unwrap();
    let worker = worker(&redis);
    let client = redis.client();
    let refused = add(1, 1).link(add(1, 1).queue("no-list")).task_id("refused");
    start(&client, chord([refused, add(2, 2)], body())).await;
    let (exc_type, text) = failed(&client, "body").await;
    assert_eq!(exc_type, "ChordError");
    assert!(text.contains("Dependency refused raised RuntimeError"), "{text}");
    assert_eq!(failed(&client, "refused").await.0, "RuntimeError");
    worker.stop().await;
}

#[tokio::test]
async fn a_body_that_the_server_refuses_fails_instead_of_being_waited_for() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let _: () = connection.set("no-list", "x").await.unwrap();
    let worker = worker(&redis);
    let client = redis.client();
    start(&client, chord([add(1, 1), add(2, 2)], body().queue("no-list"))).await;
    assert_eq!(failed(&client, "body").await.0, "ChordError");
    worker.stop().await;
}

#[tokio::test]
async fn a_failure_reaches_an_outer_chord_through_what_would_have_followed_the_body() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let client = redis.client();
    // The end of the inner chain, which never begins, is what the outer chord counts.
    let inner = chord(
        [add(1, 1), Signature::new("expected")],
        add(0, 0).task_id("inner"),
    );
    let member = inner.then(add(3, 3).task_id("end"));
    let errback = Signature::new("add").queue("errbacks");
    start(
        &client,
        chord([member, add(4, 4).into()], body().link_error(errback)),
    )
    .await;
    for id in ["inner", "end", "body"] {
        assert_eq!(failed(&client, id).await.0, "ChordError", "{id}");
    }
    let mut connection = redis.connection().await;
    assert_eq!(until_sent(&mut connection, "errbacks").await, ["('body',)"]);
    worker.stop().await;
    assert!(sent_to(&mut connection, PARKED).await.is_empty());
}

#[tokio::test]
async fn a_failure_deep_inside_reaches_every_level_at_once() {
    let redis = RedisServer::start();
    let worker = worker(&redis);
    let client = redis.client();
    let mut canvas: Canvas = chord([add(1, 1), Signature::new("expected")], add(0, 0).task_id("0"));
    for level in 1..10 {
        canvas = chord([canvas, add(1, 1).into()], add(0, 0).task_id(level.to_string()));
    }
    let chained = chain([canvas, add(5, 5).task_id("last").into()]);
    assert_eq!(start(&client, chained).await.id.as_str(), "last");
    assert_eq!(failed(&client, "last").await.0, "ChordError");
    for level in 0..10 {
        assert_eq!(failed(&client, &level.to_string()).await.0, "ChordError");
    }
    worker.stop().await;
}

#[tokio::test]
async fn the_members_of_a_group_that_is_a_failed_chords_body_fail() {
    let redis = RedisServer::start();
    let _rust = spawn_worker(&redis, &["-n", "rs@h"]);
    let code = "from app import add, boom, failed_id\n\
                from celery import chord, group\n\
                body = group(add.s(1), add.si(2, 2).on_error(failed_id.s().set(queue='errbacks')))\n\
                r = chord([add.s(1, 1), boom.s()], body).delay()\n\
                print([type(m.get(timeout=20, propagate=False)).__name__ for m in r.results], r.results[1].id)";
    let printed = run(&redis, &["-c", code]);
    let (types, id) = printed.trim().rsplit_once(' ').unwrap();
    assert_eq!(types, "['ChordError', 'ChordError']");
    let mut connection = redis.connection().await;
    assert_eq!(
        until_sent(&mut connection, "errbacks").await,
        [format!("('{id}',)")]
    );
}

#[tokio::test]
async fn a_message_that_kills_its_workers_is_set_aside_in_one_step_with_its_failure() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let client = redis.client();
    let id = client.send(&Signature::new("tasks.noop")).await.unwrap();
    let raw: String = connection.rpop("celery", None).await.unwrap();
    let mut message: Value = serde_json::from_str(&raw).unwrap();
    message["headers"]["celery_redis_deaths"] = json!(5);
    let _: () = connection.lpush("celery", message.to_string()).await.unwrap();
    // Whatever is said first of it is the last that is heard.
    let wire = Tripwire::silent_after("workers died while executing", &redis.url()).await;
    let _worker = process(&wire.url());
    wire.tripped().await;
    let (exc_type, _) = failed(&client, id.as_str()).await;
    assert_eq!(exc_type, "WorkerLostError");
    let kept: u64 = connection.llen("celery-redis.dead-letter").await.unwrap();
    assert_eq!(kept, 1);
    until_held(&mut connection, 0).await;
}

#[tokio::test]
async fn the_caller_of_what_a_lost_worker_held_and_nobody_can_read_is_told() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let slot = json!([{"headers": {"id": "unreadable"}, "body": ""}, "", "celery"]).to_string();
    let _: () = connection.hset("unacked", "tag", slot).await.unwrap();
    let _: () = connection.zadd("unacked_index", "tag", 1).await.unwrap();
    let worker = worker(&redis);
    let client = redis.client();
    assert_eq!(failed(&client, "unreadable").await.0, "InvalidTaskError");
    assert!(matches!(
        client.result("unreadable").get(DEADLINE).await.unwrap(),
        Outcome::Failure(_)
    ));
    until_held(&mut connection, 0).await;
    worker.stop().await;
    let strays = stray_keys(&mut connection).await;
    assert!(
        strays.contains(&"celery-redis.dead-letter".to_owned()),
        "{strays:?}"
    );
}

#[tokio::test]
async fn a_hundred_chords_at_once_start_each_body_once() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let client = redis.client();
    for number in 0..100 {
        let members = (0..7).map(|member| add(number, member));
        start(&client, chord(members, Signature::new("add").queue(PARKED))).await;
    }
    let workers: Vec<Running> = (0..3)
        .map(|number| Running::start(tasks(redis.worker().hostname(format!("w{number}@h")))))
        .collect();
    eventually("all bodies are sent", async || {
        let sent: u64 = connection.llen(PARKED).await.unwrap();
        (sent >= 100).then_some(())
    })
    .await;
    until_held(&mut connection, 0).await;
    for worker in workers {
        worker.stop().await;
    }
    let mut sent = sent_to(&mut connection, PARKED).await;
    sent.sort();
    let mut expected: Vec<String> = (0..100)
        .map(|number| {
            let values: Vec<String> = (number..number + 7).map(|value| value.to_string()).collect();
            format!("([{}],)", values.join(", "))
        })
        .collect();
    expected.sort();
    assert_eq!(sent, expected);
    tokio::time::timeout(Duration::from_secs(1), client.ping())
        .await
        .unwrap()
        .unwrap();
}
