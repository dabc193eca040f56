//! That a beat sends what is due once, whoever leads.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::time::{Duration, Instant};

use celery_redis::{
    Signature,
    beat::{Beat, BeatBuilder, Crontab, Entry},
};
use chrono::DateTime;
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::Value;
use support::{DEADLINE, RedisServer, eventually};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const INTERVAL: Duration = Duration::from_millis(500);

fn beat(redis: &RedisServer) -> BeatBuilder {
    Beat::builder(&redis.url())
        .lock_ttl(Duration::from_secs(1))
        .entry(
            Entry::every("tick", INTERVAL, Signature::new("tick").queue("ticks"))
                .expires(Duration::from_secs(5)),
        )
}

struct Beating {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Beating {
    fn start(builder: BeatBuilder) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let running = builder.build().unwrap().run(stop.clone());
        tasks.spawn(async move { running.await.unwrap() });
        Self { stop, tasks }
    }

    async fn stop(mut self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.tasks.join_next())
            .await
            .expect("stops in time")
            .expect("a beat")
            .unwrap();
    }

    /// As kill -9 would end it: without releasing the lock.
    async fn kill(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn sent(connection: &mut MultiplexedConnection) -> usize {
    connection.llen("ticks").await.unwrap()
}

async fn until_sent(connection: &mut MultiplexedConnection, count: usize) {
    eventually(&format!("{count} ticks"), async || {
        (sent(connection).await >= count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_tick_is_an_ordinary_message_marked_as_beats() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let started = Instant::now();
    let beat = Beating::start(beat(&redis));
    until_sent(&mut connection, 1).await;
    assert!(
        started.elapsed() + Duration::from_millis(20) >= INTERVAL,
        "the first tick comes after one interval"
    );
    beat.stop().await;
    let raw: String = connection.rpop("ticks", None).await.unwrap();
    let message: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(message["headers"]["celery_beat_task"], true);
    assert_eq!(message["headers"]["task"], "tick");
    assert!(message["headers"]["expires"].is_string());
    assert!(
        connection
            .exists::<_, bool>("_kombu.binding.ticks")
            .await
            .unwrap()
    );
    assert!(
        !connection
            .exists::<_, bool>("celery-redis.beat:lock")
            .await
            .unwrap(),
        "released at a clean stop"
    );
}

#[tokio::test]
async fn ticks_keep_their_rhythm_and_two_beats_send_no_more_than_one() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let (one, two) = (Beating::start(beat(&redis)), Beating::start(beat(&redis)));
    let started = Instant::now();
    until_sent(&mut connection, 6).await;
    let took = started.elapsed();
    assert!(
        took + Duration::from_millis(200) >= INTERVAL * 6,
        "six ticks in {took:?}"
    );
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn another_beat_takes_over_when_the_leader_dies() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let leader = Beating::start(beat(&redis));
    until_sent(&mut connection, 1).await;
    let standby = Beating::start(beat(&redis));
    leader.kill().await;
    let before = sent(&mut connection).await;
    let died = Instant::now();
    until_sent(&mut connection, before + 2).await;
    assert!(
        died.elapsed() < Duration::from_secs(5),
        "taken over after {:?}",
        died.elapsed()
    );
    standby.stop().await;
}

#[tokio::test]
async fn a_beat_that_lost_its_lock_sends_nothing() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let leader = Beating::start(beat(&redis));
    until_sent(&mut connection, 1).await;
    let _: () = redis::cmd("SET")
        .arg("celery-redis.beat:lock")
        .arg("someone else")
        .arg("PX")
        .arg(1500)
        .query_async(&mut connection)
        .await
        .unwrap();
    let before = sent(&mut connection).await;
    eventually("the other's lock lapses", async || {
        let owner: Option<String> = connection.get("celery-redis.beat:lock").await.unwrap();
        if owner.as_deref() == Some("someone else") {
            assert_eq!(sent(&mut connection).await, before);
            return None;
        }
        Some(())
    })
    .await;
    until_sent(&mut connection, before + 1).await;
    leader.stop().await;
}

#[tokio::test]
async fn a_restart_neither_repeats_nor_forgets_the_last_run() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let slow = |redis: &RedisServer| {
        Beat::builder(&redis.url()).entry(Entry::every(
            "tick",
            Duration::from_hours(1),
            Signature::new("tick").queue("ticks"),
        ))
    };
    let first = Beating::start(slow(&redis));
    eventually("the entry is known", async || {
        connection
            .hexists::<_, _, bool>("celery-redis.beat:last_run", "tick")
            .await
            .unwrap()
            .then_some(())
    })
    .await;
    first.stop().await;
    // As if it had stood still for ten intervals: one catch-up.
    let now: (i64, i64) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
    let long_ago = format!("{}.000000", now.0 - 36_000);
    let _: () = connection
        .hset("celery-redis.beat:last_run", "tick", long_ago)
        .await
        .unwrap();
    for _ in 0..3 {
        let beat = Beating::start(slow(&redis));
        until_sent(&mut connection, 1).await;
        eventually("this beat leads", async || {
            connection
                .exists::<_, bool>("celery-redis.beat:lock")
                .await
                .unwrap()
                .then_some(())
        })
        .await;
        beat.stop().await;
    }
    assert_eq!(sent(&mut connection).await, 1);
}

#[tokio::test]
async fn a_crontab_that_was_missed_is_caught_up_once() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let now: (i64, i64) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
    let long_ago = format!("{}.000000", now.0 - 400 * 86_400);
    let _: () = connection
        .hset("celery-redis.beat:last_run", "missed", &long_ago)
        .await
        .unwrap();
    // Once a year, half a year from now: missed once since then, and not due during this test.
    let far = DateTime::from_timestamp(now.0 + 180 * 86_400, 0).unwrap();
    let yearly = Crontab::new(&far.format("%M %H 15 %m *").to_string()).unwrap();
    let entry = |name: &str| {
        Entry::crontab(
            name,
            yearly.clone(),
            Signature::new("tick").arg(name).queue("ticks"),
        )
    };
    let beat = Beating::start(
        Beat::builder(&redis.url())
            .lock_ttl(Duration::from_millis(600))
            .entry(entry("missed"))
            .entry(entry("new")),
    );
    until_sent(&mut connection, 1).await;
    let last_run: String = connection
        .hget("celery-redis.beat:last_run", "missed")
        .await
        .unwrap();
    assert!(last_run > long_ago);
    // It looks at its schedule every 200 ms, as the lock's renewals show.
    for _ in 0..3 {
        let ttl = async |connection: &mut MultiplexedConnection| -> i64 {
            connection.pttl("celery-redis.beat:lock").await.unwrap()
        };
        eventually("the lock has aged", async || {
            (ttl(&mut connection).await < 550).then_some(())
        })
        .await;
        eventually("the lock was renewed", async || {
            (ttl(&mut connection).await > 550).then_some(())
        })
        .await;
    }
    assert_eq!(sent(&mut connection).await, 1);
    beat.stop().await;
}
