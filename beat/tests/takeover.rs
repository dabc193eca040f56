//! Two beats on one Redis: one leads, the other takes over.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use domain::redis_keys::{BEAT_LAST_RUN, BEAT_PREFIX, BEAT_SCHEDULE};
use domain::schedule::Schedule;
use testkit::harness::{Ready, RedisServer, Service, eventually};

/// What the design promises.
const TAKEOVER: Duration = Duration::from_secs(10);

/// The token of the beat that leads.
async fn leader(redis: &RedisServer) -> anyhow::Result<String> {
    let token: Option<String> = redis::cmd("GET")
        .arg(format!("{BEAT_PREFIX}:lock"))
        .query_async(&mut redis.connection().await?)
        .await?;
    token.context("no beat leads")
}

fn beat(name: &str, redis: &RedisServer, logs: &std::path::Path) -> anyhow::Result<Service> {
    let environment = BTreeMap::from(
        [
            ("REDIS_URL", redis.url()),
            ("HEARTBEAT_INTERVAL_SECS", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let ready = Ready::Log("beat ready".to_owned());
    Service::new(name, "runner-pilot-beat", environment, ready, logs)
}

#[tokio::test]
async fn a_killed_leader_is_replaced_within_ten_seconds_and_a_stopped_one_at_once() -> anyhow::Result<()> {
    let (redis, logs) = (RedisServer::start().await?, tempfile::tempdir()?);
    let mut first = beat("first", &redis, logs.path())?;
    first.start().await?;
    let old = eventually(TAKEOVER, "the first beat leads", || leader(&redis)).await?;
    let mut second = beat("second", &redis, logs.path())?;
    second.start().await?;
    ensure!(
        leader(&redis).await? == old,
        "the second beat took the lead from a living one"
    );

    first.kill()?;
    let killed_at = Instant::now();
    let new = eventually(TAKEOVER, "the second beat leads", || async {
        let token = leader(&redis).await?;
        ensure!(token != old, "the killed beat's lock still stands");
        Ok(token)
    })
    .await?;
    ensure!(killed_at.elapsed() <= TAKEOVER);

    first.start().await?;
    ensure!(second.terminate().await? == Some(0));
    eventually(TAKEOVER, "the first beat leads again", || async {
        ensure!(
            leader(&redis).await? != new,
            "the stopped beat's lock still stands"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn ticks_that_nobody_serves_expire_with_their_period() -> anyhow::Result<()> {
    let (redis, logs) = (RedisServer::start().await?, tempfile::tempdir()?);
    let mut beat = beat("only", &redis, logs.path())?;
    beat.start().await?;
    let message = eventually(TAKEOVER, "a tick is sent", || async {
        let tick: Option<String> = redis::cmd("LINDEX")
            .arg("monitoring")
            .arg(0)
            .query_async(&mut redis.connection().await?)
            .await?;
        tick.context("nothing was sent yet")
    })
    .await?;
    let message: serde_json::Value = serde_json::from_str(&message)?;
    ensure!(message["headers"]["task"] == "dispatch_heartbeats", "{message}");
    ensure!(message["headers"]["expires"].is_string(), "{message}");
    let left_ms: u64 = message["properties"]["expiration"]
        .as_str()
        .context("the tick never expires")?
        .parse()?;
    ensure!(left_ms <= 1_000, "{left_ms} ms");
    ensure!(beat.terminate().await? == Some(0));
    Ok(())
}

#[tokio::test]
async fn the_beat_that_leads_says_what_it_sends() -> anyhow::Result<()> {
    let (redis, logs) = (RedisServer::start().await?, tempfile::tempdir()?);
    let mut beat = beat("only", &redis, logs.path())?;
    beat.start().await?;
    let schedule = eventually(TAKEOVER, "the schedule is published", || async {
        let published: Option<String> = redis::cmd("GET")
            .arg(BEAT_SCHEDULE)
            .query_async(&mut redis.connection().await?)
            .await?;
        Ok(serde_json::from_str::<Schedule>(
            &published.context("there is none")?,
        )?)
    })
    .await?;
    ensure!(schedule.leader.starts_with("beat@"), "{schedule:?}");
    let heartbeats = schedule
        .entries
        .iter()
        .find(|entry| entry.task == "dispatch_heartbeats");
    let heartbeats = heartbeats.context("heartbeats are not scheduled")?;
    ensure!(
        heartbeats.every_secs == Some(1) && heartbeats.queue == "monitoring",
        "{heartbeats:?}"
    );
    // Each entry's last run is found under its name.
    let runs: BTreeMap<String, String> = redis::cmd("HGETALL")
        .arg(BEAT_LAST_RUN)
        .query_async(&mut redis.connection().await?)
        .await?;
    ensure!(
        schedule
            .entries
            .iter()
            .all(|entry| runs.contains_key(&entry.name)),
        "{runs:?}"
    );
    let ttl: i64 = redis::cmd("TTL")
        .arg(BEAT_SCHEDULE)
        .query_async(&mut redis.connection().await?)
        .await?;
    ensure!((1..=20).contains(&ttl), "{ttl}");
    ensure!(beat.terminate().await? == Some(0));
    Ok(())
}

#[tokio::test]
async fn every_wrong_setting_is_named_and_the_exit_code_is_two() -> anyhow::Result<()> {
    let (redis, logs) = (RedisServer::start().await?, tempfile::tempdir()?);
    let mut beat = beat("wrong", &redis, logs.path())?;
    for name in ["HEARTBEAT_INTERVAL_SECS", "RECONCILE_INTERVAL_SECS"] {
        beat.environment_mut().insert(name.to_owned(), "never".to_owned());
    }
    let (code, output) = beat.run_once(&[]).await?;
    ensure!(code == Some(2), "{code:?}: {output}");
    for name in ["HEARTBEAT_INTERVAL_SECS", "RECONCILE_INTERVAL_SECS"] {
        ensure!(output.contains(name), "{name} is not in {output}");
    }
    let (code, output) = beat.run_once(&["--help"]).await?;
    ensure!(code == Some(0) && output.contains("Usage"), "{code:?}: {output}");
    let (code, output) = beat.run_once(&["--version"]).await?;
    ensure!(
        code == Some(0) && output.contains("runner-pilot-beat "),
        "{code:?}: {output}"
    );
    Ok(())
}
