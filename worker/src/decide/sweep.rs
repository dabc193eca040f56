//! Which containers are left-overs.

use chrono::{DateTime, TimeDelta, Utc};
use domain::instance::InstanceState;

/// How long a state must have lasted before a container that should not exist in it is a left-over: a job
/// may be about to remove it.
const GRACE: TimeDelta = TimeDelta::minutes(2);

/// What the database knows of a container's instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its state.
    pub state: InstanceState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Whether it is on the node that the container was found on.
    pub on_this_node: bool,
    /// Whether a run of a task acts on it at the moment.
    pub leased: bool,
}

/// Whether a container that carries our installation's label may be removed. `known` is what the database
/// holds of the instance its label names; no row at all means that the row is long gone.
pub fn is_left_over(known: Option<&Known>, created_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    match known {
        // A row is written before its container is made, so a container without one has lost it.
        None => created_at.is_some_and(|at| now - at > GRACE),
        Some(known) if known.leased => false,
        Some(known) => match known.state {
            InstanceState::Removed | InstanceState::Stopped | InstanceState::Failed => {
                now - known.since > GRACE
            }
            InstanceState::Pending
            | InstanceState::Creating
            | InstanceState::Starting
            | InstanceState::Running
            | InstanceState::Draining
            | InstanceState::Stopping => !known.on_this_node && now - known.since > GRACE,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
    }

    fn known(state: InstanceState) -> Known {
        Known {
            state,
            since: at(0),
            on_this_node: true,
            leased: false,
        }
    }

    #[test]
    fn only_containers_of_instances_without_one_are_left_overs() {
        use InstanceState::{Failed, Removed, Stopped};
        for state in InstanceState::ALL {
            let expected = [Removed, Stopped, Failed].contains(&state);
            assert_eq!(
                is_left_over(Some(&known(state)), Some(at(0)), at(1000)),
                expected,
                "{state}"
            );
        }
    }

    #[test]
    fn a_container_without_a_row_goes_once_it_is_not_new() {
        assert!(is_left_over(None, Some(at(0)), at(1000)));
        assert!(!is_left_over(None, Some(at(0)), at(10)));
        assert!(!is_left_over(None, None, at(1000)), "its age is not known");
    }

    #[test]
    fn what_a_job_works_on_or_has_just_left_is_not_touched() {
        let leased = Known {
            leased: true,
            ..known(InstanceState::Removed)
        };
        assert!(!is_left_over(Some(&leased), Some(at(0)), at(1000)));
        assert!(!is_left_over(
            Some(&known(InstanceState::Removed)),
            Some(at(0)),
            at(60)
        ));
    }
}
