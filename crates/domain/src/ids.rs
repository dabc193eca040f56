//! Ids: a UUIDv7 as its hyphenated lower-case text, one type per table so that they can't be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Invalid;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// A fresh id; later ids sort after earlier ones.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7().to_string())
            }

            /// The id as stored in the database.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                // Only the canonical form: two texts must never name one row.
                match Uuid::try_parse(text) {
                    Ok(uuid) if uuid.to_string() == text => Ok(Self(text.to_owned())),
                    _ => Err(Invalid("must be a UUID in its hyphenated lower-case form")),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

id! {
    /// A person with an account.
    UserId,
    /// An organisation, the tenant that owns everything else.
    OrgId,
    /// One person's membership of one organisation.
    OrgUserId,
    /// A Docker engine that runners are placed on.
    NodeId,
    /// A runner definition, from which instances are made.
    RunnerId,
    /// One container that is, was or will be a runner at GitHub.
    InstanceId,
    /// A stored credential for GitHub.
    CredentialId,
    /// One person's look at an instance's log while it is written; nothing stored.
    LogStreamId,
    /// One entry on an instance's timeline.
    EventId,
    /// One line of the audit log.
    AuditId,
    /// One sample of an instance's resource usage.
    SampleId,
    /// One refresh token.
    RefreshTokenId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_itself() {
        let id = InstanceId::new();
        assert_eq!(id.as_str().parse::<InstanceId>(), Ok(id));
    }

    #[test]
    fn other_spellings_of_a_uuid_are_refused() {
        let id = NodeId::new().to_string();
        for text in [
            id.to_uppercase(),
            id.replace('-', ""),
            format!("{{{id}}}"),
            format!("{id} "),
            String::new(),
        ] {
            assert!(text.parse::<NodeId>().is_err(), "{text:?} was accepted");
        }
    }
}
