//! What the leading beat says of itself in Redis ([`crate::redis_keys::BEAT_SCHEDULE`]), for people to see.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The schedule of the beat that leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The beat's name, `beat@host:pid`.
    pub leader: String,
    /// The beat's version.
    pub version: String,
    /// When the beat started.
    pub started_at: DateTime<Utc>,
    /// When it last said that it leads.
    pub seen_at: DateTime<Utc>,
    /// What it sends.
    pub entries: Vec<ScheduleEntry>,
}

/// A task that is sent again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleEntry {
    /// What its last run is remembered under, a field of [`crate::redis_keys::BEAT_LAST_RUN`].
    pub name: String,
    /// The task.
    pub task: String,
    /// The queue it goes to.
    pub queue: String,
    /// How often, in seconds; absent where a crontab says when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_secs: Option<u64>,
    /// When, as a crontab of five fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crontab: Option<String>,
}
