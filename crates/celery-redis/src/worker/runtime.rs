//! Wiring: what a running worker consists of, and the order in which its parts start and stop.

use std::{
    pin::pin,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use celery::{Celery, CeleryBuilder};
use futures::future::{Either, select};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    clock::ServerClock,
    error::Error,
    keys::Keys,
    link::{Link, Server},
    request::Shared,
    worker::{
        builder::{Settings, WorkerBuilder},
        consumer::{Consumer, Wires},
        events::{EventSink, Events, Occurrence},
        fetch::Fetcher,
        mailbox::{Mailbox, Post, post_box},
        pool::Source,
        publisher::Publisher,
        registry::Registry,
        room::Room,
        writer::{Ledger, Writer},
    },
};

/// How long the parts of a worker may take to end once it has stopped, whatever time its last writes have left.
const LAST_PARTS: Duration = Duration::from_secs(1);

/// A worker, ready to run.
#[derive(Debug)]
pub struct Worker {
    pub(crate) server: Server,
    pub(crate) keys: Keys,
    pub(crate) registry: Registry,
    pub(crate) settings: Settings,
    pub(crate) shared: Shared,
}

/// What all parts of a running worker share.
pub(crate) struct Core {
    pub keys: Keys,
    pub settings: Settings,
    pub registry: Registry,
    pub shared: Shared,
    /// What requests of the `celery` crate refer to; it opens no connection.
    pub app: Arc<Celery>,
    pub server: Server,
    pub link: Link,
    pub events: EventSink,
    /// The clock of remote control, which is not that of events.
    pub control_clock: Arc<AtomicU64>,
    /// Cancelled once this worker knows what the others know to be revoked.
    pub mingled: CancellationToken,
    pub writer: Writer,
    /// The name of this process in `owners` and in the list of workers; another one each time.
    pub consumer: String,
    /// Locked while a call that moves a message out of `unacked` is queued, and while one that writes messages
    /// into it is: the second must not follow the first for the same message.
    pub order: Mutex<()>,
    /// `run_id` of the server that holds our deliveries.
    pub run_id: Mutex<String>,
    /// When everything held was last known to be ours.
    pub vouched: Mutex<Instant>,
    pub server_clock: ServerClock,
}

impl Worker {
    /// Starts describing a worker on the server at `url`.
    pub fn builder(url: &str) -> WorkerBuilder {
        WorkerBuilder::new(url)
    }

    /// The node name.
    pub fn hostname(&self) -> &str {
        &self.settings.hostname
    }

