//! Tells people what the beat that leads sends, and when: a key in Redis that the api reads.

use std::time::Duration;

use domain::redis_keys::{BEAT_LOCK, BEAT_SCHEDULE, BEAT_SCHEDULE_REFRESH, BEAT_SCHEDULE_TTL};
use domain::schedule::{Schedule, ScheduleEntry};
use domain::tasks::QUEUE_MONITORING;
use domain::{Clock, SystemClock};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands as _, RedisResult};
use tracing::debug;

use crate::schedule;
use crate::settings::Periods;

/// How long Redis may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The schedule as people see it.
fn entries(periods: &Periods) -> Vec<ScheduleEntry> {
    schedule::table(periods)
        .into_iter()
        .map(|(task, period)| ScheduleEntry {
            name: task.to_owned(),
            task: task.to_owned(),
            queue: QUEUE_MONITORING.to_owned(),
            every_secs: Some(period.as_secs()),
            crontab: None,
        })
        .collect()
}

/// Says what is sent for as long as this beat, whose lock holds `token`, leads. Never ends; it is a courtesy,
/// and what does not work is tried again.
pub async fn run(redis_url: &str, token: &str, periods: &Periods) -> RedisResult<()> {
    let config = ConnectionManagerConfig::new()
        .set_number_of_retries(1)
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(Some(TIMEOUT));
    let client = redis::Client::open(redis_url)?;
    let mut redis = ConnectionManager::new_lazy_with_config(client, config)?;
    let started_at = SystemClock.now();
    let leader = name().await;
    let mut ticks = tokio::time::interval(BEAT_SCHEDULE_REFRESH);
    loop {
        ticks.tick().await;
        let now = SystemClock.now();
        let schedule = Schedule {
            leader: leader.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at,
            seen_at: now,
            entries: entries(periods),
        };
        if let Err(error) = say(&mut redis, token, &schedule).await {
            debug!(%error, "the schedule was not published");
        }
    }
}

/// Another beat may take over between the look and the word: it then says its own at its next tick.
async fn say(redis: &mut ConnectionManager, token: &str, schedule: &Schedule) -> RedisResult<()> {
    let leads: Option<String> = redis.get(BEAT_LOCK).await?;
    if leads.as_deref() != Some(token) {
        return Ok(());
    }
    let Ok(json) = serde_json::to_string(schedule) else {
        return Ok(());
    };
    redis
        .set_ex(BEAT_SCHEDULE, json, BEAT_SCHEDULE_TTL.as_secs())
        .await
}

/// `beat@host:pid`.
async fn name() -> String {
    let host = tokio::fs::read_to_string("/proc/sys/kernel/hostname").await;
    let host = host.map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned());
    format!("beat@{host}:{}", std::process::id())
}
