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
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    link::lock,
    worker::{
        execute::execute,
        fetch::Event,
        inspect::HEARTBEAT_S,
        job::{Arrived, Job},
        mailbox::Post,
        memory::Memorizing,
        pool::Source,
        rate::Buckets,
        revoke::Revoked,
        room::Room,
        runtime::Core,
        slots::Slots,
    },
};

/// How long all workers may take to find back to a server that was started again, and to vouch for what they hold.
const RETURN: Duration = Duration::from_secs(10);

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

/// A message that is ours, in the list of arrivals or in `unacked`.
pub(super) struct Held {
    pub(super) job: Arc<Job>,
    /// Whether it counts against the prefetch limit.
    pub(super) permit: bool,
    pub(super) running: bool,
    /// When it came, last.
    pub(super) since: Instant,
}

/// An execution under way.
pub(super) struct Run {
    pub(super) job: Arc<Job>,
    /// Epoch seconds.
    pub(super) began: f64,
}

/// What connects a consumer to the other parts.
pub(crate) struct Wires {
    /// Places for messages, shared with the fetcher.
    pub room: Arc<Room>,
    pub events: mpsc::UnboundedReceiver<Event>,
    pub posts: mpsc::Receiver<Post>,
    /// Where the fetcher takes from.
    pub queues: watch::Sender<Vec<Source>>,
    /// What the fetcher takes from by now.
    pub served: watch::Receiver<Vec<String>>,
    pub stop: CancellationToken,
    /// Cancelled to end at once.
    pub cold: CancellationToken,
}

/// What a side job ended with.
pub(super) enum Side {
    Renewed(Option<HashSet<String>>),
    Swept,
    /// What was found in the list of arrivals, when it was looked for, and who waits for that.
    Missed(Option<(Instant, Vec<Arrived>)>, Vec<oneshot::Sender<()>>),
    /// A message was disposed of without being executed.
    Disposed(u64, String),
    /// A server that was started again knows what we hold.
    Reinstated,
    /// What is revoked was written down.
    Memorized,
    Done,
}

/// The state of a running worker.
pub(crate) struct Consumer {
    pub(super) core: Arc<Core>,
    pub(super) room: Arc<Room>,
    pub(super) events: mpsc::UnboundedReceiver<Event>,
    pub(super) posts: mpsc::Receiver<Post>,
    pub(super) queues: watch::Sender<Vec<Source>>,
    pub(super) served: watch::Receiver<Vec<String>>,
    pub(super) stop: CancellationToken,
    pub(super) cold: CancellationToken,
    pub(super) heart: Interval,
    pub(super) started: Instant,
    /// Most tasks at once.
    pub(super) concurrency: usize,
    /// Messages held beyond those; 0 means no limit.
    pub(super) prefetch: usize,
    pub(super) revoked: Revoked,
    pub(super) buckets: Buckets,
    /// Executions begun, by registered task and in all.
    pub(super) totals: HashMap<String, u64>,
    pub(super) processed: u64,
    pub(super) seq: u64,
    /// Everything that is ours, by tag.
    pub(super) held: HashMap<String, Held>,
    pub(super) ready: VecDeque<Arc<Job>>,
    pub(super) waiting: BinaryHeap<Reverse<Due>>,
    pub(super) running: JoinSet<()>,
    /// Those of them whose tasks have not ended.
    pub(super) slots: Arc<Slots>,
    /// What each running task works on.
    pub(super) jobs: HashMap<tokio::task::Id, Run>,
    pub(super) side: JoinSet<Side>,
    pub(super) renewing: bool,
    pub(super) sweeping: bool,
    pub(super) searching: bool,
    pub(super) memorizing: Memorizing,
    /// Who waits until the list of arrivals was looked through.
    pub(super) to_look: Vec<oneshot::Sender<()>>,
    /// When the renewal under way was asked for.
    pub(super) asked: Instant,
    /// Since when nothing can arrive any more.
    pub(super) quiet_since: Option<Instant>,
    /// Since when something held may be someone else's: nothing is started until it was asked about.
    pub(super) in_doubt: Option<Instant>,
    /// No sweep before.
    pub(super) sweep_from: Instant,
}

impl Consumer {
    pub(crate) fn new(core: Arc<Core>, wires: Wires) -> Self {
        let Wires {
            room,
            events,
            posts,
            queues,
            served,
            stop,
            cold,
        } = wires;
        let beat = Duration::from_secs_f64(HEARTBEAT_S);
        let mut heart = interval_at(Instant::now() + beat, beat);
        heart.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self {
            concurrency: core.settings.concurrency,
            prefetch: core.settings.prefetch,
            core,
            room,
            events,
            posts,
            queues,
            served,
            stop,
            cold,
            heart,
            started: Instant::now(),
            revoked: Revoked::default(),
            buckets: Buckets::default(),
            totals: HashMap::new(),
            processed: 0,
            seq: 0,
            held: HashMap::new(),
            ready: VecDeque::new(),
            waiting: BinaryHeap::new(),
            running: JoinSet::new(),
            slots: Arc::default(),
            jobs: HashMap::new(),
            side: JoinSet::new(),
            renewing: false,
            sweeping: false,
            searching: false,
            memorizing: Memorizing::No,
            to_look: Vec::new(),
            asked: Instant::now(),
            quiet_since: None,
            in_doubt: None,
            sweep_from: Instant::now(),
        }
    }

