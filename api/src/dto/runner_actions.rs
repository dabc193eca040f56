//! What is done to a runner beside changing it.

use domain::org::ResourceName;
use poem_openapi::Object;

use super::words::RunnerStatus;
use crate::error::ApiError;
use crate::fields::Fields;

/// A runner's status to be set.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct RunnerStatusPatch {
    /// What the runner is doing.
    pub status: RunnerStatus,
}

/// A copy of a runner.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct RunnerClone {
    /// The copy's name, unique in the organisation.
    #[oai(validator(max_length = 64))]
    name: String,
}

impl RunnerClone {
    /// Checks the name.
    pub fn parse(self) -> Result<String, ApiError> {
        let mut fields = Fields::default();
        fields.parse::<ResourceName>("name", &self.name);
        fields.finish()?;
        Ok(self.name)
    }
}

/// A sample job, as the sandbox took it.
#[derive(Debug, Object)]
pub struct SampleJobView {
    /// Its id in the sandbox.
    pub job_id: u64,
    /// Its name, as runners and logs show it.
    pub name: String,
    /// Where it waits: the runner's repository or organisation.
    pub target: String,
    /// The labels that a runner must have to get it: this runner's.
    pub labels: Vec<String>,
    /// How long it runs, in seconds.
    pub duration_secs: u32,
}
