//! What the simulation holds, in the form that tests and `/_sandbox` see.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A registered runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The id that REST calls use.
    pub id: i64,
    /// Owner of the runner: `owner/name` or an organisation's login.
    pub target: String,
    /// Unique within the target.
    pub name: String,
    /// `unknown` until the first connection of a JIT runner.
    pub os: String,
    /// The labels GitHub gave (`self-hosted`, `Linux`, `X64`).
    pub system_labels: Vec<String>,
    /// The labels asked for.
    pub custom_labels: Vec<String>,
    /// The runner group.
    pub runner_group_id: i64,
    /// Whether one job ends the registration.
    pub ephemeral: bool,
    /// `None` until the first connection.
    pub version: Option<String>,
    /// The job that runs on it.
    pub job_id: Option<u64>,
    /// Whether a session is alive; worked out when asked.
    #[serde(default)]
    pub online: bool,
}

impl Registration {
    /// Whether a job runs on it.
    pub fn is_busy(&self) -> bool {
        self.job_id.is_some()
    }

    /// Whether it carries every one of `labels`, as `runs-on` demands; case doesn't matter.
    pub fn has_labels(&self, labels: &[String]) -> bool {
        let has = |wanted: &String| {
            self.system_labels
                .iter()
                .chain(&self.custom_labels)
                .any(|label| label.eq_ignore_ascii_case(wanted))
        };
        labels.iter().all(has)
    }
}

/// A sample job to queue; the body of `POST /_sandbox/jobs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// Where the workflow lives: `owner/name`, or an organisation's login. Runners of the owner organisation serve
    /// its repositories too.
    pub target: String,
    /// The `runs-on` labels; empty = any runner.
    #[serde(default)]
    pub labels: Vec<String>,
    /// The job's display name.
    #[serde(default = "default_name")]
    pub name: String,
    /// How long it runs, seconds.
    #[serde(default = "default_duration")]
    pub duration_secs: u32,
    /// How it ends.
    #[serde(default, alias = "conclusion")]
    pub result: Conclusion,
}

impl JobSpec {
    /// A job named `name` at `target` that runs for `duration_secs` and succeeds on any runner.
    pub fn new(target: &str, name: &str, duration_secs: u32) -> Self {
        Self {
            target: target.to_owned(),
            labels: Vec::new(),
            name: name.to_owned(),
            duration_secs,
            result: Conclusion::Succeeded,
        }
    }

    /// The same job, for runners with `labels`.
    #[must_use]
    pub fn with_labels(mut self, labels: &[&str]) -> Self {
        self.labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self
    }

    /// The same job, ending with `result`.
    #[must_use]
    pub fn with_result(mut self, result: Conclusion) -> Self {
        self.result = result;
        self
    }
}

fn default_name() -> String {
    "sample".to_owned()
}

fn default_duration() -> u32 {
    5
}

/// How a job ended, in the runner's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Conclusion {
    /// All steps passed.
    #[default]
    #[serde(alias = "success", alias = "succeeded")]
    Succeeded,
    /// A step failed.
    #[serde(alias = "failure", alias = "failed")]
    Failed,
    /// It was cancelled, by a person or because its runner was stopped.
    #[serde(alias = "cancelled", alias = "canceled")]
    Canceled,
    /// Its runner vanished.
    #[serde(alias = "abandoned")]
    Abandoned,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waiting for a runner.
    Queued,
    /// On a runner.
    InProgress,
    /// Over; the conclusion says how.
    Completed,
}

/// A queued, running or finished job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The job's id.
    pub id: u64,
    /// What was asked for.
    pub spec: JobSpec,
    /// Where it stands.
    pub status: JobStatus,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// The runner that took it.
    pub runner_id: Option<i64>,
    /// That runner's name, kept after the runner is gone.
    pub runner_name: Option<String>,
    /// When it was queued, UTC.
    pub queued_at: DateTime<Utc>,
    /// When a runner took it, UTC.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over, UTC.
    pub completed_at: Option<DateTime<Utc>>,
}

/// One REST request as it came in; bodies and tokens are not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedRequest {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The status that was answered; 0 while the answer is pending, or when the connection was cut.
    pub status: u16,
}
