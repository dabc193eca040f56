//! What is sent periodically: the leading beat's own words, and the times that it keeps in Redis.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::redis_keys::{BEAT_LAST_RUN, BEAT_SCHEDULE};
use domain::schedule::Schedule;

use crate::context::Context;
use crate::dto::schedules::{BeatView, ScheduleEntryView, SchedulesView};
use crate::error::{ApiError, chain};

/// The schedule with the last run of each entry.
pub async fn read(context: &Context) -> Result<SchedulesView, ApiError> {
    let mut pipeline = redis::pipe();
    pipeline.get(BEAT_SCHEDULE).hgetall(BEAT_LAST_RUN);
    let answered: redis::RedisResult<(Option<String>, HashMap<String, String>)> =
        pipeline.query_async(&mut context.redis.clone()).await;
    let (published, last_runs) = answered.map_err(|error| {
        tracing::warn!(error = %chain(&error), "the schedule was not read from Redis");
        ApiError::unavailable()
    })?;
    let Some(schedule) = published.as_deref().and_then(parse) else {
        return Ok(SchedulesView {
            leader: None,
            entries: Vec::new(),
        });
    };
    let Schedule {
        leader,
        version,
        started_at,
        seen_at,
        entries,
    } = schedule;
    let entries = entries.into_iter().map(|entry| {
        let last = last_runs.get(&entry.name).and_then(|text| time(text));
        ScheduleEntryView::of(entry, last)
    });
    Ok(SchedulesView {
        leader: Some(BeatView {
            name: leader,
            version,
            started_at,
            seen_at,
        }),
        entries: entries.collect(),
    })
}

/// Reads what a beat published, perhaps one of another release: what can't be read is as good as absent.
fn parse(published: &str) -> Option<Schedule> {
    serde_json::from_str(published).ok()
}

/// How often a task is sent, in seconds, as [`BEAT_SCHEDULE`] says; `None` where it does not.
pub fn period_secs(published: &str, task: &str) -> Option<u32> {
    let mut entries = parse(published)?.entries.into_iter();
    let entry = entries.find(|entry| entry.task == task)?;
    u32::try_from(entry.every_secs?).ok()
}

/// A time as the beat stores it: epoch seconds with six decimals.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let micros: u32 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    DateTime::from_timestamp(whole.parse().ok()?, micros * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_the_beat_writes_it() {
        let read = |text| time(text).map(|at| at.timestamp_micros());
        assert_eq!(read("1795435200.250000"), Some(1_795_435_200_250_000));
        assert_eq!(read("1795435200"), Some(1_795_435_200_000_000));
        assert_eq!((read(""), read("x.1"), read("1.x")), (None, None, None));
    }
}
