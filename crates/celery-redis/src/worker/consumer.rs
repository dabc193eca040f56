//! Decides what happens to each message held: run it now, later, or not at all; and keeps all of
//! them alive meanwhile. One loop owns all of this state, so there is no lock.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    link::lock,
    worker::{
        execute::execute,
        fetch::Event,
        job::{Job, Taken},
        runtime::Core,
    },
};

/// A delayed message, ordered by when it is due.
pub(super) struct Due(pub DateTime<Utc>, pub u64, pub Arc<Job>);

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// A message in `unacked` on our behalf.
pub(super) struct Held {
    pub(super) job: Arc<Job>,
    /// Whether it counts against the prefetch limit.
    pub(super) permit: bool,
    pub(super) running: bool,
}

/// What a side job ended with.
pub(super) enum Side {
    Renewed(Option<HashSet<String>>),
    Swept,
    Orphans(Vec<Taken>),
    /// A message was disposed of without being executed.
    Disposed(u64, String),
    Done,
}

/// The state of a running worker.
pub(crate) struct Consumer {
    pub(super) core: Arc<Core>,
    permits: Arc<Semaphore>,
    pub(super) events: mpsc::UnboundedReceiver<Event>,
    stop: CancellationToken,
    pub(super) seq: u64,
    /// Everything in `unacked` that is ours, by tag.
    pub(super) held: HashMap<String, Held>,
    pub(super) ready: VecDeque<Arc<Job>>,
    pub(super) waiting: BinaryHeap<Reverse<Due>>,
    pub(super) running: JoinSet<()>,
    /// What each running task works on.
    pub(super) jobs: HashMap<tokio::task::Id, Arc<Job>>,
    pub(super) side: JoinSet<Side>,
    renewing: bool,
    sweeping: bool,
    searching: bool,
    /// Tags to look into.
    suspects: HashSet<String>,
    /// When everything held was last known to be ours.
    vouched: Instant,
}

impl Consumer {
    pub(crate) fn new(
        core: Arc<Core>,
        permits: Arc<Semaphore>,
        events: mpsc::UnboundedReceiver<Event>,
        stop: CancellationToken,
    ) -> Self {
        Self {
            core,
            permits,
            events,
            stop,
            seq: 0,
            held: HashMap::new(),
            ready: VecDeque::new(),
            waiting: BinaryHeap::new(),
            running: JoinSet::new(),
            jobs: HashMap::new(),
            side: JoinSet::new(),
            renewing: false,
            sweeping: false,
            searching: false,
            suspects: HashSet::new(),
            vouched: Instant::now(),
        }
    }

