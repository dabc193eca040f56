//! The simulated GitHub that development offers: beside GitHub's paths it takes sample jobs, so that a new
//! runner can be seen at work without an account. GitHub itself has no such call.

use reqwest::Method;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    Error, GitHub,
    client::{Call, Expect},
};

/// A job that does nothing for some seconds and succeeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SampleJob {
    /// Where it is queued: `owner/name` or an organisation's login.
    pub target: String,
    /// The labels that a runner must have to get it.
    pub labels: Vec<String>,
    /// What it is called.
    pub name: String,
    /// How long it runs, seconds.
    pub duration_secs: u32,
}

/// A job as the sandbox took it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct QueuedJob {
    /// Its id in the sandbox.
    pub id: u64,
}

/// The sandbox at one address; it asks for no token.
#[derive(Debug, Clone)]
pub struct Sandbox(GitHub);

impl Sandbox {
    /// A client of the sandbox at `url`, with the limits and timeouts of [`GitHub`]. No request is sent here.
    pub fn new(url: &Url) -> Result<Self, Error> {
        GitHub::new(url, SecretString::default()).map(Self)
    }

    /// Queues a job, which the first idle runner of its target with its labels gets.
    pub async fn queue_job(&self, job: &SampleJob) -> Result<QueuedJob, Error> {
        let operation = "queue a sample job";
        let call = Call::new(operation, Method::POST, self.0.url("_sandbox/jobs")).with_body(job)?;
        self.0.send(call, Expect::Status(201)).await?.json(operation)
    }
}
