//! Decides what happens to each message held: run it now, later, or not at all; and keeps all of
//! them alive meanwhile. One loop owns all of this state, so there is no lock.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    exception::Exception,
    link::lock,
    message::Message,
    worker::{
        execute::{execute, fail, revoke},
        fetch::Event,
        job::{Job, Taken},
        runtime::Core,
        settle::Stored,
    },
};

/// A delayed message, ordered by when it is due.
struct Due(DateTime<Utc>, u64, Arc<Job>);

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
struct Held {
    job: Arc<Job>,
    /// Whether it counts against the prefetch limit.
    permit: bool,
    running: bool,
}

/// What a side job ended with.
enum Side {
    Renewed(Option<HashSet<String>>),
    Swept,
    Orphans(Vec<Taken>),
    /// A message was disposed of without being executed.
    Disposed(u64, String),
    Done,
}

/// The state of a running worker.
pub(crate) struct Consumer {
    core: Arc<Core>,
    permits: Arc<Semaphore>,
    events: mpsc::UnboundedReceiver<Event>,
    stop: CancellationToken,
    seq: u64,
    /// Everything in `unacked` that is ours, by tag.
    held: HashMap<String, Held>,
    ready: VecDeque<Arc<Job>>,
    waiting: BinaryHeap<Reverse<Due>>,
    running: JoinSet<()>,
    /// What each running task works on.
    jobs: HashMap<tokio::task::Id, Arc<Job>>,
    side: JoinSet<Side>,
    renewing: bool,
    sweeping: bool,
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

    fn event(&mut self, event: Event) {
        match event {
            Event::Taken(taken) => taken.into_iter().for_each(|taken| self.admit(taken, true)),
            Event::Connected { run_id, after_loss } => {
                let before = std::mem::replace(&mut *lock(&self.core.run_id), run_id.clone());
                let core = self.core.clone();
                if !before.is_empty() && before != run_id {
                    let jobs = self.jobs_held();
                    self.side.spawn(async move {
                        core.reinstate(&jobs).await;
                        Side::Done
                    });
                } else if after_loss {
                    self.side.spawn(async move { Side::Orphans(core.orphans().await) });
                }
            }
        }
    }

    /// Takes charge of a message that is now in `unacked` on our behalf.
    fn admit(&mut self, taken: Taken, permit: bool) {
        if self.held.contains_key(&taken.tag) {
            // Swept from us and taken by us again, or found twice: the delivery we have goes on under this slot.
            self.release_permit(permit);
            return;
        }
        self.seq += 1;
        let message = match Message::parse(&taken.raw) {
            Ok(message) => message,
            Err(problem) => return self.dispose(taken, permit, &problem.to_string(), "InvalidTaskError"),
        };
        if message.deaths >= self.core.settings.max_deaths {
            let problem = format!("Worker exited prematurely: {} workers died while executing this message.", message.deaths);
            return self.dispose(taken, permit, &problem, "WorkerLostError");
        }
        tracing::debug!(task.id = message.id, task.name = message.task, queue = taken.queue, "task received");
        let late = self.core.registry.acks_late(&message.task);
        let job = Job::new(self.seq, taken, message, late);
        let mut held = Held { job: job.clone(), permit, running: false };
        let now = clock::now();
        if job.message.expires.is_some_and(|expires| expires <= now) {
            held.running = true;
            let core = self.core.clone();
            let expired = job.clone();
            self.side.spawn(async move {
                revoke(&core, &expired, "expired").await;
                Side::Disposed(expired.seq, expired.taken.tag.clone())
            });
        } else if let Some(eta) = job.message.eta.filter(|eta| *eta > now) {
            // A message that waits for its time makes room for another, as in Celery.
            if permit && self.waiting.len() < self.core.settings.eta_limit {
                held.permit = false;
                self.release_permit(true);
            }
            self.waiting.push(Reverse(Due(eta, job.seq, job.clone())));
        } else {
            self.ready.push_back(job.clone());
        }
        self.held.insert(job.taken.tag.clone(), held);
    }

    /// Sets a message aside that nobody can or should execute, and tells who waits for it.
    fn dispose(&mut self, taken: Taken, permit: bool, problem: &str, exc_type: &str) {
        let id = Message::id_of(&taken.raw);
        tracing::error!(
            task.id = id.as_deref().unwrap_or("unknown"),
            queue = taken.queue,
            problem,
            "set aside a message that cannot be executed"
        );
        let core = self.core.clone();
        let exception = Exception::celery(exc_type, vec![json!(problem)]);
        let problem = problem.to_owned();
        let end = message_end(&taken, &self.core, self.seq, &exception);
        self.side.spawn(async move {
            match end {
                // Readable, and therefore part of a workflow perhaps: all its duties are done before it goes.
                Some(job) => {
                    core.settle_dead(&job, &exception, &problem).await;
                }
                None => {
                    if let Some(id) = id {
                        core.store(&id, Stored::exception("FAILURE", &exception).meta(&id, None, None)).await;
                    }
                    core.bury(&taken.tag, &taken.raw, &problem, "").await;
                }
            }
            Side::Done
        });
        self.release_permit(permit);
    }

