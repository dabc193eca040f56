//! The one place that reads the wall clock.

use std::{
    sync::{Arc, Mutex},
    time::SystemTime,
};

use chrono::{DateTime, Local, Offset, SecondsFormat, TimeZone, Utc};
use tokio::time::Instant;

use crate::link::lock;

/// The current time.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::<Utc>::from(SystemTime::now())
}

/// Epoch seconds of a time.
pub(crate) fn epoch_of(time: DateTime<Utc>) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds since 1970 fit a double for two centuries more"
    )]
    let micros = time.timestamp_micros() as f64;
    micros / 1e6
}

/// The current time as epoch seconds.
pub(crate) fn epoch() -> f64 {
    epoch_of(now())
}

/// The server's clock, as its last answer told it; also right after this process stood still.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerClock(Arc<Mutex<Option<(Instant, f64)>>>);

impl ServerClock {
    /// Notes the epoch seconds in an answer to what was asked then.
    pub(crate) fn set(&self, asked: Instant, told: &str) {
        if let Ok(told) = told.parse() {
            *lock(&self.0) = Some((asked, told));
        }
    }

    /// The time by it, in epoch seconds.
    pub(crate) fn now(&self) -> f64 {
        let told = *lock(&self.0);
        told.map_or_else(epoch, |(asked, told)| told + asked.elapsed().as_secs_f64())
    }
}

/// How many hours this machine's time zone lies west of UTC now, as events tell it.
pub(crate) fn hours_west_of_utc() -> f64 {
    let offset = Local.offset_from_utc_datetime(&now().naive_utc()).fix();
    -f64::from(offset.local_minus_utc()) / 3600.0
}

/// Formats a time as Python's `datetime.isoformat()` does for an aware UTC time: microseconds, `+00:00`.
pub(crate) fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}

/// Reads the ISO-8601 forms that Celery writes: naive (taken as UTC), with any offset, or with `Z`.
pub(crate) fn parse(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.with_timezone(&Utc));
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"] {
        if let Ok(time) = DateTime::parse_from_str(text, format) {
            return Some(time.with_timezone(&Utc));
        }
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(time) = chrono::NaiveDateTime::parse_from_str(text, format) {
            return Some(time.and_utc());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_form_of_time_that_celery_writes_is_read() {
        let expected = parse("2030-01-02T03:04:05+00:00");
        assert!(expected.is_some());
        for text in [
            "2030-01-02T03:04:05",
            "2030-01-02T03:04:05Z",
            "2030-01-02T05:04:05+02:00",
            "2030-01-02T05:04:05+0200",
            "2030-01-02T03:04:05.000000",
            "2030-01-02T03:04:05.000000000Z",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(parse("tomorrow"), None);
    }

    #[test]
    fn the_servers_clock_goes_on_between_its_answers() {
        let clock = ServerClock::default();
        assert!((clock.now() - epoch()).abs() < 60.0);
        let asked = Instant::now().checked_sub(Duration::from_secs(20)).unwrap();
        clock.set(asked, "110.5");
        assert!(clock.now() >= 130.5 && clock.now() < 190.5);
    }

    #[test]
    fn utc_times_carry_microseconds_and_an_offset() {
        assert_eq!(
            parse("2030-01-02T03:04:05.5Z").map(iso).as_deref(),
            Some("2030-01-02T03:04:05.500000+00:00")
        );
    }
}
