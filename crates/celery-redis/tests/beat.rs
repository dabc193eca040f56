//! That a beat sends what is due once, whoever leads.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use celery_redis::{
    Signature,
    beat::{Beat, BeatBuilder, Crontab, Entry},
};
use chrono::DateTime;
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::json;
use support::{
    RedisServer,
    beating::{Beating, gaps, sent, server_time, times, until_sent},
    eventually,
    python::run,
    spawn_beat,
    wire::comparable,
};

const INTERVAL: Duration = Duration::from_millis(500);
/// As in the example beat.
const EXPIRES: Duration = Duration::from_hours(24);

fn every(redis: &RedisServer, interval: Duration) -> BeatBuilder {
    let call = Signature::new("tasks.add").args([1, 2]).queue("ticks");
    Beat::builder(&redis.url())
        .lock_ttl(Duration::from_secs(1))
        .entry(Entry::every("tick", interval, call).expires(EXPIRES))
}

/// Sends what Python's beat sends for such an entry.
const PYTHON_TICK: &str = r#"
from app import app
from celery.beat import ScheduleEntry, Scheduler
options = {"queue": "ticks", "expires": 86400}
entry = ScheduleEntry("tick", "tasks.add", schedule=0.5, args=(1, 2), kwargs={}, options=options, app=app)
Scheduler(app, lazy=True).apply_async(entry, advance=False)
"#;

#[tokio::test]
async fn check_77_a_tick_is_the_message_that_pythons_beat_sends() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let started = server_time(&mut connection).await;
    let beat = Beating::start(every(&redis, INTERVAL));
    until_sent(&mut connection, 1).await;
    beat.stop().await;
    let first = times(&mut connection, EXPIRES).await[0];
    // A tick may be early by 10 ms, as Celery's.
    assert!(
        first - started >= INTERVAL.as_secs_f64() - 0.015,
        "the first tick comes after one interval, not {}",
        first - started
    );
    for set in ["_kombu.binding.ticks", "_kombu.binding_permanent.ticks"] {
        assert!(connection.exists::<_, bool>(set).await.unwrap(), "{set}");
    }
    let lock: Option<String> = connection.get("celery-redis.beat:lock").await.unwrap();
    assert_eq!(lock, None, "released at a clean stop");
    let ours: String = connection.rpop("ticks", None).await.unwrap();
    let _: () = connection.del("ticks").await.unwrap();
    run(&redis, &["-c", PYTHON_TICK]);
    let theirs: String = connection.rpop("ticks", None).await.unwrap();
    let (ours, mut theirs) = (comparable(&ours), comparable(&theirs));
    assert_eq!(ours["headers"]["celery_beat_task"], true);
    // Python's beat shows the arguments as the list that it makes of them.
    assert_eq!(theirs["headers"]["argsrepr"], "[1, 2]");
    theirs["headers"]["argsrepr"] = json!("(1, 2)");
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn check_78_an_interval_of_2_s_keeps_its_rhythm_for_20_s() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let beat = Beating::start(every(&redis, Duration::from_secs(2)));
    until_sent(&mut connection, 10).await;
    beat.stop().await;
    let times = times(&mut connection, EXPIRES).await;
    let mut gaps = gaps(&times);
    gaps.sort_by(f64::total_cmp);
    // The median rather than the mean: a single late wake-up says nothing about the rhythm. A drift shows in all gaps.
    assert!((gaps[gaps.len() / 2] - 2.0).abs() <= 0.02, "{gaps:?}");
    assert!(gaps[0] >= 1.9, "{gaps:?}");
    assert!(times[9] - times[0] < 19.0, "ten ticks in 20 s: {times:?}");
}

#[tokio::test]
async fn check_79_standing_still_for_six_intervals_makes_one_catch_up() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let beat = spawn_beat(&redis, Duration::from_secs(1), Duration::from_secs(3));
    until_sent(&mut connection, 2).await;
    beat.signal("STOP");
    let stopped = server_time(&mut connection).await;
    let before = sent(&mut connection).await;
    eventually("six intervals have passed", async || {
        (server_time(&mut connection).await > stopped + 6.0).then_some(())
    })
    .await;
    assert_eq!(sent(&mut connection).await, before);
    beat.signal("CONT");
    until_sent(&mut connection, before + 3).await;
    assert!(beat.terminate().await.success());
    let gaps = gaps(&times(&mut connection, EXPIRES).await);
    let (long, usual): (Vec<f64>, Vec<f64>) = gaps.iter().partition(|gap| **gap > 5.0);
    assert_eq!(long.len(), 1, "{gaps:?}");
    // What was missed is not replayed: after the catch-up, an interval passes as before it.
    assert!(usual.iter().all(|gap| *gap > 0.9), "{gaps:?}");
}

