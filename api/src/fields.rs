//! Turning a request's texts into domain values, with every invalid field reported at once.
//!
//! ```ignore
//! let mut fields = Fields::default();
//! let name = fields.parse::<ResourceName>("name", &dto.name);
//! let image = fields.parse::<ImageRef>("docker_image", &dto.docker_image);
//! let (Some(name), Some(image), true) = (name, image, fields.is_clean()) else {
//!     return Err(fields.into_error());
//! };
//! ```

use std::fmt::Display;
use std::str::FromStr;

use crate::error::{ApiError, FieldError};

/// Collects the invalid fields of one request.
#[derive(Debug, Default)]
pub struct Fields {
    errors: Vec<FieldError>,
}

impl Fields {
    /// Parses a field; `None` notes it as invalid.
    pub fn parse<T: FromStr<Err: Display>>(&mut self, field: &str, text: &str) -> Option<T> {
        self.check(field, text.parse())
    }

    /// Parses a field that may be absent: `Some(None)` when it is, `None` when it is invalid.
    pub fn parse_optional<T: FromStr<Err: Display>>(
        &mut self,
        field: &str,
        text: Option<&str>,
    ) -> Option<Option<T>> {
        match text {
            None => Some(None),
            Some(text) => self.parse(field, text).map(Some),
        }
    }

    /// Takes a value that was parsed elsewhere; `None` notes it as invalid.
    pub fn check<T, E: Display>(&mut self, field: &str, value: Result<T, E>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(field, error.to_string());
                None
            }
        }
    }

    /// Notes a field as invalid. `message` continues "`field` …" and says what would be right.
    pub fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.refuse_as(field, "invalid", message);
    }

    /// Notes a field with a code other than `invalid`.
    pub fn refuse_as(&mut self, field: &str, code: &str, message: impl Into<String>) {
        self.errors.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
            code: Some(code.to_owned()),
        });
    }

    /// Notes what was found elsewhere.
    pub fn add(&mut self, error: FieldError) {
        self.errors.push(error);
    }

    /// The value when no field is invalid; the 422 answer otherwise.
    pub fn finish_with<T>(self, value: Option<T>) -> Result<T, ApiError> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            Some(_) | None => Err(self.into_error()),
        }
    }

    /// Whether no field is invalid so far.
    pub fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    /// `Ok` when no field is invalid.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(self.into_error())
        }
    }

    /// The 422 answer with every invalid field.
    pub fn into_error(self) -> ApiError {
        ApiError::unprocessable(self.errors)
    }
}

#[cfg(test)]
mod tests {
    use domain::org::{DisplayName, OrgType};

    use super::*;
    use crate::error::ProblemJson;

    #[test]
    fn every_invalid_field_is_reported_at_once() {
        let mut fields = Fields::default();
        assert!(fields.parse::<DisplayName>("name", "").is_none());
        assert!(fields.parse::<OrgType>("org_type", "club").is_none());
        let ApiError::Unprocessable(ProblemJson(problem)) = fields.into_error() else {
            panic!()
        };
        let names: Vec<&str> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(names, ["name", "org_type"]);
    }
}
