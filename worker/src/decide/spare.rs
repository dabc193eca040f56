//! How many instances are made for a runner that keeps spare ones.

use chrono::{DateTime, TimeDelta, Utc};

/// Failures within this time count.
pub const REMEMBERED: TimeDelta = TimeDelta::hours(1);
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(15);
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(10);

/// Until when no spare instance is made, because the last ones failed: a wrong token must not make a new
/// failed instance every few seconds. The pause doubles with every failure of the last hour.
pub fn held_off_until(failures: u64, last: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    let doublings = i32::try_from(failures.saturating_sub(1).min(10)).unwrap_or(10);
    let pause = FIRST_PAUSE.checked_mul(1 << doublings).unwrap_or(LONGEST_PAUSE);
    last.filter(|_| failures > 0)
        .map(|last| last + pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_pause_up_to_ten_minutes() {
        let last = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let pause = |failures| (held_off_until(failures, Some(last)).unwrap() - last).num_seconds();
        assert_eq!([1, 2, 3, 4, 50].map(pause), [15, 30, 60, 120, 600]);
        assert_eq!(held_off_until(0, None), None);
    }
}