#[tokio::test]
async fn check_83_two_beats_send_each_tick_once() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let beats = [(); 2].map(|()| spawn_beat(&redis, INTERVAL, Duration::from_secs(2)));
    until_sent(&mut connection, 8).await;
    for beat in beats {
        assert!(beat.terminate().await.success());
    }
    // Sent by both, two ticks would be at most the time between two looks at the schedule apart.
    let gaps = gaps(&times(&mut connection, EXPIRES).await);
    let least = INTERVAL.as_secs_f64() / 2.0;
    assert!(gaps.iter().all(|gap| *gap > least), "{gaps:?}");
}

#[tokio::test]
async fn check_83_another_beat_takes_over_within_a_second_of_the_locks_end() {
    let ttl = Duration::from_secs(1);
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let mut leader = spawn_beat(&redis, INTERVAL, ttl);
    until_sent(&mut connection, 1).await;
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let standby = spawn_beat(&redis, INTERVAL, ttl);
        // The leader goes on while the other one waits for the lock.
        let before = sent(&mut connection).await;
        until_sent(&mut connection, before + 2).await;
        leader.kill();
        let died = server_time(&mut connection).await;
        let before = sent(&mut connection).await;
        until_sent(&mut connection, before + 1).await;
        let times = times(&mut connection, EXPIRES).await;
        best = best.min(times[before] - died);
        leader = standby;
    }
    assert!(leader.terminate().await.success());
    // The best of three, for the machine may be busy with other tests.
    assert!(
        best <= ttl.as_secs_f64() + 1.0,
        "the first tick came {best} s after the leader's death"
    );
}

#[tokio::test]
async fn a_beat_that_lost_its_lock_sends_nothing() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let leader = Beating::start(every(&redis, INTERVAL));
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
async fn check_84_a_restart_neither_repeats_nor_forgets_the_last_run() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let slow = || {
        let tick = Signature::new("tick").queue("ticks");
        let pulse = Signature::new("pulse").queue("pulses");
        Beat::builder(&redis.url())
            .entry(Entry::every("tick", Duration::from_hours(1), tick))
            .entry(Entry::every("pulse", Duration::from_millis(200), pulse))
    };
    let last_run = async |connection: &mut MultiplexedConnection| -> Option<f64> {
        let text: Option<String> = connection
            .hget("celery-redis.beat:last_run", "tick")
            .await
            .unwrap();
        text.map(|text| text.parse().unwrap())
    };
    let mut connection_too = connection.clone();
    // The second pulse of a beat is sent when it has looked at its whole schedule at least once.
    let mut pulses = async |more: usize| {
        let before: usize = connection_too.llen("pulses").await.unwrap();
        eventually("the beat looks at its schedule", async || {
            let now: usize = connection_too.llen("pulses").await.unwrap();
            (now >= before + more).then_some(())
        })
        .await;
    };
    let first = Beating::start(slow());
    pulses(2).await;
    first.stop().await;
    assert_eq!(
        sent(&mut connection).await,
        0,
        "a new entry waits for one interval"
    );
    let known = last_run(&mut connection).await.expect("the entry is known");
    let again = Beating::start(slow());
    pulses(2).await;
    again.stop().await;
    assert_eq!(
        last_run(&mut connection).await,
        Some(known),
        "its interval goes on"
    );
    // As if no beat had run for ten intervals: one catch-up.
    let now = server_time(&mut connection).await;
    let _: () = connection
        .hset(
            "celery-redis.beat:last_run",
            "tick",
            format!("{:.6}", now - 36_000.0),
        )
        .await
        .unwrap();
    for _ in 0..3 {
        let beat = Beating::start(slow());
        pulses(2).await;
        beat.stop().await;
        assert_eq!(sent(&mut connection).await, 1);
    }
    assert!(last_run(&mut connection).await.expect("a run") >= now);
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
