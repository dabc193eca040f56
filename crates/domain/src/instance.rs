//! An instance's two axes: its lifecycle ([`InstanceState`]) and what the runner in it is
//! ([`InstanceStatus`]). The lifecycle's edges are data ([`InstanceState::successors`]); the database
//! layer enforces them by compare-and-set.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Invalid;

/// Where an instance stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// The row exists; no worker has taken it yet.
    Pending,
    /// A worker holds the lease and prepares the image, the registration and the container.
    Creating,
    /// The container was started; the runner has not been seen online yet.
    Starting,
    /// The runner has been seen online.
    Running,
    /// It is to go; it may still be running a job, which is never killed.
    Draining,
    /// GitHub no longer knows the runner; the container is being stopped and removed.
    Stopping,
    /// No container and no registration; the row is kept so that it can be started again.
    Stopped,
    /// Gone for good.
    Removed,
    /// It can't go on by itself; the reason is stored beside the state.
    Failed,
}

/// What happens when a transient state outlives its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// The task that moves the state on is sent again: it may have been lost.
    Resend,
    /// The instance fails with this reason.
    Fail(&'static str),
}

impl InstanceState {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Creating,
        Self::Starting,
        Self::Running,
        Self::Draining,
        Self::Stopping,
        Self::Stopped,
        Self::Removed,
        Self::Failed,
    ];

    /// The states that may directly follow this one.
    pub const fn successors(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Creating, Self::Draining, Self::Failed],
            // Back to pending: the attempt failed in a way that a later attempt may not.
            Self::Creating => &[Self::Starting, Self::Pending, Self::Draining, Self::Failed],
            Self::Starting => &[Self::Running, Self::Draining, Self::Failed],
            Self::Running => &[Self::Draining, Self::Failed],
            Self::Draining => &[Self::Stopping, Self::Failed],
            // Back to pending: the instance is being restarted.
            Self::Stopping => &[Self::Stopped, Self::Removed, Self::Pending, Self::Failed],
            Self::Stopped => &[Self::Pending, Self::Draining],
            Self::Failed => &[Self::Pending, Self::Draining],
            Self::Removed => &[],
        }
    }

    /// Whether `next` may directly follow this state.
    pub fn can_become(self, next: Self) -> bool {
        self.successors().contains(&next)
    }

    /// How long this state may last before [`Overdue`] applies; `None` where it may last.
    pub fn deadline(self) -> Option<(TimeDelta, Overdue)> {
        match self {
            Self::Pending => Some((TimeDelta::seconds(60), Overdue::Resend)),
            // Longer than the longest pull of an image (10 minutes).
            Self::Creating => Some((TimeDelta::minutes(15), Overdue::Resend)),
            Self::Starting => Some((
                TimeDelta::minutes(5),
                Overdue::Fail(
                    "The runner did not come online within 5 minutes of its container's start. Its log says why.",
                ),
            )),
            Self::Draining => Some((TimeDelta::seconds(60), Overdue::Resend)),
            Self::Stopping => Some((TimeDelta::minutes(2), Overdue::Resend)),
            Self::Running | Self::Stopped | Self::Removed | Self::Failed => None,
        }
    }

    /// Whether a container of this instance may exist and should be looked at.
    pub const fn is_live(self) -> bool {
        match self {
            Self::Starting | Self::Running | Self::Draining => true,
            Self::Pending
            | Self::Creating
            | Self::Stopping
            | Self::Stopped
            | Self::Removed
            | Self::Failed => false,
        }
    }

    /// Whether the instance takes up room: it counts against a node's capacity and a runner's maximum.
    pub const fn takes_room(self) -> bool {
        match self {
            Self::Pending
            | Self::Creating
            | Self::Starting
            | Self::Running
            | Self::Draining
            | Self::Stopping => true,
            Self::Stopped | Self::Removed | Self::Failed => false,
        }
    }

    /// The name stored in the database and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Creating => "creating",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Removed => "removed",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for InstanceState {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(Invalid("is not an instance state"))
    }
}

impl std::fmt::Display for InstanceState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a person wants of an instance; its state follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DesiredState {
    /// A registered runner in a running container.
    Running,
    /// No container and no registration, but ready to be started again.
    Stopped,
    /// Gone.
    Removed,
}

impl DesiredState {
    /// The name stored in the database and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Removed => "removed",
        }
    }

    /// Where [`InstanceState::Stopping`] leads under this wish.
    pub const fn after_stopping(self) -> InstanceState {
        match self {
            Self::Running => InstanceState::Pending,
            Self::Stopped => InstanceState::Stopped,
            Self::Removed => InstanceState::Removed,
        }
    }
}

impl std::str::FromStr for DesiredState {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        [Self::Running, Self::Stopped, Self::Removed]
            .into_iter()
            .find(|desired| desired.as_str() == text)
            .ok_or(Invalid("must be running, stopped or removed"))
    }
}

/// What the runner in an instance is, as last reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceStatus {
    /// Connected to GitHub; whether it runs a job is not known.
    Online,
    /// Not connected, or its status has expired.
    Offline,
    /// Running a job.
    Busy,
    /// Connected and waiting for a job.
    Idle,
}

impl InstanceStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Online, Self::Offline, Self::Busy, Self::Idle];

    /// The name stored in Redis and the database and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Busy => "busy",
            Self::Idle => "idle",
        }
    }

    /// Whether the runner is connected to GitHub.
    pub const fn is_connected(self) -> bool {
        match self {
            Self::Online | Self::Busy | Self::Idle => true,
            Self::Offline => false,
        }
    }
}

impl std::str::FromStr for InstanceStatus {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(Invalid("must be online, offline, busy or idle"))
    }
}

impl std::fmt::Display for InstanceStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_state_but_removed_can_reach_removed() {
        for start in InstanceState::ALL {
            let mut seen = HashSet::from([start]);
            let mut open = vec![start];
            while let Some(state) = open.pop() {
                for next in state.successors() {
                    if seen.insert(*next) {
                        open.push(*next);
                    }
                }
            }
            assert!(
                seen.contains(&InstanceState::Removed),
                "{start} can never be removed"
            );
        }
    }

    #[test]
    fn nothing_follows_removed() {
        assert!(InstanceState::Removed.successors().is_empty());
    }

    #[test]
    fn a_running_instance_drains_before_its_container_is_stopped() {
        assert!(!InstanceState::Running.can_become(InstanceState::Stopping));
        assert!(InstanceState::Running.can_become(InstanceState::Draining));
    }

    #[test]
    fn every_state_that_should_pass_has_a_deadline() {
        use InstanceState::{Failed, Removed, Running, Stopped};
        for state in InstanceState::ALL {
            let lasting = [Running, Stopped, Removed, Failed].contains(&state);
            assert_eq!(state.deadline().is_none(), lasting, "{state}");
        }
    }

    #[test]
    fn each_wish_leads_from_stopping_to_an_allowed_state() {
        for desired in [
            DesiredState::Running,
            DesiredState::Stopped,
            DesiredState::Removed,
        ] {
            assert!(InstanceState::Stopping.can_become(desired.after_stopping()));
        }
    }

    #[test]
    fn names_read_back() {
        for state in InstanceState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        for status in InstanceStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
    }
}
