//! The whole state behind one lock, and the news that it changed.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use chrono::{DateTime, Utc};
use domain::Clock;
use tokio::sync::watch;

use super::{
    access::Pat,
    clock::MovableClock,
    fault::Fault,
    issued::{Secrets, Tokens},
    model::{Job, LoggedRequest},
    rate::Budgets,
    registry::Runner,
};

/// The request log keeps this many requests.
const MAX_LOG: usize = 2_000;

/// Everything the simulation knows; its rules are in `registry` and `jobs`.
pub(super) struct State {
    pub(super) next_runner_id: i64,
    pub(super) next_job_id: u64,
    pub(super) runners: BTreeMap<i64, Runner>,
    /// Oldest first.
    pub(super) jobs: BTreeMap<u64, Job>,
    pub(super) tokens: Tokens,
    pub(super) secrets: Secrets,
    pub(super) pats: Vec<Pat>,
    pub(super) script: Vec<Fault>,
    pub(super) budgets: Budgets,
    pub(super) log: VecDeque<LoggedRequest>,
    /// How many requests were logged since the start; the first one kept has number `logged - log.len()`.
    logged: usize,
}

/// The state with its lock, its clock and its news.
pub(super) struct Simulation {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    pub(super) clock: MovableClock,
    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub(super) root: String,
}

impl Simulation {
    pub(super) fn new(root: String, clock: MovableClock, pats: Vec<Pat>) -> Self {
        let state = State {
            next_runner_id: 1,
            next_job_id: 1,
            runners: BTreeMap::new(),
            jobs: BTreeMap::new(),
            tokens: Tokens::default(),
            secrets: Secrets::default(),
            pats,
            script: Vec::new(),
            budgets: Budgets::new(clock.now()),
            log: VecDeque::new(),
            logged: 0,
        };
        Self {
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
            clock,
            root,
        }
    }

    /// Looks at the state; sessions that ran out are ended first.
    pub(super) fn read<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.settle(self.clock.now());
        look(&state)
    }

    /// Changes the state, gives queued jobs to idle runners, and wakes everyone who waits for news.
    pub(super) fn update<R>(&self, change: impl FnOnce(&mut State, DateTime<Utc>) -> R) -> R {
        let now = self.clock.now();
        let result = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.settle(now);
            let result = change(&mut state, now);
            state.settle(now);
            result
        };
        self.changed.send_modify(|version| *version += 1);
        result
    }

    /// Bookkeeping of requests, which is no news to anyone who waits.
    pub(super) fn note<R>(&self, change: impl FnOnce(&mut State, DateTime<Utc>) -> R) -> R {
        let now = self.clock.now();
        change(
            &mut self.state.lock().unwrap_or_else(PoisonError::into_inner),
            now,
        )
    }

    /// Ends what ran out; wakes the waiting if that changed anything.
    pub(super) fn tick(&self) {
        let now = self.clock.now();
        if self
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .settle(now)
        {
            self.changed.send_modify(|version| *version += 1);
        }
    }

    /// News of changes from now on.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

impl State {
    /// Ends sessions, jobs and registrations that ran out, then hands out queued jobs; true if anything changed.
    pub(super) fn settle(&mut self, now: DateTime<Utc>) -> bool {
        let expired = self.expire(now);
        self.assign_jobs(now) || expired
    }

    /// Notes a request; the number is for [`State::log_status`].
    pub(super) fn log_request(&mut self, method: &str, path: &str) -> usize {
        if self.log.len() == MAX_LOG {
            self.log.pop_front();
        }
        self.log.push_back(LoggedRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            status: 0,
        });
        self.logged += 1;
        self.logged - 1
    }

    /// Notes what request `number` was answered, if it's still in the log.
    pub(super) fn log_status(&mut self, number: usize, status: u16) {
        let first = self.logged - self.log.len();
        if let Some(entry) = number
            .checked_sub(first)
            .and_then(|index| self.log.get_mut(index))
        {
            entry.status = status;
        }
    }
}
