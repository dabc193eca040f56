//! What is observed of an instance and kept in Redis: the two values that scripts read there.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::instance::InstanceStatus;

/// The value of `runner_status:{id}`, exactly `{"status","last_heartbeat"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerStatus {
    /// What the runner was at that moment.
    pub status: InstanceStatus,
    /// When it was looked at, to the second, as `2023-10-01T12:00:00Z`.
    #[serde(with = "seconds_utc")]
    pub last_heartbeat: DateTime<Utc>,
}

/// The value of `runner_metrics:{id}`, exactly these three, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RunnerMetrics {
    /// Share of the CPU time the container may use.
    pub cpu_usage: f64,
    /// Share of the memory the container may use.
    pub memory_usage: f64,
    /// Share of the disk behind the container's storage that is in use.
    pub disk_usage: f64,
}

impl RunnerMetrics {
    /// Bounded to 0–100 and rounded to one decimal: more digits would only pretend precision.
    #[must_use]
    pub fn rounded(self) -> Self {
        let round = |percent: f64| {
            if percent.is_finite() {
                (percent.clamp(0.0, 100.0) * 10.0).round() / 10.0
            } else {
                0.0
            }
        };
        Self {
            cpu_usage: round(self.cpu_usage),
            memory_usage: round(self.memory_usage),
            disk_usage: round(self.disk_usage),
        }
    }
}

mod seconds_utc {
    use super::{DateTime, SecondsFormat, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Secs, true))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
        DateTime::<Utc>::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_value_is_the_documented_one() {
        let value = RunnerStatus {
            status: InstanceStatus::Online,
            last_heartbeat: "2023-10-01T12:00:00.987Z".parse().unwrap(),
        };
        let json = serde_json::to_string(&value).unwrap();
        assert_eq!(
            json,
            r#"{"status":"online","last_heartbeat":"2023-10-01T12:00:00Z"}"#
        );
    }

    #[test]
    fn the_metrics_value_is_the_documented_one() {
        let value = RunnerMetrics {
            cpu_usage: 45.51,
            memory_usage: 170.2,
            disk_usage: f64::NAN,
        }
        .rounded();
        assert_eq!(
            serde_json::to_string(&value).unwrap(),
            r#"{"cpu_usage":45.5,"memory_usage":100.0,"disk_usage":0.0}"#
        );
    }
}
