//! The worker's settings, each from its variable; read once in `main`.

use std::time::Duration;

use process::settings::{DatabaseSettings, EncryptionSettings, GithubSettings, LogSettings, RedisSettings};
use process::{Problems, Variables};

/// Everything a worker is told from outside.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// `DATABASE_URL`.
    pub database: DatabaseSettings,
    /// `REDIS_URL`.
    pub redis: RedisSettings,
    /// `ENCRYPTION_KEY`.
    pub encryption: EncryptionSettings,
    /// `LOG_FORMAT`, `RUST_LOG`.
    pub log: LogSettings,
    /// How it takes tasks.
    pub queue: QueueSettings,
    /// How it watches runners.
    pub monitoring: MonitoringSettings,
    /// `DOCKER_HOST`: where the default engine of this host is; `/var/run/docker.sock` when unset.
    pub docker_host: Option<String>,
    /// `ALLOW_PLAIN_TCP_NODES`: whether a remote node may be reached without TLS elsewhere than on loopback.
    pub allow_plain_tcp_nodes: bool,
    /// `GITHUB_URL`: where runners with a token of their own register.
    pub github_url: url::Url,
}

/// How a worker takes tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// `WORKER_CONCURRENCY`: how many tasks run at once.
    pub concurrency: usize,
    /// `WORKER_QUEUES`: what it consumes besides the queue of its own host.
    pub queues: Vec<String>,
    /// `WORKER_HOSTNAME`: its name among workers, `name@host`.
    pub hostname: String,
    /// `VISIBILITY_TIMEOUT_SECS`: after how long another worker takes over what a killed one held.
    pub visibility_timeout: Duration,
}

/// How a worker watches runners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitoringSettings {
    /// `HEARTBEAT_INTERVAL_SECS`: how often each instance is looked at; also bounds how old a shared list of
    /// GitHub's runners may be.
    pub heartbeat_interval: Duration,
    /// `METRICS_INTERVAL_SECS`: how often each instance is measured.
    pub metrics_interval: Duration,
    /// `METRICS_RETENTION_DAYS`: how long samples are kept.
    pub retention: chrono::TimeDelta,
    /// `HISTORY_RETENTION_DAYS`: how long the audit log, timelines and invitations that are over are kept.
    pub history: chrono::TimeDelta,
}

impl WorkerSettings {
    /// Reads all variables; the error names every one that cannot be used.
    pub fn read(mut variables: Variables) -> Result<(Self, String), Problems> {
        let settings = Self {
            database: DatabaseSettings::from(&mut variables),
            redis: RedisSettings::from(&mut variables),
            encryption: EncryptionSettings::from(&mut variables),
            log: LogSettings::from(&mut variables),
            queue: QueueSettings::from(&mut variables),
            monitoring: MonitoringSettings::from(&mut variables),
            docker_host: variables.optional("DOCKER_HOST"),
            allow_plain_tcp_nodes: variables.flag("ALLOW_PLAIN_TCP_NODES", false),
            github_url: GithubSettings::from(&mut variables).url,
        };
        let shown = variables.sanitized();
        variables.finish()?;
        Ok((settings, shown))
    }
}

impl QueueSettings {
    fn from(variables: &mut Variables) -> Self {
        let default_name = format!("runner-pilot@{}", machine_name());
        let hostname = variables.text("WORKER_HOSTNAME", &default_name);
        let is_name =
            |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
        if !hostname
            .split_once('@')
            .is_some_and(|(name, host)| is_name(name) && is_name(host) && !host.contains('@'))
        {
            variables.problem(
                "WORKER_HOSTNAME",
                "is not of the form name@host",
                &format!("Set it like {default_name}, or leave it unset."),
            );
        }
        Self {
            concurrency: variables.parsed_in("WORKER_CONCURRENCY", 64, 1..=10_000),
            queues: variables.list("WORKER_QUEUES", &["celery", "monitoring"]),
            hostname,
            visibility_timeout: variables.duration_secs("VISIBILITY_TIMEOUT_SECS", 60),
        }
    }

    /// The part of the name after `@`: nodes of type `local` name their host so.
    pub fn host(&self) -> &str {
        self.hostname.split_once('@').map_or("", |(_, host)| host)
    }

    /// All queues to consume: the named ones and that of the own host.
    pub fn all_queues(&self) -> Vec<String> {
        let mut queues = self.queues.clone();
        let own = domain::tasks::host_queue(self.host());
        if !queues.contains(&own) {
            queues.push(own);
        }
        queues
    }
}

impl MonitoringSettings {
    fn from(variables: &mut Variables) -> Self {
        Self {
            heartbeat_interval: variables.duration_secs("HEARTBEAT_INTERVAL_SECS", 30),
            metrics_interval: variables.duration_secs("METRICS_INTERVAL_SECS", 30),
            retention: chrono::TimeDelta::days(variables.parsed_in("METRICS_RETENTION_DAYS", 30, 1..=3650)),
            history: chrono::TimeDelta::days(variables.parsed_in("HISTORY_RETENTION_DAYS", 365, 1..=3650)),
        }
    }
}

/// The machine's name, as the api derives it for nodes of type `local`.
fn machine_name() -> String {
    sysinfo::System::host_name()
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<WorkerSettings, Problems> {
        let key = ("ENCRYPTION_KEY", "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=");
        let pairs = pairs.iter().copied().chain([key]);
        WorkerSettings::read(Variables::from_pairs(pairs)).map(|(settings, _)| settings)
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let settings = read(&[("WORKER_HOSTNAME", "w@box")]).unwrap();
        assert_eq!(settings.queue.concurrency, 64);
        assert_eq!(settings.queue.all_queues(), ["celery", "monitoring", "host.box"]);
        assert_eq!(settings.queue.visibility_timeout, Duration::from_mins(1));
        assert!(!settings.allow_plain_tcp_nodes);
        assert!(
            read(&[("ALLOW_PLAIN_TCP_NODES", "true")])
                .unwrap()
                .allow_plain_tcp_nodes
        );
        assert_eq!(
            settings.monitoring,
            MonitoringSettings {
                heartbeat_interval: Duration::from_secs(30),
                metrics_interval: Duration::from_secs(30),
                retention: chrono::TimeDelta::days(30),
                history: chrono::TimeDelta::days(365),
            }
        );
    }

    #[test]
    fn every_wrong_setting_is_named_at_once() {
        let problems = read(&[
            ("WORKER_CONCURRENCY", "0"),
            ("WORKER_HOSTNAME", "nameless"),
            ("METRICS_RETENTION_DAYS", "soon"),
            ("VISIBILITY_TIMEOUT_SECS", "-1"),
            ("REDIS_URL", "http://x"),
        ])
        .unwrap_err()
        .to_string();
        for name in [
            "WORKER_CONCURRENCY",
            "WORKER_HOSTNAME",
            "METRICS_RETENTION_DAYS",
            "VISIBILITY_TIMEOUT_SECS",
            "REDIS_URL",
        ] {
            assert!(problems.contains(name), "{name} is not in {problems}");
        }
    }

    #[test]
    fn the_own_hosts_queue_is_consumed_once() {
        let settings = read(&[("WORKER_HOSTNAME", "w@box"), ("WORKER_QUEUES", "host.box,celery")]).unwrap();
        assert_eq!(settings.queue.all_queues(), ["host.box", "celery"]);
    }
}
