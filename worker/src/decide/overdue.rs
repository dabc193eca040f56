//! What is done about an instance whose state has outlived its deadline.

use domain::ids::InstanceId;
use domain::instance::{InstanceState, Overdue};
use domain::tasks::TaskCall;

/// The cure for an overdue state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cure {
    /// The task that moves the state on is sent again.
    Send(TaskCall),
    /// The instance fails, with this reason.
    Fail(&'static str),
    /// The state may last.
    Nothing,
}

/// The cure for an instance that has been in `state` for longer than its deadline.
pub fn cure(id: InstanceId, state: InstanceState) -> Cure {
    match (state.deadline(), state) {
        (None, _) => Cure::Nothing,
        (Some((_, Overdue::Fail(reason))), _) => Cure::Fail(reason),
        (Some((_, Overdue::Resend)), InstanceState::Pending | InstanceState::Creating) => {
            Cure::Send(TaskCall::RegisterRunner(id))
        }
        (Some((_, Overdue::Resend)), InstanceState::Draining | InstanceState::Stopping) => {
            Cure::Send(TaskCall::UnregisterRunner(id))
        }
        (
            Some((_, Overdue::Resend)),
            InstanceState::Starting
            | InstanceState::Running
            | InstanceState::Stopped
            | InstanceState::Removed
            | InstanceState::Failed,
        ) => Cure::Send(TaskCall::SendHeartbeat(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_transient_state_is_cured_by_the_task_that_moves_it_on() {
        let id = InstanceId::new();
        let register = Cure::Send(TaskCall::RegisterRunner(id.clone()));
        let unregister = Cure::Send(TaskCall::UnregisterRunner(id.clone()));
        for (state, expected) in [
            (InstanceState::Pending, &register),
            (InstanceState::Creating, &register),
            (InstanceState::Draining, &unregister),
            (InstanceState::Stopping, &unregister),
        ] {
            assert_eq!(&cure(id.clone(), state), expected, "{state}");
        }
        assert!(matches!(cure(id, InstanceState::Starting), Cure::Fail(_)));
    }

    #[test]
    fn a_lasting_state_is_left_alone() {
        for state in InstanceState::ALL {
            if state.deadline().is_none() {
                assert_eq!(cure(InstanceId::new(), state), Cure::Nothing, "{state}");
            }
        }
    }
}