    /// Works until stopped, then shuts down; returns until when the last writes may be waited for.
    pub(crate) async fn run(mut self) -> Instant {
        let third = self.core.settings.visibility_timeout / 3;
        let mut renew = interval_at(Instant::now() + third, third);
        renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first sweep comes at once; the next ones are spread, so that many workers do not sweep together.
        let every = self.core.settings.restore_interval;
        let mut sweep_at = Instant::now();
        let (stop, cold) = (self.stop.clone(), self.cold.clone());
        let mut open = true;
        self.remember();
        let vitals = || self.vitals();
        self.core.events.worker("online", vitals);
        loop {
            self.start_ready();
            let due = self.next_due();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = cold.cancelled() => {
                    stop.cancel();
                    break;
                }
                Some(post) = self.posts.recv() => self.post(post),
                Some(ended) = self.running.join_next_with_id() => {
                    self.ended(ended);
                    while let Some(ended) = self.running.try_join_next_with_id() {
                        self.ended(ended);
                    }
                }
                () = self.slots.freed() => {}
                Some(side) = self.side.join_next() => self.side_ended(side),
                event = self.events.recv(), if open => match event {
                    Some(event) => self.event(event),
                    None => open = false,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.release_due(),
                _ = renew.tick() => self.renew(),
                _ = self.heart.tick(), if self.core.events.of_worker() => self.beat(),
                () = sleep_until(sweep_at) => {
                    self.sweep();
                    sweep_at = Instant::now() + every.mul_f64(rand::random_range(0.9..1.1));
                }
            }
        }
        self.shut_down(renew).await
    }

    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Arrived { since, messages } => _ = self.arrive(messages, since, true),
            Event::SetAside { id, problem } => self.set_aside(id, &problem),
            Event::Stopped => self.quiet_since = Some(Instant::now()),
            Event::Connected { run_id, looked } => {
                let before = std::mem::replace(&mut *lock(&self.core.run_id), run_id.clone());
                let core = self.core.clone();
                if !before.is_empty() && before != run_id {
                    // While the server was away nobody could vouch for anything: that is no sign of a death.
                    let grace = self.core.settings.visibility_timeout.min(RETURN);
                    self.sweep_from = Instant::now() + grace;
                    let jobs = self.jobs_held();
                    self.side.spawn(async move {
                        core.reinstate(&jobs).await;
                        Side::Reinstated
                    });
                }
                self.to_look.extend(looked);
                self.search();
            }
        }
    }

    /// Starts what may run now.
    fn start_ready(&mut self) {
        // Silent for nearly a visibility timeout (a stopped process, a dead network): what we hold may be someone
        // else's by now. Ask before anything is started.
        if self.core.silence() > self.core.settings.visibility_timeout.mul_f64(0.9) {
            self.in_doubt.get_or_insert_with(Instant::now);
        }
        if self.in_doubt.is_some() && !self.ready.is_empty() {
            self.renew();
            return;
        }
        while self.slots.busy() < self.concurrency
            && let Some(job) = self.ready.pop_front()
        {
            let Some(held) = self
                .held
                .get_mut(&job.taken.tag)
                .filter(|held| held.job.seq == job.seq)
            else {
                continue;
            };
            held.running = true;
            if !job.late {
                self.core.ack_early(&job);
                self.let_go(&job);
            }
            self.processed += 1;
            match self.totals.get_mut(&job.message.task) {
                Some(total) => *total += 1,
                // Anybody can send any name; only those of our tasks are few.
                None if self.core.registry.contains(&job.message.task) => {
                    self.totals.insert(job.message.task.clone(), 1);
                }
                None => {}
            }
            let handle = self
                .running
                .spawn(execute(self.core.clone(), job.clone(), self.slots.occupy()));
            let began = clock::epoch();
            self.jobs.insert(handle.id(), Run { job, began });
        }
    }

    pub(super) fn ended(&mut self, ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(Run { job, .. }) = self.jobs.remove(&id) else {
            return;
        };
        if let Err(error) = ended {
            // Not the task's own panic, which is caught: the message stays ours and is redelivered.
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

    pub(super) fn release_permit(&mut self, permit: bool) {
        if permit {
            self.room.release(1);
        }
    }

    /// Tells that this worker lives.
    pub(super) fn beat(&self) {
        self.core.events.worker("heartbeat", || self.vitals());
    }

    fn next_due(&self) -> Option<Instant> {
        let turn = self.buckets.next();
        let Some(Reverse(Due(at, ..))) = self.waiting.peek() else {
            return turn;
        };
        // The wall clock may be set meanwhile, so no sleep is long.
        let wait = (*at - clock::now())
            .to_std()
            .unwrap_or_default()
            .min(Duration::from_mins(1));
        let due = Instant::now() + wait;
        Some(turn.map_or(due, |turn| turn.min(due)))
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
            if let Some(job) = self.buckets.put(job) {
                self.ready.push_front(job);
            }
        }
        self.refill();
    }
}
