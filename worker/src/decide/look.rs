//! What a look at an instance means: the runner's status, and what has to happen.

use chrono::{DateTime, TimeDelta, Utc};
use domain::instance::{InstanceState, InstanceStatus};

use super::log_hint::{Activity, LogHint};

/// How long an ephemeral runner may take to end after its job, and a runner to be listed after its start,
/// before its absence at GitHub means that it is a ghost.
const GHOST_GRACE: TimeDelta = TimeDelta::seconds(60);

/// The container, as its engine tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerSeen {
    /// There is none.
    Missing,
    /// It was made but never started.
    Created,
    /// It runs, since then.
    Running(Option<DateTime<Utc>>),
    /// It has ended.
    Ended,
}

/// The runner, as GitHub tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerSeen {
    /// Nobody can ask: there is no credential, or GitHub did not answer.
    Unknown,
    /// GitHub surely does not know it.
    Absent,
    /// GitHub knows it.
    Present {
        /// It holds a connection.
        online: bool,
        /// It runs a job.
        busy: bool,
    },
}

/// All that was seen in one look.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The state by the database.
    pub state: InstanceState,
    /// The status by the database.
    pub previous: InstanceStatus,
    /// The container.
    pub container: ContainerSeen,
    /// The runner at GitHub.
    pub runner: RunnerSeen,
    /// What the runner's log says.
    pub hint: Option<LogHint>,
    /// Whether the runner was registered before its container started (a JIT configuration), so that it
    /// must be known to GitHub from the start.
    pub registered_before_start: bool,
    /// When the look was taken.
    pub now: DateTime<Utc>,
}

/// What has to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Nothing,
    /// The runner came online for the first time.
    BecomeRunning,
    /// The container ended or is gone: find out why.
    Conclude,
    /// It is draining and there is nothing left to wait for.
    FinishDraining,
    /// The container runs on, but GitHub no longer knows the runner: it will never get a job again.
    ReplaceGhost,
}

/// The runner's status after a look, and what has to happen.
pub fn judge(look: &Look) -> (InstanceStatus, Action) {
    match look.container {
        ContainerSeen::Missing | ContainerSeen::Created | ContainerSeen::Ended => {
            let action = match look.state {
                InstanceState::Draining => Action::FinishDraining,
                InstanceState::Starting | InstanceState::Running => Action::Conclude,
                InstanceState::Pending
                | InstanceState::Creating
                | InstanceState::Stopping
                | InstanceState::Stopped
                | InstanceState::Removed
                | InstanceState::Failed => Action::Nothing,
            };
            (InstanceStatus::Offline, action)
        }
        ContainerSeen::Running(started_at) => {
            let status = next_status(look);
            let action = match look.state {
                InstanceState::Starting if status.is_connected() => Action::BecomeRunning,
                InstanceState::Starting if look.registered_before_start && is_ghost(look, started_at) => {
                    Action::ReplaceGhost
                }
                InstanceState::Running if is_ghost(look, started_at) => Action::ReplaceGhost,
                InstanceState::Starting
                | InstanceState::Running
                | InstanceState::Draining
                | InstanceState::Pending
                | InstanceState::Creating
                | InstanceState::Stopping
                | InstanceState::Stopped
                | InstanceState::Removed
                | InstanceState::Failed => Action::Nothing,
            };
            (status, action)
        }
    }
}

/// The status of a runner whose container runs. GitHub's word goes before the log's.
pub fn next_status(look: &Look) -> InstanceStatus {
    match look.runner {
        RunnerSeen::Present { online: false, .. } => InstanceStatus::Offline,
        RunnerSeen::Present { busy: true, .. } => InstanceStatus::Busy,
        RunnerSeen::Present { .. } => InstanceStatus::Idle,
        // Unlisted while its log says that a job runs: it was removed under way, the job goes on.
        RunnerSeen::Absent => match look.hint.and_then(|hint| hint.activity) {
            Some(Activity::Running) => InstanceStatus::Busy,
            Some(Activity::Listening | Activity::Completed) | None => InstanceStatus::Offline,
        },
        RunnerSeen::Unknown => by_log(look),
    }
}

