//! What a beat sends, and when each of it is due.

use std::time::Duration;

use chrono::DateTime;

use crate::{clock, crontab::Crontab, signature::Signature};

/// An entry is due this much early, as in Celery, so that waking up does not cost a tick.
const EARLY: f64 = 0.01;

/// When an entry is due.
#[derive(Debug, Clone)]
pub(crate) enum When {
    Every(Duration),
    /// At full days, hours, minutes or seconds, whichever the interval has.
    EveryFull(Duration),
    Crontab(Crontab),
}

/// A call to send again and again.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(crate) name: String,
    pub(crate) when: When,
    pub(crate) signature: Signature,
}

impl Entry {
    /// Sends `signature` every `interval`; the name is what the last run is remembered under.
    pub fn every(name: impl Into<String>, interval: Duration, signature: Signature) -> Self {
        Self {
            name: name.into(),
            when: When::Every(interval),
            signature: signature.header("celery_beat_task", true),
        }
    }

    /// Sends `signature` at the times of a crontab. Being late by many of them makes one catch-up, like an interval.
    pub fn crontab(name: impl Into<String>, crontab: Crontab, signature: Signature) -> Self {
        Self {
            when: When::Crontab(crontab),
            ..Self::every(name, Duration::MAX, signature)
        }
    }

    /// Celery's `relative=True`: rounds the times of an interval down to full days, hours, minutes or seconds (UTC),
    /// the largest of them that the interval contains. A crontab stays as it is.
    #[must_use]
    pub fn relative(mut self) -> Self {
        if let When::Every(interval) = self.when {
            self.when = When::EveryFull(interval);
        }
        self
    }

    /// Lets each tick lapse this long after it was sent, so that ticks never pile up.
    #[must_use]
    pub fn expires(mut self, age: Duration) -> Self {
        self.signature = self.signature.expires_in(age);
        self
    }

    /// When the entry is due after a run, in epoch seconds. Runs of a crontab that were missed by more than the
    /// deadline are left out.
    pub(crate) fn due_after(&self, last: f64, now: f64, cron_deadline: Option<Duration>) -> f64 {
        match &self.when {
            When::Every(interval) => last + interval.as_secs_f64() - EARLY,
            // Not early, as below.
            When::EveryFull(interval) => {
                let seconds = interval.as_secs_f64();
                let unit = [86_400.0, 3_600.0, 60.0, 1.0]
                    .into_iter()
                    .find(|unit| seconds >= *unit);
                // Below a second there is nothing to round to: it would be due at once, over and over again.
                unit.map_or(last + seconds, |unit| ((last + seconds) / unit).floor() * unit)
            }
            // Not early: a run noted before its minute would be followed by another in it.
            When::Crontab(crontab) => {
                let from = cron_deadline.map_or(last, |deadline| last.max(now - deadline.as_secs_f64()));
                let from = DateTime::from_timestamp_micros(micros(from)).unwrap_or_default();
                crontab.next_after(from).map_or(f64::INFINITY, clock::epoch_of)
            }
        }
    }
}

/// Whole microseconds of epoch seconds.
fn micros(seconds: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturating, far beyond any schedule"
    )]
    let micros = (seconds * 1e6).round() as i64;
    micros
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: f64 = 86_400.0;

    fn hourly() -> Entry {
        Entry::crontab("c", Crontab::new("0 * * * *").unwrap(), Signature::new("t"))
    }

    #[test]
    fn a_relative_interval_is_due_at_full_units_only() {
        let due = |interval: u64, last: f64| {
            let entry = Entry::every("e", Duration::from_secs(interval), Signature::new("t"));
            entry.relative().due_after(last, last, None)
        };
        assert!((due(86_400, 10.0 * DAY + 5_000.5) - 11.0 * DAY).abs() < 1e-6);
        assert!((due(3_600, 7_300.0) - 10_800.0).abs() < 1e-6);
        assert!((due(90, 100.0) - 180.0).abs() < 1e-6);
        assert!((due(10, 100.7) - 110.0).abs() < 1e-6);
        let brief = Entry::every("e", Duration::from_millis(500), Signature::new("t")).relative();
        assert!((brief.due_after(100.7, 100.7, None) - 101.2).abs() < 1e-6);
    }

    #[test]
    fn a_run_that_was_missed_for_too_long_is_left_out() {
        let (last, hour) = (10.0 * DAY, 3_600.0);
        let late = last + 5.0 * hour + 300.0;
        let due = |deadline: Option<u64>| hourly().due_after(last, late, deadline.map(Duration::from_secs));
        assert!((due(None) - (last + hour)).abs() < 1e-6);
        assert!((due(Some(600)) - (last + 5.0 * hour)).abs() < 1e-6);
        assert!((due(Some(200)) - (last + 6.0 * hour)).abs() < 1e-6);
    }
}
