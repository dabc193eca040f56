//! Waits for messages without polling, and takes them without ever being their only holder.
//!
//! One pipeline does both: the take script, then `EXISTS` on all lists over a connection with
//! `CLIENT TRACKING`. If the lists are empty the server now owes us one invalidation message as soon
//! as any of them changes; if not, there is more to take. Nothing falls between, for the pipeline is
//! one connection's sequence and the registration comes after the take. `NOLOOP` keeps our own pops
//! from waking us. Several idle workers are all woken by one message; all but one find nothing.

use std::{collections::HashMap, sync::Arc, time::Duration};

use redis::{AsyncCommands, Pipeline, PushKind, RedisError, Value, aio::MultiplexedConnection};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    keys::{DEAD_LETTER_LIMIT, Keys, PRIORITY_STEPS},
    link::{Backoff, PushHandler, Server, is_no_script},
    message::Message,
    scripts,
    worker::{job::Taken, pool::Source, runtime::Core},
};

/// Most messages taken in one round trip.
const MOST: usize = 128;
/// An idle worker looks this often without being told to: it proves that the connection still lives.
const UPKEEP: Duration = Duration::from_secs(25);
/// How long to wait before the first take for what other workers know to be revoked.
const MINGLE: Duration = Duration::from_millis(1500);

/// What the consumer hears from the fetcher.
#[derive(Debug)]
pub(crate) enum Event {
    /// Messages now held, in the order to execute them.
    Taken(Vec<Taken>),
    /// A connection was made. `run_id` tells whether it is still the same server process; `suspects` are the
    /// tags that it holds on our behalf, some perhaps without our knowing, for the reply was lost. Whatever was
    /// taken over the earlier connections has been told before.
    Connected { run_id: String, suspects: Vec<String> },
}

/// What a connection tells unasked.
#[derive(Clone, Default)]
struct Signs {
    /// A list changed.
    changed: Arc<Notify>,
    /// The connection is gone.
    lost: CancellationToken,
}

/// Why a connection is no longer served.
enum End {
    Stopped,
    Lost,
}

/// Takes messages.
pub(crate) struct Fetcher {
    server: Server,
    keys: Keys,
    /// Where to take from; remote control changes it.
    sources: watch::Receiver<Vec<Source>>,
    queues: Vec<String>,
    /// The keys of the take script: four of its own, then the lists.
    fixed_keys: [String; 4],
    /// List names by step and queue.
    lists: Vec<Vec<String>>,
    bindings: Vec<(String, String)>,
    /// Rotates as queues are served.
    order: Vec<usize>,
    consumer: String,
    /// Free places for messages.
    permits: Arc<Semaphore>,
    events: mpsc::UnboundedSender<Event>,
    mingled: CancellationToken,
    stop: CancellationToken,
}