/// The status by the log alone.
fn by_log(look: &Look) -> InstanceStatus {
    let activity = look.hint.and_then(|hint| hint.activity);
    match (activity, look.hint.map(|hint| hint.connected)) {
        // Also without a connection: the job runs on, and the runner must not be taken for a free one.
        (Some(Activity::Running), _) => InstanceStatus::Busy,
        (_, Some(false)) => InstanceStatus::Offline,
        (Some(Activity::Listening | Activity::Completed), _) => InstanceStatus::Idle,
        // The line may have scrolled out of what was read: what was known stays true.
        (None, None) if look.state == InstanceState::Running => look.previous,
        (None, None) => InstanceStatus::Offline,
        (None, Some(true)) => match look.previous {
            InstanceStatus::Offline => InstanceStatus::Online,
            InstanceStatus::Online | InstanceStatus::Busy | InstanceStatus::Idle => look.previous,
        },
    }
}

/// Whether the runner can get no job any more although its container runs (actions/runner#4617). Never
/// while the log says that a job runs.
fn is_ghost(look: &Look, started_at: Option<DateTime<Utc>>) -> bool {
    if look.runner != RunnerSeen::Absent {
        return false;
    }
    let quiet_since = match look.hint {
        Some(LogHint {
            activity: Some(Activity::Running),
            ..
        }) => return false,
        Some(LogHint {
            activity: Some(Activity::Listening),
            ..
        }) if look.state == InstanceState::Running => return true,
        Some(LogHint { at, .. }) => Some(at),
        None => started_at,
    };
    quiet_since.is_some_and(|since| look.now - since > GHOST_GRACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
    }

    fn hint(activity: Activity, second: i64) -> LogHint {
        LogHint {
            activity: Some(activity),
            connected: true,
            at: at(second),
        }
    }

    fn running() -> Look {
        Look {
            state: InstanceState::Running,
            previous: InstanceStatus::Idle,
            container: ContainerSeen::Running(Some(at(0))),
            runner: RunnerSeen::Present {
                online: true,
                busy: false,
            },
            hint: None,
            registered_before_start: true,
            now: at(300),
        }
    }

    #[test]
    fn githubs_word_goes_before_the_logs() {
        let look = Look {
            hint: Some(hint(Activity::Running, 1)),
            ..running()
        };
        assert_eq!(judge(&look), (InstanceStatus::Idle, Action::Nothing));
        let busy = RunnerSeen::Present {
            online: true,
            busy: true,
        };
        assert_eq!(
            judge(&Look {
                runner: busy,
                ..running()
            })
            .0,
            InstanceStatus::Busy
        );
        let offline = RunnerSeen::Present {
            online: false,
            busy: true,
        };
        assert_eq!(
            judge(&Look {
                runner: offline,
                ..running()
            })
            .0,
            InstanceStatus::Offline
        );
    }

    #[test]
    fn without_github_the_log_decides_and_silence_changes_nothing() {
        for (activity, expected) in [
            (Activity::Listening, InstanceStatus::Idle),
            (Activity::Running, InstanceStatus::Busy),
            (Activity::Completed, InstanceStatus::Idle),
        ] {
            let look = Look {
                runner: RunnerSeen::Unknown,
                hint: Some(hint(activity, 1)),
                ..running()
            };
            assert_eq!(judge(&look), (expected, Action::Nothing), "{activity:?}");
        }
        let silent = Look {
            runner: RunnerSeen::Unknown,
            previous: InstanceStatus::Busy,
            ..running()
        };
        assert_eq!(judge(&silent).0, InstanceStatus::Busy);
        let starting = Look {
            state: InstanceState::Starting,
            ..silent
        };
        assert_eq!(judge(&starting), (InstanceStatus::Offline, Action::Nothing));
    }

    #[test]
    fn a_lost_connection_ends_no_job() {
        let unknown = Look {
            runner: RunnerSeen::Unknown,
            ..running()
        };
        let of = |activity, connected| LogHint {
            activity,
            connected,
            at: at(1),
        };
        for (activity, connected, expected) in [
            (Some(Activity::Running), false, InstanceStatus::Busy),
            (Some(Activity::Running), true, InstanceStatus::Busy),
            (Some(Activity::Listening), false, InstanceStatus::Offline),
            (Some(Activity::Completed), false, InstanceStatus::Offline),
            (None, false, InstanceStatus::Offline),
            (None, true, InstanceStatus::Idle),
        ] {
            let hint = Some(of(activity, connected));
            assert_eq!(judge(&Look { hint, ..unknown }).0, expected, "{hint:?}");
        }
        // GitHub has forgotten it, but its job is not over by the log.
        let forgotten = Look {
            runner: RunnerSeen::Absent,
            hint: Some(of(Some(Activity::Running), true)),
            ..running()
        };
        assert_eq!(judge(&forgotten), (InstanceStatus::Busy, Action::Nothing));
    }

    #[test]
    fn the_first_time_online_makes_it_running() {
        let look = Look {
            state: InstanceState::Starting,
            ..running()
        };
        assert_eq!(judge(&look), (InstanceStatus::Idle, Action::BecomeRunning));
    }

    #[test]
    fn an_ended_or_missing_container_is_concluded_or_finishes_draining() {
        for container in [
            ContainerSeen::Missing,
            ContainerSeen::Ended,
            ContainerSeen::Created,
        ] {
            for (state, expected) in [
                (InstanceState::Starting, Action::Conclude),
                (InstanceState::Running, Action::Conclude),
                (InstanceState::Draining, Action::FinishDraining),
                (InstanceState::Creating, Action::Nothing),
            ] {
                let look = Look {
                    state,
                    container,
                    ..running()
                };
                assert_eq!(judge(&look), (InstanceStatus::Offline, expected), "{state}");
            }
        }
    }

    #[test]
    fn a_listening_runner_that_github_forgot_is_a_ghost() {
        let ghost = Look {
            runner: RunnerSeen::Absent,
            hint: Some(hint(Activity::Listening, 1)),
            ..running()
        };
        assert_eq!(judge(&ghost), (InstanceStatus::Offline, Action::ReplaceGhost));
    }

    #[test]
    fn a_busy_or_just_finished_runner_is_never_taken_for_a_ghost() {
        let absent = Look {
            runner: RunnerSeen::Absent,
            ..running()
        };
        let busy = Look {
            hint: Some(hint(Activity::Running, 1)),
            ..absent
        };
        assert_eq!(judge(&busy), (InstanceStatus::Busy, Action::Nothing));
        // GitHub drops an ephemeral runner with its job's end, the container ends a moment later.
        let just_done = Look {
            hint: Some(hint(Activity::Completed, 290)),
            ..absent
        };
        assert_eq!(judge(&just_done).1, Action::Nothing);
        let long_done = Look {
            hint: Some(hint(Activity::Completed, 100)),
            ..absent
        };
        assert_eq!(judge(&long_done).1, Action::ReplaceGhost);
    }

    #[test]
    fn a_runner_that_registers_itself_is_not_missed_before_it_could() {
        let look = Look {
            state: InstanceState::Starting,
            runner: RunnerSeen::Absent,
            registered_before_start: false,
            ..running()
        };
        assert_eq!(judge(&look).1, Action::Nothing);
        let jit = Look {
            registered_before_start: true,
            ..look
        };
        assert_eq!(judge(&jit).1, Action::ReplaceGhost);
        assert_eq!(judge(&Look { now: at(30), ..jit }).1, Action::Nothing);
    }

    #[test]
    fn a_draining_runner_is_only_watched() {
        let look = Look {
            state: InstanceState::Draining,
            runner: RunnerSeen::Absent,
            hint: Some(hint(Activity::Listening, 1)),
            ..running()
        };
        assert_eq!(judge(&look).1, Action::Nothing);
    }
}
