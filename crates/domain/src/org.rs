//! Organisations and the values that name people and things.

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// What an organisation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrgType {
    /// One person's own.
    Personal,
    /// A team's.
    Organization,
}

impl OrgType {
    /// The name stored in the database and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Organization => "organization",
        }
    }
}

impl std::str::FromStr for OrgType {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        [Self::Personal, Self::Organization]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(Invalid("must be personal or organization"))
    }
}

/// A name that people read: of a person or an organisation. Trimmed, 1 to 100 characters, none of
/// them a control character (PostgreSQL refuses NUL, logs and terminals misread the others).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// The trimmed text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for DisplayName {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > 100 {
            return Err(Invalid("must have 1 to 100 characters"));
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid("must not contain control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A name that machines read too: of a runner or a node. `[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`, so that
/// it can stand in a container's name and in GitHub's runner name as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceName(String);

impl ResourceName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ResourceName {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let rest_is_plain = text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        if starts_well && rest_is_plain && text.len() <= 64 {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid(
                "must be 1 to 64 letters, digits, `_`, `.` or `-`, and start with a letter or digit",
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_name_is_trimmed_and_keeps_any_script() {
        assert_eq!(
            "  Zoë 株式会社 ".parse::<DisplayName>().unwrap().as_str(),
            "Zoë 株式会社"
        );
    }

    #[test]
    fn empty_long_and_control_names_are_refused() {
        for text in ["", "   ", "a\0b", "a\nb", &"x".repeat(101)] {
            assert!(text.parse::<DisplayName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_resource_name_can_stand_in_a_container_name() {
        for good in ["a", "linux-x64", "A.b_c-9", &"x".repeat(64)] {
            assert!(good.parse::<ResourceName>().is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "-a",
            ".a",
            "a b",
            "a/b",
            "../x",
            "a?force=true",
            "ä",
            &"x".repeat(65),
        ] {
            assert!(bad.parse::<ResourceName>().is_err(), "{bad:?}");
        }
    }
}
