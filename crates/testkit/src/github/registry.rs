//! Registered runners and their sessions.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    issued::new_credential,
    model::{Conclusion, Registration},
    state::State,
};

/// GitHub's own cap of a runner group.
const MAX_RUNNERS_PER_TARGET: usize = 10_000;
/// The simulation's own cap, so that its memory stays bounded.
const MAX_RUNNERS: usize = 20_000;
/// How long a runner counts as connected after its last poll ended; a runner polls again at once.
const POLL_GAP: Duration = Duration::from_secs(2);
/// A session that was silent for this long is over; until then the runner may come back to it.
const SESSION_PATIENCE: Duration = Duration::from_secs(30);
/// Labels that GitHub gives itself and that can't be taken away.
const SYSTEM_LABELS: [&str; 8] = [
    "self-hosted",
    "linux",
    "windows",
    "macos",
    "x64",
    "x86",
    "arm",
    "arm64",
];

/// A registration with what GitHub keeps to itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Runner {
    pub(super) registration: Registration,
    pub(super) credential: String,
    #[serde(skip)]
    pub(super) session: Option<Session>,
    pub(super) last_online: DateTime<Utc>,
}

/// A runner's connection.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: String,
    open_polls: u32,
    last_seen: Instant,
    /// Whether the last look found it alive; a change is news.
    was_alive: bool,
    /// The job that was sent to the runner.
    pub(super) delivered: Option<u64>,
}

