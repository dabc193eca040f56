//! Who may do what inside an organisation: the roles, and the one catalogue of permission names that
//! the API checks, the documentation lists and the page shows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Invalid;

/// A person's standing in an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May do everything in the organisation.
    Admin,
    /// May read, and do what its permissions grant.
    Member,
}

impl Role {
    /// The name stored in the database and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        [Self::Admin, Self::Member]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(Invalid("must be admin or member"))
    }
}

macro_rules! permissions {
    ($($variant:ident = $name:literal, $says:literal;)+) => {
        /// Something a member may be granted. What is not in this list (members, settings and the audit
        /// log of the organisation) only an admin may do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Permission {
            $(#[doc = $says] $variant,)+
        }

        impl Permission {
            /// The whole catalogue.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name stored in the database and shown by the API.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it allows, as one sentence.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $says,)+ }
            }
        }
    };
}

permissions! {
    CreateRunner = "create_runner", "Create and clone runners.";
    UpdateRunner = "update_runner", "Change runners and set their status.";
    DeleteRunner = "delete_runner", "Delete runners.";
    CreateInstance = "create_instance", "Create instances of runners.";
    UpdateInstance = "update_instance", "Change, start, stop and restart instances and set their status.";
    DeleteInstance = "delete_instance", "Delete instances.";
    ViewLogs = "view_logs", "Read the logs of instances.";
    CreateNode = "create_node", "Add nodes.";
    UpdateNode = "update_node", "Change and check nodes.";
    DeleteNode = "delete_node", "Remove nodes.";
    CreateCredential = "create_credential", "Add GitHub credentials.";
    UpdateCredential = "update_credential", "Change GitHub credentials.";
    DeleteCredential = "delete_credential", "Remove GitHub credentials.";
}

impl std::str::FromStr for Permission {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .iter()
            .copied()
            .find(|permission| permission.as_str() == text)
            .ok_or(Invalid("is not a permission; GET /common/permissions lists them"))
    }
}

/// What a member has been granted. What is absent is not granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Permissions(BTreeMap<Permission, bool>);

impl Permissions {
    /// Exactly these.
    pub fn granting(granted: impl IntoIterator<Item = Permission>) -> Self {
        Self(granted.into_iter().map(|permission| (permission, true)).collect())
    }

    /// Whether this is granted.
    pub fn grants(&self, permission: Permission) -> bool {
        self.0.get(&permission) == Some(&true)
    }

    /// The form stored in the database and shown by the API: every name with true or false.
    pub fn to_json(&self) -> Value {
        Permission::ALL
            .iter()
            .map(|p| (p.as_str().to_owned(), Value::Bool(self.grants(*p))))
            .collect()
    }
}

impl TryFrom<&Value> for Permissions {
    type Error = Invalid;

    /// Only an object of known names and booleans is accepted.
    fn try_from(value: &Value) -> Result<Self, Invalid> {
        let object = value
            .as_object()
            .ok_or(Invalid("must be an object of permission names and booleans"))?;
        object
            .iter()
            .map(|(name, granted)| {
                let granted = granted
                    .as_bool()
                    .ok_or(Invalid("each permission must be true or false"))?;
                Ok((name.parse()?, granted))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// What the caller of a request may do in one organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// The caller's role.
    pub role: Role,
    /// The caller's grants; of no effect for an admin.
    pub permissions: Permissions,
}

impl Rights {
    /// Whether the caller may do this.
    pub fn allow(&self, permission: Permission) -> bool {
        match self.role {
            Role::Admin => true,
            Role::Member => self.permissions.grants(permission),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn what_is_absent_is_not_granted() {
        let permissions =
            Permissions::try_from(&json!({"create_runner": true, "delete_runner": false})).unwrap();
        assert!(permissions.grants(Permission::CreateRunner));
        assert!(!permissions.grants(Permission::DeleteRunner));
        assert!(!permissions.grants(Permission::CreateNode));
    }

    #[test]
    fn unknown_names_and_values_that_are_not_booleans_are_refused() {
        for value in [
            json!({"root": true}),
            json!({"create_runner": 1}),
            json!({"create_runner": "true"}),
            json!([]),
            json!(null),
        ] {
            assert!(Permissions::try_from(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn an_admin_needs_no_grant_and_a_member_does() {
        let admin = Rights {
            role: Role::Admin,
            permissions: Permissions::default(),
        };
        let member = Rights {
            role: Role::Member,
            permissions: Permissions::granting([Permission::ViewLogs]),
        };
        for permission in Permission::ALL {
            assert!(admin.allow(*permission));
            assert_eq!(member.allow(*permission), *permission == Permission::ViewLogs);
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from)
        ];
        leaf.prop_recursive(2, 8, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z_]{0,16}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_json_grants_more_than_its_true_entries(value in any_json()) {
            if let Ok(permissions) = Permissions::try_from(&value) {
                for permission in Permission::ALL {
                    prop_assert_eq!(permissions.grants(*permission), value[permission.as_str()] == true);
                }
            }
        }
    }
}
