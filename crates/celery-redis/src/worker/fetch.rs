//! Brings messages in, over a connection of its own that is made again when it breaks.
//!
//! While there is a backlog, each round trip takes what there is room for (`take`); when the lists are empty, one
//! round trip waits for the next message (`idle`). Either way a message leaves its list and enters this worker's list of
//! arrivals within one command, so nothing is lost at whatever instant this worker dies. The writer moves it on.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::{Either, select};
use redis::{Pipeline, PushInfo, PushKind, RedisError, Value, aio::MultiplexedConnection};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::yield_now,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    clock::ServerClock,
    keys::{Keys, PRIORITY_STEPS},
    link::{Link, PushHandler, RESPONSE_TIMEOUT, Server, in_time},
    scripts,
    worker::{idle::UPKEEP, job::Arrived, pool::Source, room::Room, runtime::Core, take::Look},
};

/// Most messages taken in one round trip.
const MOST: usize = 128;
/// How long to wait before the first take for what other workers know to be revoked.
const MINGLE: Duration = Duration::from_millis(1500);

/// What the consumer hears from the fetcher.
#[derive(Debug)]
pub(crate) enum Event {
    /// Messages now in the list of arrivals, in the order to execute them; a place is reserved for each. They were asked
    /// for at `since`, and so came no sooner.
    Arrived { since: Instant, messages: Vec<Arrived> },
    /// A connection was made. `run_id` tells whether it is still the same server process. After a loss a reply may be
    /// missing: nothing is taken until the list of arrivals was looked through, which `looked` is told of. Whatever was
    /// taken over the earlier connections has been told before.
    Connected {
        run_id: String,
        looked: Option<oneshot::Sender<()>>,
    },
    /// Nothing more is taken, and no reply is missing.
    Stopped,
    /// The message of a call was set aside by the server: no worker could work with it.
    SetAside { id: String, problem: String },
}

/// What a connection tells unasked.
#[derive(Clone, Default)]
pub(super) struct Signs {
    /// Whether a watched list changed since it was last looked into.
    changed: Arc<AtomicBool>,
    /// Told of each change.
    pub(super) news: Arc<Notify>,
    /// The connection is gone.
    pub(super) lost: CancellationToken,
}

impl Signs {
    fn hear(&self, info: &PushInfo) {
        match info.kind {
            PushKind::Invalidate => {
                self.changed.store(true, Ordering::Release);
                self.news.notify_one();
            }
            PushKind::Disconnection => self.lost.cancel(),
            _ => {}
        }
    }

    pub(super) fn changed(&self) -> bool {
        self.changed.load(Ordering::Acquire)
    }

    fn forget(&self) {
        self.changed.store(false, Ordering::Release);
    }
}

/// Why a connection is no longer served.
enum End {
    Stopped,
    Lost,
}

/// Takes messages.
pub(crate) struct Fetcher {
    server: Server,
    /// For what cannot be said over a connection that waits.
    pub(super) link: Link,
    keys: Keys,
    /// Where to take from; remote control changes it.
    pub(super) sources: watch::Receiver<Vec<Source>>,
    pub(super) queues: Vec<Arc<str>>,
    /// Tells what is taken from by now.
    serving: watch::Sender<Vec<String>>,
    pub(super) arrivals: String,
    pub(super) dead_letter: String,
    pub(super) workers: String,
    /// List names by step and queue.
    pub(super) lists: Vec<Vec<String>>,
    bindings: Vec<(String, String)>,
    /// Rotates as queues are served.
    pub(super) order: Vec<usize>,
    /// The list to wait at: that of the last message.
    pub(super) likely: Option<String>,
    /// The number of the present connection, if it may wait at a list.
    pub(super) client_id: Option<i64>,
    /// The number of the last connection, and the `run_id` of the server that numbered it.
    used: Option<(i64, String)>,
    pub(super) consumer: String,
    /// The keys of the script that gives a sign of life.
    renew_keys: [String; 3],
    pub(super) server_clock: ServerClock,
    /// How long to wait for a message before asking again.
    pub(super) patience: Duration,
    pub(super) message_limit: usize,
    pub(super) room: Arc<Room>,
    pub(super) events: mpsc::UnboundedSender<Event>,
    mingled: CancellationToken,
    pub(super) stop: CancellationToken,
}