    /// The names of the registered tasks, in order.
    pub fn tasks(&self) -> Vec<&'static str> {
        self.registry.names()
    }

    /// Works until `stop` is cancelled, then shuts down warmly: takes nothing more, lets running tasks end within
    /// the grace, gives back what was not started. The server being away is waited for, at the start too.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        self.run_until(stop, CancellationToken::new()).await
    }

    /// As [`run`](Self::run), and shuts down coldly when `cold` is cancelled, before or while it shuts down warmly: what
    /// runs is broken off at once, as if the grace were over. Tasks with late acknowledgement go back to their queues
    /// (with the event `task-cancelled`), the others fail with `WorkerLostError`.
    pub async fn run_until(self, stop: CancellationToken, cold: CancellationToken) -> Result<(), Error> {
        let Self {
            server,
            keys,
            registry,
            settings,
            shared,
        } = self;
        let app = CeleryBuilder::new("celery-redis", "redis://localhost/")
            .hostname(&settings.hostname)
            .build()
            .await
            .map_err(|error| Error::App(Box::new(error)))?;
        let link = Link::new(server.clone(), None);
        // Padded, so that what stands in `owners` is longer than 64 bytes: a hash of shorter values is a single list to
        // Redis, in which it looks for each tag from the beginning.
        let consumer = format!("{:0>48}", Uuid::new_v4().simple().to_string());
        let ledger = Ledger {
            keys: [keys.unacked(), keys.unacked_index(), keys.owners()],
            arrivals: keys.arrivals(&consumer),
            consumer: consumer.clone(),
            life: settings.result_life(),
        };
        let (writer, writing) = Writer::new(link.clone(), ledger);
        let (events, occurrences) = EventSink::new(settings.events);
        let core = Arc::new(Core {
            keys,
            settings,
            registry,
            shared,
            app: Arc::new(app),
            server: server.clone(),
            link,
            events,
            control_clock: Arc::default(),
            mingled: CancellationToken::new(),
            writer,
            consumer,
            order: Mutex::default(),
            run_id: Mutex::default(),
            vouched: Mutex::new(Instant::now()),
            server_clock: ServerClock::default(),
        });
        core.announce();

        let give_up = CancellationToken::new();
        let mut parts = JoinSet::new();
        parts.spawn(writing.run(give_up.clone()));
        let closing = CancellationToken::new();
        let posts = core.open_to_the_world(&mut parts, occurrences, &closing);
        let (events, received) = mpsc::unbounded_channel();
        let room = Arc::new(Room::new(core.settings.prefetch));
        let sources = core
            .settings
            .queues
            .iter()
            .map(|queue| Source::plain(queue))
            .collect();
        let (queues, sources) = watch::channel(sources);
        let (serving, served) = watch::channel(Vec::new());
        // Remote control may stop this worker; whoever gave us the token is not to be stopped with it.
        let stop = stop.child_token();
        let fetcher = Fetcher::new(
            server,
            &core,
            sources,
            serving,
            room.clone(),
            events,
            stop.clone(),
        );

        let wires = Wires {
            room,
            events: received,
            posts,
            queues,
            served,
            stop,
            cold,
        };
        // A task of the runtime, wherever this future is polled: the thread that blocks on a program's main future is
        // woken by another one each time.
        let mut working = JoinSet::new();
        working.spawn(work(fetcher, Consumer::new(core.clone(), wires)));
        let until = match working.join_next().await {
            Some(Ok(until)) => until,
            Some(Err(error)) => {
                tracing::error!(error = %error, "the worker broke off; what it held will be redelivered");
                Instant::now()
            }
            None => Instant::now(),
        };
        closing.cancel();

        // The last writer goes with the core, and its loop ends once everything is written.
        drop(core);
        let written = async { while parts.join_next().await.is_some() {} };
        let until = until.max(Instant::now() + LAST_PARTS);
        if tokio::time::timeout_at(until, written).await.is_err() {
            tracing::error!("Redis is out of reach; what was not written will be redelivered");
            give_up.cancel();
            parts.shutdown().await;
        }
        tracing::info!("worker stopped");
        Ok(())
    }
}

/// Brings messages in and executes them until stopped: one task for both, the fetcher first, so that what it brings
/// is decided upon in the same turn. Returns until when the last writes may be waited for.
async fn work(fetcher: Fetcher, consumer: Consumer) -> Instant {
    let (fetching, consuming) = (pin!(fetcher.run()), pin!(consumer.run()));
    match select(fetching, consuming).await {
        Either::Left(((), consuming)) => consuming.await,
        Either::Right((until, fetching)) => {
            // It had all the grace to read its last reply; what that brings is found by a sweep.
            drop(tokio::time::timeout_at(until, fetching).await);
            until
        }
    }
}

impl Core {
    /// Says in the log what starts.
    fn announce(&self) {
        tracing::info!(
            worker.hostname = self.settings.hostname,
            redis.url = self.server.url(),
            redis.database = self.server.database(),
            queues = ?self.settings.queues,
            tasks = ?self.registry.names(),
            concurrency = self.settings.concurrency,
            "worker starts"
        );
    }

    /// Starts what tells of this worker and listens for it; returns where requests arrive.
    fn open_to_the_world(
        &self,
        parts: &mut JoinSet<()>,
        occurrences: mpsc::Receiver<Occurrence>,
        closing: &CancellationToken,
    ) -> mpsc::Receiver<Post> {
        let publisher = Publisher {
            link: self.link.clone(),
            keys: self.keys.clone(),
            database: self.server.database(),
            hostname: self.settings.hostname.clone(),
            clock: self.events.clock(),
            occurrences,
        };
        parts.spawn(publisher.run());
        let (post, posts) = post_box();
        if self.settings.remote_control {
            let mailbox = Mailbox {
                server: self.server.clone(),
                link: self.link.clone(),
                keys: self.keys.clone(),
                hostname: self.settings.hostname.clone(),
                follow_events: self.settings.events > Events::Off,
                clock: self.events.clock(),
                control_clock: self.control_clock.clone(),
                post,
                closing: closing.clone(),
            };
            parts.spawn(mailbox.run());
        } else {
            self.mingled.cancel();
        }
        posts
    }
}
