//! Crontab schedules by Celery's rules, which differ from cron's: all five fields must match, Sunday is
//! only 0, ranges may wrap around, and a step belongs to a range.
//!
//! Around a change of the clocks a schedule that names its hours runs once for each time it names: a
//! time that the clocks skip counts as if they had not been moved yet, and of a time that comes twice
//! the first counts. One for every hour keeps its rhythm: it skips nothing and repeats what comes twice.

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;

use crate::error::Error;

/// Days looked through for the next match; the 29th of February falls on a certain weekday at least every 40 years.
const HORIZON_DAYS: u64 = 366 * 41;
/// More than any change of the clocks.
const CHANGE: TimeDelta = TimeDelta::hours(3);
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// When to run, by minute, hour, day of the month, month and day of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crontab {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    zone: Tz,
}

impl Crontab {
    /// Reads `minute hour day-of-month month day-of-week`, in UTC. Each field is a list of `*`, `*/n`, `a`, `a-b`
    /// and `a-b/n`; months and weekdays may be named. A schedule that never comes (30 February) is an error.
    pub fn new(text: &str) -> Result<Self, Error> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(Error::Config(format!(
                "`{text}` has {} fields instead of five",
                fields.len()
            )));
        };
        let field = |text: &str, from, to, names: &[&str]| {
            read_field(text, from, to, names)
                .ok_or_else(|| Error::Config(format!("`{text}` is no crontab field")))
        };
        let crontab = Self {
            minutes: field(minute, 0, 59, &[])?,
            hours: field(hour, 0, 23, &[])?,
            days: field(day, 1, 31, &[])?,
            months: field(month, 1, 12, &MONTHS)?,
            weekdays: field(weekday, 0, 6, &WEEKDAYS)?,
            zone: Tz::UTC,
        };
        match crontab.next_after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(crontab),
            None => Err(Error::Config(format!("`{text}` never comes"))),
        }
    }

    /// Reads the schedule by the clocks of a place, e.g. `America/New_York`.
    pub fn timezone(mut self, name: &str) -> Result<Self, Error> {
        self.zone = name
            .parse()
            .map_err(|_| Error::Config(format!("`{name}` is no time zone")))?;
        Ok(self)
    }

    /// The first time after this one.
    pub fn next_after(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = time.with_timezone(&self.zone).naive_local();
        // A clock that was moved may show an earlier time than this one later on.
        let from = local - CHANGE;
        let first = from.date();
        (0..HORIZON_DAYS)
            .map_while(|days| first.checked_add_days(Days::new(days)))
            .filter(|day| self.has_day(*day))
            .find_map(|day| {
                self.times_of(day, from)
                    .flat_map(|naive| self.instants(naive))
                    .filter(|at| *at > time)
                    .min()
            })
    }

    fn has_day(&self, day: NaiveDate) -> bool {
        has(self.days, day.day())
            && has(self.months, day.month())
            && has(self.weekdays, day.weekday().num_days_from_sunday())
    }

    /// The times of a day, from a time on.
    fn times_of(&self, day: NaiveDate, from: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        let first_hour = if day == from.date() { from.hour() } else { 0 };
        let hours = (first_hour..24).filter(|hour| has(self.hours, *hour));
        hours.flat_map(move |hour| {
            let minutes = (0..60).filter(|minute| has(self.minutes, *minute));
            minutes
                .filter_map(move |minute| NaiveTime::from_hms_opt(hour, minute, 0))
                .map(move |time| day.and_time(time))
        })
    }

    /// What a time on the clocks stands for.
    fn instants(&self, naive: NaiveDateTime) -> Vec<DateTime<Utc>> {
        let every_hour = self.hours == (1 << 24) - 1;
        let found = self.zone.from_local_datetime(&naive);
        match (found.earliest(), found.latest()) {
            (Some(first), Some(second)) if every_hour && first != second => {
                vec![first.to_utc(), second.to_utc()]
            }
            (Some(first), _) => vec![first.to_utc()],
            // Skipped by the clocks: as if they had not been moved.
            _ if !every_hour => {
                let before = self.zone.from_local_datetime(&(naive - CHANGE)).earliest();
                before
                    .map(|before| before.to_utc() + CHANGE)
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

fn has(set: u64, number: u32) -> bool {
    set >> number & 1 == 1
}

/// Reads a field into a set of numbers; `None` if it is none.
fn read_field(text: &str, from: u32, to: u32, names: &[&str]) -> Option<u64> {
    let number = |text: &str| {
        let number = if text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().ok()?
        } else {
            let short: String = text.chars().take(3).collect::<String>().to_lowercase();
            let position = names.iter().position(|name| *name == short)?;
            from + u32::try_from(position).ok()?
        };
        (from..=to).contains(&number).then_some(number)
    };
    text.split(',').try_fold(0, |set, part| {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let numbers: Vec<u32> = match range.split_once('-') {
            _ if range == "*" => (from..=to).collect(),
            Some((first, last)) => match (number(first)?, number(last)?) {
                (first, last) if first <= last => (first..=last).collect(),
                // Around the end of the hour, day, week, month or year.
                (first, last) => (first..=to).chain(from..=last).collect(),
            },
            None if part.contains('/') => return None,
            None => vec![number(range)?],
        };
        Some(
            numbers
                .into_iter()
                .step_by(step)
                .fold(set, |set, number| set | 1 << number),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, from: u32, to: u32, names: &[&str]) -> Option<Vec<u32>> {
        let set = read_field(text, from, to, names)?;
        Some((0..64).filter(|number| has(set, *number)).collect())
    }

    #[test]
    fn fields_are_read_by_celerys_rules() {
        assert_eq!(
            set("*/7", 0, 59, &[]),
            Some(vec![0, 7, 14, 21, 28, 35, 42, 49, 56])
        );
        assert_eq!(set("55-5/3", 0, 59, &[]), Some(vec![1, 4, 55, 58]));
        assert_eq!(set("22-4", 0, 23, &[]), Some(vec![0, 1, 2, 3, 4, 22, 23]));
        assert_eq!(set("fri-mon/2", 0, 6, &WEEKDAYS), Some(vec![0, 5]));
        assert_eq!(set("Monday,SUN", 0, 6, &WEEKDAYS), Some(vec![0, 1]));
        assert_eq!(set("nov-feb", 1, 12, &MONTHS), Some(vec![1, 2, 11, 12]));
        assert_eq!(set("*/5", 1, 12, &MONTHS), Some(vec![1, 6, 11]));
        for wrong in [
            "", "7", "5/10", "L", "1,,2", "-1", "*/0", "8", "1-", "*/-1", "x-y", "1-2-3",
        ] {
            assert_eq!(set(wrong, 0, 6, &WEEKDAYS), None, "{wrong}");
        }
    }

    #[test]
    fn a_schedule_has_five_fields_and_comes_at_some_time() {
        for wrong in [
            "* * * *",
            "* * * * * *",
            "0 0 30 2 *",
            "0 0 31 4,6 *",
            "60 * * * *",
        ] {
            assert!(Crontab::new(wrong).is_err(), "{wrong}");
        }
        assert!(Crontab::new("0 0 29 2 mon").is_ok());
        assert!(Crontab::new("* * * * *").unwrap().timezone("Mars/Base").is_err());
    }

    fn next(crontab: &str, zone: &str, after: &str) -> String {
        let crontab = Crontab::new(crontab).unwrap().timezone(zone).unwrap();
        let next = crontab.next_after(after.parse().unwrap()).unwrap();
        next.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    }

    #[test]
    fn check_81_all_fields_must_match() {
        assert_eq!(
            next("0 0 13 * fri", "UTC", "2026-01-02T00:00:00Z"),
            "2026-02-13T00:00:00Z"
        );
    }

    #[test]
    fn check_82_named_hours_run_once_when_the_clocks_change() {
        let new_york = "America/New_York";
        // 02:30 does not exist: 9000 s after midnight, as if the clocks had not been moved.
        assert_eq!(
            next("30 2 * * *", new_york, "2026-03-08T05:00:00Z"),
            "2026-03-08T07:30:00Z"
        );
        assert_eq!(
            next("30 2 * * *", new_york, "2026-03-08T07:30:00Z"),
            "2026-03-09T06:30:00Z"
        );
        // 01:30 comes twice: the first counts, 5400 s after midnight.
        assert_eq!(
            next("30 1 * * *", new_york, "2026-11-01T04:00:00Z"),
            "2026-11-01T05:30:00Z"
        );
        assert_eq!(
            next("30 1 * * *", new_york, "2026-11-01T05:30:00Z"),
            "2026-11-02T06:30:00Z"
        );
    }

    #[test]
    fn a_schedule_for_every_hour_keeps_its_rhythm_when_the_clocks_change() {
        let new_york = "America/New_York";
        let mut at = "2026-11-01T04:15:00Z".to_owned();
        for expected in ["04:30", "05:30", "06:30", "07:30"] {
            at = next("30 * * * *", new_york, &at);
            assert_eq!(at, format!("2026-11-01T{expected}:00Z"));
        }
        let mut at = "2026-03-08T05:15:00Z".to_owned();
        for expected in ["05:30", "06:30", "07:30", "08:30"] {
            at = next("30 * * * *", new_york, &at);
            assert_eq!(at, format!("2026-03-08T{expected}:00Z"));
        }
    }
}