impl Fetcher {
    pub(crate) fn new(
        server: Server,
        core: &Core,
        sources: watch::Receiver<Vec<Source>>,
        serving: watch::Sender<Vec<String>>,
        room: Arc<Room>,
        events: mpsc::UnboundedSender<Event>,
        stop: CancellationToken,
    ) -> Self {
        let keys = &core.keys;
        let mut fetcher = Self {
            server,
            link: core.link.clone(),
            keys: keys.clone(),
            sources,
            order: Vec::new(),
            queues: Vec::new(),
            serving,
            arrivals: keys.arrivals(&core.consumer),
            dead_letter: keys.dead_letter(),
            workers: keys.workers(),
            lists: Vec::new(),
            bindings: Vec::new(),
            likely: None,
            client_id: None,
            used: None,
            consumer: core.consumer.clone(),
            renew_keys: core.renew_keys(),
            server_clock: core.server_clock.clone(),
            patience: core.settings.visibility_timeout.div_f64(4.0).min(UPKEEP),
            message_limit: core.settings.message_limit,
            room,
            events,
            mingled: core.mingled.clone(),
            stop,
        };
        fetcher.follow_sources();
        fetcher
    }

    /// Takes from the present sources from now on.
    fn follow_sources(&mut self) {
        let sources = self.sources.borrow_and_update().clone();
        self.lists = PRIORITY_STEPS
            .iter()
            .map(|step| {
                sources
                    .iter()
                    .map(|source| self.keys.list(&source.queue, i64::from(*step)))
                    .collect()
            })
            .collect();
        self.bindings = sources
            .iter()
            .flat_map(|source| source.bindings(&self.keys))
            .collect();
        self.order = (0..sources.len()).collect();
        self.likely = self.lists.first().and_then(|step| step.first()).cloned();
        self.queues = sources
            .iter()
            .map(|source| source.queue.as_str().into())
            .collect();
        self.serving
            .send_replace(sources.into_iter().map(|source| source.queue).collect());
    }

    fn bind(&self, pipeline: &mut Pipeline) {
        for (key, member) in &self.bindings {
            pipeline.sadd(key, member).ignore();
        }
    }

