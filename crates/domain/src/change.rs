//! What is told on an organisation's event stream after a change was committed. A hint, not the truth:
//! who reads it asks the database again.

use serde::{Deserialize, Serialize};

use crate::ids::{CredentialId, InstanceId, NodeId, RunnerId, UserId};
use crate::instance::{InstanceState, InstanceStatus};
use crate::node::NodeStatus;
use crate::runner::RunnerStatus;

/// The field of a stream entry that holds the [`Change`] as JSON.
pub const CHANGE_FIELD: &str = "change";

/// One committed change. In JSON, `kind` says which: `{"kind":"node_changed","node_id":"…","status":"active"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// An instance was created, moved on, or its runner's status changed.
    InstanceChanged {
        /// Its runner.
        runner_id: RunnerId,
        /// The instance.
        instance_id: InstanceId,
        /// Its state now.
        state: InstanceState,
        /// Its status now.
        status: InstanceStatus,
    },
    /// An entry was added to an instance's timeline without a change of state.
    InstanceNoted {
        /// Its runner.
        runner_id: RunnerId,
        /// The instance.
        instance_id: InstanceId,
    },
    /// An instance was measured.
    MetricsSampled {
        /// Its runner.
        runner_id: RunnerId,
        /// The instance.
        instance_id: InstanceId,
    },
    /// A runner was created, changed or deleted, or its status changed.
    RunnerChanged {
        /// The runner.
        runner_id: RunnerId,
        /// Its status now.
        status: RunnerStatus,
    },
    /// A node was created, changed or deleted, or its status changed.
    NodeChanged {
        /// The node.
        node_id: NodeId,
        /// Its status now.
        status: NodeStatus,
    },
    /// A credential was created, changed or deleted.
    CredentialChanged {
        /// The credential.
        credential_id: CredentialId,
    },
    /// Somebody joined or left the organisation, or may do more or less there.
    MemberChanged {
        /// The member.
        user_id: UserId,
    },
    /// An invitation was made or withdrawn. Only admins see invitations, so it is not said which.
    InvitationsChanged,
    /// The organisation itself was changed.
    OrgChanged,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_its_kind_ids_state_and_status() {
        let change = Change::InstanceChanged {
            runner_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            instance_id: "01890a5d-ac96-774b-bcce-b302099a8058".parse().unwrap(),
            state: InstanceState::Running,
            status: InstanceStatus::Idle,
        };
        let json = serde_json::to_string(&change).unwrap();
        assert_eq!(
            json,
            r#"{"kind":"instance_changed","runner_id":"01890a5d-ac96-774b-bcce-b302099a8057","instance_id":"01890a5d-ac96-774b-bcce-b302099a8058","state":"running","status":"idle"}"#
        );
        assert_eq!(serde_json::from_str::<Change>(&json).unwrap(), change);
    }

    #[test]
    fn a_change_without_an_id_is_its_kind_alone() {
        let json = serde_json::to_string(&Change::InvitationsChanged).unwrap();
        assert_eq!(json, r#"{"kind":"invitations_changed"}"#);
    }
}