    /// Works until stopped, then shuts down.
    pub(crate) async fn run(mut self) {
        let third = self.core.settings.visibility_timeout / 3;
        let mut renew = interval_at(Instant::now() + third, third);
        renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first sweep comes at once; the next ones are spread, so that many workers do not sweep together.
        let every = self.core.settings.restore_interval;
        let mut sweep_at = Instant::now();
        let stop = self.stop.clone();
        let mut open = true;
        loop {
            self.start_ready();
            let due = self.next_due();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = self.running.join_next_with_id() => self.ended(ended),
                Some(side) = self.side.join_next() => self.side_ended(side),
                event = self.events.recv(), if open => match event {
                    Some(event) => self.event(event),
                    None => open = false,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.release_due(),
                _ = renew.tick() => self.renew(),
                () = sleep_until(sweep_at) => {
                    self.sweep();
                    sweep_at = Instant::now() + every.mul_f64(rand::random_range(0.9..1.1));
                }
            }
        }
        self.shut_down(renew).await;
    }

    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Taken(taken) => taken.into_iter().for_each(|taken| self.admit(taken, true)),
            Event::Connected { run_id, suspects } => {
                let before = std::mem::replace(&mut *lock(&self.core.run_id), run_id.clone());
                let core = self.core.clone();
                if !before.is_empty() && before != run_id {
                    let jobs = self.jobs_held();
                    self.side.spawn(async move {
                        core.reinstate(&jobs).await;
                        Side::Done
                    });
                }
                self.suspects.extend(suspects);
                self.search();
            }
        }
    }

    /// Looks into the suspects: what is still ours and yet not held was taken by a call whose reply was lost.
    fn search(&mut self) {
        if self.searching {
            return;
        }
        let suspects: Vec<String> = self
            .suspects
            .drain()
            .filter(|tag| !self.held.contains_key(tag))
            .collect();
        if !suspects.is_empty() {
            self.searching = true;
            let core = self.core.clone();
            self.side
                .spawn(async move { Side::Orphans(core.orphans(suspects).await) });
        }
    }

    /// Starts what may run now.
    fn start_ready(&mut self) {
        // Silent for nearly a visibility timeout (a stopped process, a dead network): what we hold may be someone
        // else's by now. Ask before anything is started.
        if self.vouched.elapsed() > self.core.settings.visibility_timeout.mul_f64(0.9)
            && !self.ready.is_empty()
        {
            self.renew();
            return;
        }
        while self.running.len() < self.core.settings.concurrency {
            let Some(job) = self.ready.pop_front() else { return };
            let Some(held) = self
                .held
                .get_mut(&job.taken.tag)
                .filter(|held| held.job.seq == job.seq)
            else {
                continue;
            };
            held.running = true;
            if job.late {
                self.core.mark_started(&job);
            } else {
                self.core.ack_early(&job);
                self.let_go(&job);
            }
            let handle = self.running.spawn(execute(self.core.clone(), job.clone()));
            self.jobs.insert(handle.id(), job);
        }
    }

    pub(super) fn ended(&mut self, ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(job) = self.jobs.remove(&id) else { return };
        if let Err(error) = ended {
            // Not the task's own panic, which is caught: the message stays in `unacked` and is redelivered.
            tracing::error!(task.id = job.message.id, error = %error, "the execution broke off; the message will be redelivered");
        }
        self.let_go(&job);
    }

    /// Ends our responsibility for a delivery.
    pub(super) fn let_go(&mut self, job: &Job) {
        if self
            .held
            .get(&job.taken.tag)
            .is_some_and(|held| held.job.seq == job.seq)
            && let Some(held) = self.held.remove(&job.taken.tag)
        {
            self.release_permit(held.permit);
        }
    }

    pub(super) fn release_permit(&self, permit: bool) {
        if permit {
            self.permits.add_permits(1);
        }
    }

    pub(super) fn side_ended(&mut self, side: Result<Side, tokio::task::JoinError>) {
        match side {
            Ok(Side::Renewed(lost)) => {
                self.renewing = false;
                let Some(lost) = lost else { return };
                self.vouched = Instant::now();
                for tag in lost {
                    // What runs already runs on: its end finds out that the message is no longer ours.
                    if let Some(held) = self.held.get(&tag).filter(|held| !held.running) {
                        let job = held.job.clone();
                        tracing::warn!(
                            task.id = job.message.id,
                            "another worker has taken over this message"
                        );
                        self.let_go(&job);
                    }
                }
            }
            Ok(Side::Swept) => self.sweeping = false,
            Ok(Side::Orphans(found)) => {
                self.searching = false;
                for taken in found {
                    self.admit(taken, false);
                }
                self.search();
            }
            Ok(Side::Disposed(seq, tag)) => {
                if let Some(job) = self
                    .held
                    .get(&tag)
                    .map(|held| held.job.clone())
                    .filter(|job| job.seq == seq)
                {
                    self.let_go(&job);
                }
            }
            Ok(Side::Done) => {}
            Err(error) => {
                tracing::error!(error = %error, "upkeep broke off");
                (self.renewing, self.sweeping, self.searching) = (false, false, false);
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let Reverse(Due(at, ..)) = self.waiting.peek()?;
        // The wall clock may be set meanwhile, so no sleep is long.
        let wait = (*at - clock::now())
            .to_std()
            .unwrap_or_default()
            .min(Duration::from_mins(1));
        Some(Instant::now() + wait)
    }

    fn release_due(&mut self) {
        let now = clock::now();
        let mut due = Vec::new();
        while self.waiting.peek().is_some_and(|Reverse(Due(at, ..))| *at <= now)
            && let Some(Reverse(Due(_, _, job))) = self.waiting.pop()
        {
            due.push(job);
        }
        // Their time has come: they do not queue behind what was merely fetched early.
        for job in due.into_iter().rev() {
            self.ready.push_front(job);
        }
    }

    pub(super) fn renew(&mut self) {
        if self.renewing {
            return;
        }
        if self.held.is_empty() {
            self.vouched = Instant::now();
            return;
        }
        self.renewing = true;
        let held = self.jobs_held();
        let core = self.core.clone();
        self.side
            .spawn(async move { Side::Renewed(core.renew(held).await) });
    }

    fn jobs_held(&self) -> Vec<Arc<Job>> {
        self.held.values().map(|held| held.job.clone()).collect()
    }

    fn sweep(&mut self) {
        if self.sweeping {
            return;
        }
        self.sweeping = true;
        let held = self.held.keys().cloned().collect();
        let core = self.core.clone();
        self.side.spawn(async move {
            core.sweep(held).await;
            Side::Swept
        });
    }
}
