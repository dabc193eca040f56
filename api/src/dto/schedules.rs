//! What is sent periodically, as it is shown.

use chrono::{DateTime, TimeDelta, Utc};
use domain::schedule::ScheduleEntry;
use poem_openapi::Object;

/// The beat that leads.
#[derive(Debug, Object)]
pub struct BeatView {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it last said that it leads.
    pub seen_at: DateTime<Utc>,
}

/// A task that is sent again and again.
#[derive(Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ScheduleEntryView {
    /// The schedule's name for it.
    pub name: String,
    /// The task.
    pub task: String,
    /// The queue it goes to.
    pub queue: String,
    /// How often, in seconds; absent where a crontab says when.
    pub every_secs: Option<u64>,
    /// When, as a crontab of five fields.
    pub crontab: Option<String>,
    /// When it was last sent; the time at which it was first scheduled, before that.
    pub last_sent_at: Option<DateTime<Utc>>,
    /// When it is due next; absent where a crontab says when.
    pub next_due_at: Option<DateTime<Utc>>,
}

/// What is sent periodically, and by whom.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SchedulesView {
    /// The beat that leads; absent when none does: nothing is sent then.
    pub leader: Option<BeatView>,
    /// What it sends.
    pub entries: Vec<ScheduleEntryView>,
}

impl ScheduleEntryView {
    /// An entry with the time of its last run.
    pub fn of(entry: ScheduleEntry, last_sent_at: Option<DateTime<Utc>>) -> Self {
        let ScheduleEntry {
            name,
            task,
            queue,
            every_secs,
            crontab,
        } = entry;
        let period = every_secs.and_then(|secs| TimeDelta::try_seconds(i64::try_from(secs).ok()?));
        Self {
            name,
            task,
            queue,
            every_secs,
            crontab,
            last_sent_at,
            next_due_at: last_sent_at
                .zip(period)
                .and_then(|(last, period)| last.checked_add_signed(period)),
        }
    }
}
