//! The beat's settings, each from its variable; read once in `main`.

use std::time::Duration;

use process::settings::{LogSettings, RedisSettings};
use process::{Problems, Variables};

/// Everything a beat is told from outside. It writes no database and needs no secret but Redis' password.
#[derive(Debug, Clone)]
pub struct BeatSettings {
    /// `REDIS_URL`.
    pub redis: RedisSettings,
    /// `LOG_FORMAT`, `RUST_LOG`.
    pub log: LogSettings,
    /// How often things are done.
    pub periods: Periods,
}

/// How often things are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    /// `HEARTBEAT_INTERVAL_SECS`: each live instance is looked at.
    pub heartbeat: Duration,
    /// `METRICS_INTERVAL_SECS`: each live instance is measured.
    pub metrics: Duration,
    /// `RECONCILE_INTERVAL_SECS`: what is overdue or lacking is healed.
    pub reconcile: Duration,
    /// `NODE_CHECK_INTERVAL_SECS`: each node is checked.
    pub node_check: Duration,
}

impl BeatSettings {
    /// Reads all variables; the error names every one that cannot be used. Also returns the line that shows
    /// them without secrets.
    pub fn read(mut variables: Variables) -> Result<(Self, String), Problems> {
        let settings = Self {
            redis: RedisSettings::from(&mut variables),
            log: LogSettings::from(&mut variables),
            periods: Periods {
                heartbeat: variables.duration_secs("HEARTBEAT_INTERVAL_SECS", 30),
                metrics: variables.duration_secs("METRICS_INTERVAL_SECS", 30),
                reconcile: variables.duration_secs("RECONCILE_INTERVAL_SECS", 15),
                node_check: variables.duration_secs("NODE_CHECK_INTERVAL_SECS", 60),
            },
        };
        let shown = variables.sanitized();
        variables.finish()?;
        Ok((settings, shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let (settings, _) = BeatSettings::read(Variables::from_pairs([("LOG_FORMAT", "text")])).unwrap();
        let seconds = [
            settings.periods.heartbeat,
            settings.periods.metrics,
            settings.periods.reconcile,
            settings.periods.node_check,
        ]
        .map(|period| period.as_secs());
        assert_eq!(seconds, [30, 30, 15, 60]);
    }

    #[test]
    fn every_wrong_setting_is_named_at_once() {
        let wrong = [
            ("HEARTBEAT_INTERVAL_SECS", "0"),
            ("METRICS_INTERVAL_SECS", "often"),
            ("RECONCILE_INTERVAL_SECS", "-1"),
            ("NODE_CHECK_INTERVAL_SECS", "100000"),
            ("REDIS_URL", "mysql://h"),
        ];
        let problems = BeatSettings::read(Variables::from_pairs(wrong))
            .unwrap_err()
            .to_string();
        for (name, _) in wrong {
            assert!(problems.contains(name), "{name} is not in {problems}");
        }
    }
}
