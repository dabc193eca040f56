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
