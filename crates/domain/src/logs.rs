//! What travels from a worker to a viewer while an instance's log is followed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The field of a stream entry that holds a [`LogBatch`] as JSON.
pub const BATCH_FIELD: &str = "batch";

/// Some lines of a log. One without lines says only that the worker still follows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogBatch {
    /// Whole lines without their ends, in the order in which they were written.
    #[serde(default)]
    pub lines: Vec<String>,
    /// How many lines at least were left out after these, because there were too many at once.
    #[serde(default)]
    pub skipped: u64,
    /// When the last of all these lines was written, as the engine noted it: who looks again goes on after it.
    #[serde(default)]
    pub last: Option<DateTime<Utc>>,
    /// Set in the last batch: why no more lines come.
    #[serde(default)]
    pub end: Option<LogEnd>,
}

/// Why a log is no longer followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogEnd {
    /// The container has ended, or there is none.
    Ended,
    /// The node did not answer or broke off.
    NodeUnavailable,
    /// The worker that followed is stopping; another one can go on.
    WorkerStopped,
    /// The worker follows as many logs as it can.
    Busy,
    /// No worker answered.
    NoWorker,
    /// The viewer was too slow.
    Overrun,
}

impl LogEnd {
    /// The name used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::NodeUnavailable => "node_unavailable",
            Self::WorkerStopped => "worker_stopped",
            Self::Busy => "busy",
            Self::NoWorker => "no_worker",
            Self::Overrun => "overrun",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_named_alike_in_json_and_in_text() {
        for end in [
            LogEnd::Ended,
            LogEnd::NodeUnavailable,
            LogEnd::WorkerStopped,
            LogEnd::Busy,
            LogEnd::NoWorker,
            LogEnd::Overrun,
        ] {
            assert_eq!(serde_json::to_value(end).unwrap(), end.as_str());
        }
    }

    #[test]
    fn a_batch_of_an_older_worker_is_read() {
        let batch: LogBatch = serde_json::from_str(r#"{"lines":["a"]}"#).unwrap();
        assert_eq!((batch.lines.len(), batch.skipped, batch.end), (1, 0, None));
    }
}