/// What to register.
pub(super) struct NewRunner {
    pub(super) target: String,
    pub(super) name: String,
    pub(super) labels: Vec<String>,
    pub(super) default_labels: bool,
    pub(super) runner_group_id: i64,
    pub(super) ephemeral: bool,
    pub(super) os: &'static str,
    pub(super) replace: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum RegisterError {
    Exists,
    GroupFull,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum SessionError {
    Gone,
    Conflict,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Removal {
    Removed,
    Busy,
    Missing,
}

impl Session {
    fn is_alive(&self) -> bool {
        self.open_polls > 0 || self.last_seen.elapsed() < POLL_GAP
    }
}

impl Runner {
    pub(super) fn is_online(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_alive)
    }

    /// The registration as others see it now.
    pub(super) fn view(&self) -> Registration {
        Registration {
            online: self.is_online(),
            ..self.registration.clone()
        }
    }
}

/// Whether GitHub gives this label itself.
pub(super) fn is_system_label(label: &str) -> bool {
    SYSTEM_LABELS
        .iter()
        .any(|system| system.eq_ignore_ascii_case(label))
}

impl State {
    /// Registers a runner and returns it with its credential.
    pub(super) fn register(
        &mut self,
        new: NewRunner,
        now: DateTime<Utc>,
    ) -> Result<(Registration, String), RegisterError> {
        if let Some(existing) = self.id_by_name(&new.target, &new.name) {
            let replaceable = new.replace && !self.runners[&existing].registration.is_busy();
            if !replaceable {
                return Err(RegisterError::Exists);
            }
            self.runners.remove(&existing);
        }
        let in_target = self
            .runners
            .values()
            .filter(|r| r.registration.target == new.target)
            .count();
        if in_target >= MAX_RUNNERS_PER_TARGET || self.runners.len() >= MAX_RUNNERS {
            return Err(RegisterError::GroupFull);
        }
        let (mut system_labels, mut custom_labels) = (Vec::new(), Vec::new());
        if new.default_labels {
            system_labels.extend(["self-hosted", "Linux", "X64"].map(String::from));
        }
        for label in new.labels {
            let list = if is_system_label(&label) {
                &mut system_labels
            } else {
                &mut custom_labels
            };
            if !list
                .iter()
                .any(|known: &String| known.eq_ignore_ascii_case(&label))
            {
                list.push(label);
            }
        }
        let id = self.next_runner_id;
        self.next_runner_id += 1;
        let registration = Registration {
            id,
            target: new.target,
            name: new.name,
            os: new.os.to_owned(),
            system_labels,
            custom_labels,
            runner_group_id: new.runner_group_id,
            ephemeral: new.ephemeral,
            version: None,
            job_id: None,
            online: false,
        };
        let credential = new_credential();
        self.secrets.note("a runner's key", &credential);
        let runner = Runner {
            registration: registration.clone(),
            credential: credential.clone(),
            session: None,
            last_online: now,
        };
        self.runners.insert(id, runner);
        Ok((registration, credential))
    }

    pub(super) fn id_by_name(&self, target: &str, name: &str) -> Option<i64> {
        let same = |r: &Registration| r.target == target && r.name == name;
        self.runners
            .values()
            .find(|runner| same(&runner.registration))
            .map(|runner| runner.registration.id)
    }

    /// The runner `id` of `target`.
    pub(super) fn runner_of(&mut self, target: &str, id: i64) -> Option<&mut Runner> {
        self.runners
            .get_mut(&id)
            .filter(|runner| runner.registration.target == target)
    }

    /// Removes an idle runner, as `DELETE` does.
    pub(super) fn remove(&mut self, target: &str, id: i64) -> Removal {
        match self.runner_of(target, id) {
            None => Removal::Missing,
            Some(runner) if runner.registration.is_busy() => Removal::Busy,
            Some(_) => {
                self.runners.remove(&id);
                Removal::Removed
            }
        }
    }

    /// Opens a session for the runner that holds `credential`.
    pub(super) fn open_session(
        &mut self,
        credential: &str,
        version: &str,
        now: DateTime<Utc>,
    ) -> Result<String, SessionError> {
        let runner = self
            .runners
            .values_mut()
            .find(|runner| runner.credential == credential)
            .ok_or(SessionError::Gone)?;
        if runner.is_online() {
            return Err(SessionError::Conflict);
        }
        let id = uuid::Uuid::new_v4().to_string();
        runner.session = Some(Session {
            id: id.clone(),
            open_polls: 0,
            last_seen: Instant::now(),
            was_alive: true,
            delivered: None,
        });
        runner.last_online = now;
        "linux".clone_into(&mut runner.registration.os);
        runner.registration.version = Some(version.chars().take(32).collect());
        // A restarted runner doesn't know of the job it had.
        if let Some(job_id) = runner.registration.job_id {
            self.finish_job(job_id, Conclusion::Abandoned, now);
        }
        Ok(id)
    }

    /// Ends a session; a job that still runs on it is over.
    pub(super) fn close_session(&mut self, session_id: &str, now: DateTime<Utc>) -> bool {
        let Some(runner) = self.by_session(session_id) else {
            return false;
        };
        runner.session = None;
        runner.last_online = now;
        if let Some(job_id) = runner.registration.job_id {
            self.finish_job(job_id, Conclusion::Canceled, now);
        }
        true
    }

    pub(super) fn by_session(&mut self, session_id: &str) -> Option<&mut Runner> {
        self.runners
            .values_mut()
            .find(|r| r.session.as_ref().is_some_and(|session| session.id == session_id))
    }

    /// Notes that a poll of the session began (+1) or ended (-1).
    pub(super) fn count_poll(&mut self, session_id: &str, begins: bool, now: DateTime<Utc>) {
        let Some(runner) = self.by_session(session_id) else {
            return;
        };
        runner.last_online = now;
        if let Some(session) = &mut runner.session {
            session.last_seen = Instant::now();
            session.open_polls = if begins {
                session.open_polls + 1
            } else {
                session.open_polls.saturating_sub(1)
            };
        }
    }

    /// Ends what ran out: silent sessions, jobs of vanished runners, registrations nobody used for long.
    pub(super) fn expire(&mut self, now: DateTime<Utc>) -> bool {
        let mut changed = false;
        let mut lost_jobs = Vec::new();
        for runner in self.runners.values_mut() {
            if let Some(session) = &mut runner.session {
                let alive = session.is_alive();
                changed |= session.was_alive != alive;
                session.was_alive = alive;
                if session.last_seen.elapsed() >= SESSION_PATIENCE && !alive {
                    runner.session = None;
                    changed = true;
                }
            }
            if !runner.is_online() && now - runner.last_online >= super::jobs::LOST_JOB_AFTER {
                lost_jobs.extend(runner.registration.job_id);
            }
        }
        for job_id in lost_jobs {
            self.finish_job(job_id, Conclusion::Abandoned, now);
            changed = true;
        }
        let before = self.runners.len();
        // GitHub's own housekeeping of runners that stay away.
        self.runners.retain(|_, runner| {
            let patience = TimeDelta::days(if runner.registration.ephemeral { 1 } else { 14 });
            runner.is_online() || now - runner.last_online < patience
        });
        changed || self.runners.len() != before
    }
}