    /// Starts what may run now.
    fn start_ready(&mut self) {
        // Silent for nearly a visibility timeout (a stopped process, a dead network): what we hold may be someone
        // else's by now. Ask before anything is started.
        if self.vouched.elapsed() > self.core.settings.visibility_timeout.mul_f64(0.9) && !self.ready.is_empty() {
            self.renew();
            return;
        }
        while self.running.len() < self.core.settings.concurrency {
            let Some(job) = self.ready.pop_front() else { return };
            let Some(held) = self.held.get_mut(&job.taken.tag).filter(|held| held.job.seq == job.seq) else { continue };
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

    fn ended(&mut self, ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>) {
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
    fn let_go(&mut self, job: &Job) {
        if self.held.get(&job.taken.tag).is_some_and(|held| held.job.seq == job.seq)
            && let Some(held) = self.held.remove(&job.taken.tag)
        {
            self.release_permit(held.permit);
        }
    }

    fn release_permit(&self, permit: bool) {
        if permit {
            self.permits.add_permits(1);
        }
    }

    fn side_ended(&mut self, side: Result<Side, tokio::task::JoinError>) {
        match side {
            Ok(Side::Renewed(lost)) => {
                self.renewing = false;
                let Some(lost) = lost else { return };
                self.vouched = Instant::now();
                for tag in lost {
                    // What runs already runs on: its end finds out that the message is no longer ours.
                    if let Some(held) = self.held.get(&tag).filter(|held| !held.running) {
                        let job = held.job.clone();
                        tracing::warn!(task.id = job.message.id, "another worker has taken over this message");
                        self.let_go(&job);
                    }
                }
            }
            Ok(Side::Swept) => self.sweeping = false,
            Ok(Side::Orphans(found)) => found.into_iter().for_each(|taken| self.admit(taken, false)),
            Ok(Side::Disposed(seq, tag)) => {
                if let Some(job) = self.held.get(&tag).map(|held| held.job.clone()).filter(|job| job.seq == seq) {
                    self.let_go(&job);
                }
            }
            Ok(Side::Done) => {}
            Err(error) => {
                tracing::error!(error = %error, "upkeep broke off");
                (self.renewing, self.sweeping) = (false, false);
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let Reverse(Due(at, ..)) = self.waiting.peek()?;
        // The wall clock may be set meanwhile, so no sleep is long.
        let wait = (*at - clock::now()).to_std().unwrap_or_default().min(Duration::from_secs(60));
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

    fn renew(&mut self) {
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
        self.side.spawn(async move { Side::Renewed(core.renew(held).await) });
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

    async fn shut_down(mut self, mut renew: tokio::time::Interval) {
        tracing::info!(running = self.running.len(), "worker shuts down");
        let deadline = Instant::now() + self.core.settings.shutdown_grace;
        // The fetcher ends by itself; what it took until then is ours to give back.
        let drained = async {
            while let Some(event) = self.events.recv().await {
                self.event(event);
            }
        };
        if tokio::time::timeout_at(deadline, drained).await.is_err() {
            tracing::warn!("the last take did not end in time");
        }
        self.give_back(|held| !held.running).await;
        loop {
            tokio::select! {
                biased;
                ended = self.running.join_next_with_id() => match ended {
                    Some(ended) => self.ended(ended),
                    None => break,
                },
                Some(side) = self.side.join_next() => self.side_ended(side),
                _ = renew.tick() => self.renew(),
                () = sleep_until(deadline) => {
                    self.abort().await;
                    break;
                }
            }
        }
        // Found in the meantime by a side job.
        while let Ok(Some(side)) = tokio::time::timeout_at(deadline + Duration::from_secs(1), self.side.join_next()).await {
            self.side_ended(side);
        }
        self.give_back(|_| true).await;
    }

    /// Breaks off what did not end within the grace. Late acknowledged tasks will be executed again elsewhere.
    async fn abort(&mut self) {
        self.running.abort_all();
        let mut broken_off = Vec::new();
        while let Some(ended) = self.running.join_next_with_id().await {
            match ended {
                Ok(_) => self.ended(ended),
                Err(error) => broken_off.extend(self.jobs.remove(&error.id())),
            }
        }
        for job in broken_off {
            tracing::warn!(task.id = job.message.id, task.name = job.message.task, "task broken off by the shutdown");
            if !job.late {
                let problem = json!("Worker shut down before the task ended.");
                fail(&self.core, &job, "FAILURE", &Exception::celery("WorkerLostError", vec![problem])).await;
            }
        }
    }

    /// Gives messages back to their queues, so that the oldest is popped first.
    async fn give_back(&mut self, which: impl Fn(&Held) -> bool) {
        let mut jobs: Vec<Arc<Job>> = self.held.values().filter(|held| which(held)).map(|held| held.job.clone()).collect();
        jobs.sort_by_key(|job| Reverse(job.seq));
        self.core.give_back(&jobs, "R").await;
        for job in jobs {
            self.let_go(&job);
        }
        self.ready.clear();
        self.waiting.clear();
    }
}

/// The message as a job, if it can be read.
fn message_end(taken: &Taken, core: &Core, seq: u64, exception: &Exception) -> Option<Arc<Job>> {
    let message = Message::parse(&taken.raw).ok()?;
    tracing::debug!(task.id = message.id, error = exception.exc_type, "message will not be executed");
    let late = core.registry.acks_late(&message.task);
    Some(Job::new(seq, taken.clone(), message, late))
}

impl Core {
    /// Fails a readable message without executing it and keeps it in the dead-letter list.
    async fn settle_dead(&self, job: &Job, exception: &Exception, problem: &str) {
        // Into the list first: after the acknowledgement there is nothing left to keep.
        self.bury(&job.taken.tag, &job.taken.raw, problem, "").await;
        job.set_acked();
        fail(self, job, "FAILURE", exception).await;
    }
}