    /// Takes messages until stopped, over as many connections as it needs.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new();
        let mut after_loss = false;
        tokio::select! {
            () = self.mingled.cancelled() => {}
            () = tokio::time::sleep(MINGLE) => {}
            () = self.stop.cancelled() => return drop(self.events.send(Event::Stopped)),
        }
        while !self.stop.is_cancelled() {
            let signs = Signs::default();
            let (listener, mut connected) = (signs.clone(), false);
            let push: PushHandler = Arc::new(move |info| listener.hear(&info));
            match self.server.connect_driven(push).await {
                Ok((connection, driver)) => {
                    let end = {
                        let using = pin!(self.converse(connection, &signs, after_loss, &mut connected));
                        // The driver first: what it brings is then used in the same turn. Its end is no reason to
                        // drop what waits for replies, for that would forget the places reserved for them.
                        match select(driver, using).await {
                            Either::Left(((), using)) => using.await,
                            Either::Right((end, _)) => end,
                        }
                    };
                    match end {
                        Ok(End::Stopped) => return drop(self.events.send(Event::Stopped)),
                        Ok(End::Lost) => tracing::warn!("lost the connection to Redis"),
                        Err(error) => tracing::warn!(error = %error, "lost the connection to Redis"),
                    }
                    if connected {
                        backoff = Backoff::new();
                        after_loss = true;
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %error, redis.url = self.server.url(), "cannot connect to Redis, trying again");
                }
            }
            tokio::select! {
                () = backoff.pause() => {}
                () = self.stop.cancelled() => {}
            }
        }
        if self.used.is_none() {
            drop(self.events.send(Event::Stopped));
        }
    }

    /// Prepares a connection, then takes messages over it.
    async fn converse(
        &mut self,
        mut connection: MultiplexedConnection,
        signs: &Signs,
        after_loss: bool,
        connected: &mut bool,
    ) -> Result<End, RedisError> {
        let looked = self.set_up(&mut connection, after_loss).await?;
        *connected = true;
        if let Some(looked) = looked {
            tokio::select! {
                _ = looked => {}
                () = self.stop.cancelled() => return Ok(End::Stopped),
                () = signs.lost.cancelled() => return Ok(End::Lost),
            }
        }
        self.serve(connection, signs).await
    }

    /// Returns what to wait for before anything is taken.
    async fn set_up(
        &mut self,
        connection: &mut MultiplexedConnection,
        after_loss: bool,
    ) -> Result<Option<oneshot::Receiver<()>>, RedisError> {
        in_time(RESPONSE_TIMEOUT, scripts::loader().exec_async(connection)).await?;
        let mut setup = redis::pipe();
        setup
            .cmd("CLIENT")
            .arg("TRACKING")
            .arg("ON")
            .arg("OPTIN")
            .arg("NOLOOP")
            .ignore();
        self.bind(&mut setup);
        // A first sign of life: without it nobody would look for what we leave behind.
        setup
            .cmd("EVALSHA")
            .arg(scripts::RENEW.get_hash())
            .arg(self.renew_keys.len())
            .arg(&self.renew_keys)
            .arg(&self.consumer);
        setup.cmd("INFO").arg("server");
        setup.cmd("CLIENT").arg("ID");
        let asked = Instant::now();
        let ((now, _), info, id): ((String, Vec<String>), String, i64) =
            in_time(RESPONSE_TIMEOUT, setup.query_async(connection)).await?;
        self.server_clock.set(asked, &now);
        let run_id = info
            .lines()
            .find_map(|line| line.strip_prefix("run_id:"))
            .unwrap_or_default()
            .trim()
            .to_owned();
        if let Some((lost, server)) = &self.used
            && *server == run_id
        {
            // The server may not know yet that the last connection is lost, and still move a message for it.
            let mut kill = redis::pipe();
            kill.ignore_errors();
            kill.cmd("CLIENT").arg("KILL").arg("ID").arg(lost);
            in_time(RESPONSE_TIMEOUT, kill.query_async::<Vec<Value>>(connection)).await?;
        }
        self.used = Some((id, run_id.clone()));
        self.client_id = self.may_wait(id).await.then_some(id);
        let (looked, look) = after_loss.then(oneshot::channel).unzip();
        drop(self.events.send(Event::Connected { run_id, looked }));
        Ok(look)
    }

    /// Takes messages over one connection.
    async fn serve(
        &mut self,
        mut connection: MultiplexedConnection,
        signs: &Signs,
    ) -> Result<End, RedisError> {
        let mut idle = false;
        loop {
            if self.sources.has_changed().unwrap_or(false) {
                self.follow_sources();
                idle = false;
                let mut bindings = redis::pipe();
                self.bind(&mut bindings);
                if !self.bindings.is_empty() {
                    in_time(RESPONSE_TIMEOUT, bindings.query_async::<()>(&mut connection)).await?;
                }
            }
            if self.queues.is_empty() {
                tokio::select! {
                    () = self.stop.cancelled() => return Ok(End::Stopped),
                    () = signs.lost.cancelled() => return Ok(End::Lost),
                    Ok(()) = self.sources.changed() => self.sources.mark_changed(),
                }
                continue;
            }
            let room = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(End::Stopped),
                // Also while there is no room: what we hold must be written into a server that lost it.
                () = signs.lost.cancelled() => return Ok(End::Lost),
                // What is to be taken from was changed: not once more from the old lists.
                Ok(()) = self.sources.changed() => {
                    self.sources.mark_changed();
                    continue;
                }
                room = self.room.reserve(MOST) => room,
            };
            let (likely, since) = (self.likely.clone(), Instant::now());
            // Neither is ever dropped: a reply nobody reads would leave messages that nobody executes.
            let look = if idle {
                self.wait(&mut connection, signs).await
            } else {
                signs.forget();
                in_time(RESPONSE_TIMEOUT, self.take(&mut connection, room)).await
            };
            let count = look.as_ref().map_or(0, |look| look.messages.len());
            self.room.release(room - count);
            let Look { messages, more } = look?;
            if !messages.is_empty() {
                drop(self.events.send(Event::Arrived { since, messages }));
                // What has come starts before more is asked for.
                yield_now().await;
            }
            // The list to wait at is not watched, so another one must be looked into first.
            let same = self.client_id.is_none() || likely == self.likely;
            idle = !more && same && !signs.changed();
        }
    }
}