impl Fetcher {
    pub(crate) fn new(
        server: Server,
        core: &Core,
        sources: watch::Receiver<Vec<Source>>,
        permits: Arc<Semaphore>,
        events: mpsc::UnboundedSender<Event>,
        stop: CancellationToken,
    ) -> Self {
        let keys = &core.keys;
        let mut fetcher = Self {
            server,
            keys: keys.clone(),
            sources,
            order: Vec::new(),
            queues: Vec::new(),
            fixed_keys: [
                keys.unacked(),
                keys.unacked_index(),
                keys.owners(),
                keys.dead_letter(),
            ],
            lists: Vec::new(),
            bindings: Vec::new(),
            consumer: core.consumer.clone(),
            permits,
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
        self.queues = sources.into_iter().map(|source| source.queue).collect();
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
            () = self.stop.cancelled() => return,
        }
        while !self.stop.is_cancelled() {
            let signs = Signs::default();
            match self.connect(&signs, after_loss).await {
                Ok(connection) => {
                    backoff = Backoff::new();
                    match self.serve(connection, &signs).await {
                        Ok(End::Stopped) => return,
                        Ok(End::Lost) => tracing::warn!("lost the connection to Redis"),
                        Err(error) => tracing::warn!(error = %error, "lost the connection to Redis"),
                    }
                    after_loss = true;
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
    }

    async fn connect(&self, signs: &Signs, after_loss: bool) -> Result<MultiplexedConnection, RedisError> {
        let given = signs.clone();
        let push: PushHandler = Arc::new(move |info| match info.kind {
            PushKind::Invalidate => given.changed.notify_one(),
            PushKind::Disconnection => given.lost.cancel(),
            _ => {}
        });
        let mut connection = self.server.connect(Some(push)).await?;
        let mut setup = redis::pipe();
        setup
            .cmd("CLIENT")
            .arg("TRACKING")
            .arg("ON")
            .arg("NOLOOP")
            .ignore();
        self.bind(&mut setup);
        setup.cmd("INFO").arg("server");
        let (info,): (String,) = setup.query_async(&mut connection).await?;
        let mut suspects = Vec::new();
        if after_loss {
            let owners: HashMap<String, String> = connection.hgetall(&self.fixed_keys[2]).await?;
            let ours = owners
                .into_iter()
                .filter(|(_, owner)| owner.starts_with(&self.consumer));
            suspects.extend(ours.map(|(tag, _)| tag));
        }
        let run_id = info
            .lines()
            .find_map(|line| line.strip_prefix("run_id:"))
            .unwrap_or_default()
            .trim()
            .to_owned();
        drop(self.events.send(Event::Connected { run_id, suspects }));
        Ok(connection)
    }

    /// Takes messages over one connection.
    async fn serve(
        &mut self,
        mut connection: MultiplexedConnection,
        signs: &Signs,
    ) -> Result<End, RedisError> {
        loop {
            if self.sources.has_changed().unwrap_or(false) {
                self.follow_sources();
                let mut bindings = redis::pipe();
                self.bind(&mut bindings);
                if !self.bindings.is_empty() {
                    bindings.query_async::<()>(&mut connection).await?;
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
                room = self.room() => room,
            };
            // Not cancelled: a reply nobody reads would leave messages that nobody executes.
            let taken = self.take(&mut connection, room).await;
            let count = taken.as_ref().map_or(0, |(taken, _)| taken.len());
            self.permits.add_permits(room - count);
            let (taken, more) = taken?;
            if !taken.is_empty() {
                drop(self.events.send(Event::Taken(taken)));
            }
            if more {
                continue;
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(End::Stopped),
                () = signs.lost.cancelled() => return Ok(End::Lost),
                () = signs.changed.notified() => {}
                Ok(()) = self.sources.changed() => self.sources.mark_changed(),
                () = tokio::time::sleep(UPKEEP) => {}
            }
        }
    }

    /// Waits for room for one message, and reserves what more there is.
    async fn room(&self) -> usize {
        // The semaphore is never closed.
        if let Ok(permit) = self.permits.acquire().await {
            permit.forget();
        }
        let more = self.permits.available_permits().min(MOST - 1);
        match self.permits.try_acquire_many(u32::try_from(more).unwrap_or(0)) {
            Ok(permits) => {
                permits.forget();
                1 + more
            }
            Err(_) => 1,
        }
    }

    /// Takes up to `room` messages; also tells whether to look again at once.
    async fn take(
        &mut self,
        connection: &mut MultiplexedConnection,
        room: usize,
    ) -> Result<(Vec<Taken>, bool), RedisError> {
        let lists: Vec<&String> = self
            .lists
            .iter()
            .flat_map(|step| self.order.iter().filter_map(|at| step.get(*at)))
            .collect();
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        pipeline
            .cmd("EVALSHA")
            .arg(scripts::TAKE.get_hash())
            .arg(4 + lists.len());
        pipeline.arg(&self.fixed_keys).arg(&lists);
        pipeline
            .arg(room)
            .arg(self.queues.len())
            .arg(PRIORITY_STEPS.len())
            .arg(&self.consumer)
            .arg(DEAD_LETTER_LIMIT);
        pipeline.cmd("EXISTS").arg(&lists);
        let (reply, waiting): (Value, Value) = pipeline.query_async(connection).await?;
        if is_no_script(&reply) {
            scripts::loader().exec_async(connection).await?;
            return Ok((Vec::new(), true));
        }
        // Anything but a reply (out of memory, read-only) passes by itself: a new connection comes with a pause.
        let (order, taken, rejected): (Vec<usize>, Vec<Value>, Vec<Value>) = redis::from_redis_value(reply)?;
        let taken = self.entries(taken, 3);
        for entry in self.entries(rejected, 2) {
            let id = Message::id_of(&entry.raw).unwrap_or_else(|| "unknown".to_owned());
            tracing::error!(
                task.id = id,
                queue = entry.queue,
                "set aside a message without a readable envelope"
            );
        }
        self.order = order
            .iter()
            .filter_map(|at| self.order.get(at - 1).copied())
            .collect();
        let waiting: u64 = redis::from_redis_value(waiting)?;
        Ok((taken, waiting > 0))
    }

    /// Reads `(queue, tag, message)` or `(queue, message)` groups, the queue as its number in this call's order.
    fn entries(&self, flat: Vec<Value>, width: usize) -> Vec<Taken> {
        let mut entries = Vec::with_capacity(flat.len() / width);
        let mut values = flat.into_iter();
        while let Some(queue) = values.next() {
            let at: usize = redis::from_redis_value(queue).unwrap_or(1);
            let queue = self
                .order
                .get(at.saturating_sub(1))
                .and_then(|at| self.queues.get(*at))
                .cloned()
                .unwrap_or_default();
            let mut text = || match values.next() {
                Some(Value::BulkString(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
                _ => String::new(),
            };
            let tag = if width == 3 { text() } else { String::new() };
            entries.push(Taken {
                queue,
                tag,
                raw: text(),
            });
        }
        entries
    }
}
