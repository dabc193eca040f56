//! One blocked read on one connection for all the Redis streams that somebody in this process follows.
//!
//! Each followed stream is a topic: its place and a ring of the newest entries that all its followers
//! share, so that memory is bounded by topics and not by how slow anybody is. A new topic gets its place
//! from Redis at the hub's next round, for which a stream of the hub's own (`wake`) ends the blocked read.
//! Whoever can't have been told everything (too slow a follower, too far behind a hub, a Redis that was
//! away) is told [`Signal::Lost`]; that Redis is away is told at once, as [`Signal::Stalled`]. Upkeep: one `XREAD` per `BLOCK`, and nothing while nobody follows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::redis_keys::{self, WAKE_TTL};
use process::Shutdown;
use redis::aio::{ConnectionManager, MultiplexedConnection};
use redis::streams::{StreamId, StreamMaxlen, StreamRangeReply, StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands as _, AsyncConnectionConfig, RedisResult};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast, watch};

use super::entry_id::EntryId;

/// How long one read waits for news.
const BLOCK: Duration = Duration::from_secs(30);
/// What an answer may take beyond that, and any other answer at all.
const PATIENCE: Duration = Duration::from_secs(5);
/// Entries of one topic that a follower may be behind, and that one read may bring.
const CAPACITY: usize = 256;
/// The first pause before connecting again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause before connecting again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Follows streams for the whole process; cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Shared>);

struct Shared {
    url: SecretString,
    redis: ConnectionManager,
    wake_key: String,
    topics: Mutex<HashMap<String, Topic>>,
    followed: Notify,
}

struct Topic {
    /// Everything up to here was handed on; `None` until Redis said where the stream ends.
    place: watch::Sender<Option<EntryId>>,
    signals: broadcast::Sender<Signal>,
    followers: usize,
    /// Followers have to be told that they may have missed something.
    lost: bool,
}

/// What a follower is told.
#[derive(Debug, Clone)]
pub enum Signal {
    /// An entry. The same one may come twice around the beginning: skip what is not after the last.
    Entry(EntryId, Arc<StreamId>),
    /// Redis is away: nothing comes until it is back, and then [`Signal::Lost`] first.
    Stalled,
    /// Entries may have been missed; those after this id will come.
    Lost(EntryId),
}

/// One follower of one stream; dropping it ends that.
pub struct Subscription {
    hub: Hub,
    key: String,
    place: watch::Receiver<Option<EntryId>>,
    signals: broadcast::Receiver<Signal>,
    lagged: bool,
}

impl Hub {
    /// Starts one that ends with the process. It connects when somebody follows a stream.
    pub fn start(url: SecretString, redis: ConnectionManager, shutdown: &Shutdown) -> Self {
        let hub = Self(Arc::new(Shared {
            url,
            redis,
            wake_key: redis_keys::wake(&format!("{:032x}", rand::random::<u128>())),
            topics: Mutex::default(),
            followed: Notify::new(),
        }));
        let (reader, stopping) = (hub.clone(), shutdown.token());
        shutdown.tasks().spawn(async move {
            stopping.run_until_cancelled(reader.run()).await;
        });
        hub
    }

    /// Follows a stream. Every entry that is added after [`Subscription::ready`] will come.
    pub async fn subscribe(&self, key: String) -> RedisResult<Subscription> {
        let (subscription, is_new) = self.add_follower(key);
        if is_new {
            self.0.followed.notify_one();
            // The hub may be in a read that does not know of this stream.
            let ttl = i64::try_from(WAKE_TTL.as_secs()).unwrap_or(i64::MAX);
            let key = &self.0.wake_key;
            redis::pipe()
                .xadd_maxlen(key, StreamMaxlen::Equals(1), "*", &[("w", "1")])
                .ignore()
                .expire(key, ttl)
                .ignore()
                .query_async::<()>(&mut self.0.redis.clone())
                .await?;
        }
        Ok(subscription)
    }

    fn add_follower(&self, key: String) -> (Subscription, bool) {
        let mut topics = self.topics();
        let topic = topics.entry(key.clone()).or_insert_with(Topic::new);
        topic.followers += 1;
        let subscription = Subscription {
            hub: self.clone(),
            key,
            place: topic.place.subscribe(),
            signals: topic.signals.subscribe(),
            lagged: false,
        };
        (subscription, topic.followers == 1)
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<String, Topic>> {
        self.0.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            while self.topics().is_empty() {
                self.0.followed.notified().await;
            }
            let Err(error) = self.follow(&mut pause).await else {
                continue;
            };
            tracing::warn!(error = %error, "Redis is away; open streams wait and are told to read again when it is back");
            self.lose_all();
            tokio::time::sleep(rand::random_range(pause / 2..=pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Reads until nobody follows anything any more, on a connection of its own.
    async fn follow(&self, pause: &mut Duration) -> RedisResult<()> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(BLOCK + PATIENCE));
        let client = redis::Client::open(self.0.url.expose_secret())?;
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let mut woken = EntryId::default();
        while !self.topics().is_empty() {
            self.place_new_topics(&mut connection).await?;
            let reply = self.read(&mut connection, woken).await?;
            *pause = FIRST_PAUSE;
            for stream in reply.map_or_else(Vec::new, |reply| reply.keys) {
                let entries: Vec<_> = stream.ids.into_iter().filter_map(with_id).collect();
                let Some((last, _)) = entries.last() else { continue };
                if stream.key == self.0.wake_key {
                    woken = *last;
                } else {
                    self.hand_on(&stream.key, *last, entries);
                }
            }
        }
        Ok(())
    }

    /// Asks Redis where the streams end that have no place yet.
    async fn place_new_topics(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let keys: Vec<String> = self
            .topics()
            .iter()
            .filter(|(_, topic)| topic.place.borrow().is_none())
            .map(|(key, _)| key.clone())
            .collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut pipeline = redis::pipe();
        for key in &keys {
            pipeline.xrevrange_count(key, "+", "-", 1);
        }
        let asked = pipeline.query_async::<Vec<StreamRangeReply>>(connection);
        let newest = tokio::time::timeout(PATIENCE, asked)
            .await
            .map_err(std::io::Error::from)??;
        let mut topics = self.topics();
        for (key, newest) in keys.iter().zip(newest) {
            if let Some(topic) = topics.get_mut(key) {
                let last = newest.ids.first().and_then(|entry| entry.id.parse().ok());
                topic.begin(last.unwrap_or_default());
            }
        }
        Ok(())
    }

    async fn read(
        &self,
        connection: &mut MultiplexedConnection,
        woken: EntryId,
    ) -> RedisResult<Option<StreamReadReply>> {
        let (mut keys, mut after) = (vec![self.0.wake_key.clone()], vec![woken.to_string()]);
        for (key, topic) in self.topics().iter() {
            if let Some(place) = *topic.place.borrow() {
                keys.push(key.clone());
                after.push(place.to_string());
            }
        }
        let block = usize::try_from(BLOCK.as_millis()).unwrap_or(usize::MAX);
        let options = StreamReadOptions::default().block(block).count(CAPACITY);
        connection.xread_options(&keys, &after, &options).await
    }

    fn hand_on(&self, key: &str, last: EntryId, entries: Vec<(EntryId, StreamId)>) {
        let mut topics = self.topics();
        // A topic without a place is a new one of this name: the reading was for an older one.
        let Some(topic) = topics.get_mut(key).filter(|topic| topic.place.borrow().is_some()) else {
            return;
        };
        if entries.len() >= CAPACITY {
            // So far behind that the stream may have been trimmed; and reading anew is cheaper by now.
            topic.lose();
            return;
        }
        // First: who is told of an entry finds a place that is not before it.
        topic.place.send_replace(Some(last));
        for (id, entry) in entries {
            // An error says that the last follower just left.
            let _ = topic.signals.send(Signal::Entry(id, Arc::new(entry)));
        }
    }

    fn lose_all(&self) {
        for topic in self.topics().values_mut() {
            if topic.lose() {
                // An error says that the last follower just left.
                let _ = topic.signals.send(Signal::Stalled);
            }
        }
    }
}

impl Topic {
    fn new() -> Self {
        Self {
            place: watch::Sender::new(None),
            signals: broadcast::Sender::new(CAPACITY),
            followers: 0,
            lost: false,
        }
    }

    /// Gives up the place; returns whether there was one. A topic that never had a place had nothing to lose.
    fn lose(&mut self) -> bool {
        let had_place = self.place.send_replace(None).is_some();
        self.lost |= had_place;
        had_place
    }

    fn begin(&mut self, last: EntryId) {
        self.place.send_replace(Some(last));
        if std::mem::take(&mut self.lost) {
            // An error says that the last follower just left.
            let _ = self.signals.send(Signal::Lost(last));
        }
    }
}

impl Subscription {
    /// Waits until the stream is followed; as long as Redis is away, or this process stops, that is for ever.
    pub async fn ready(&mut self) -> EntryId {
        let place = self.place.wait_for(Option::is_some).await.map(|place| *place);
        match place {
            Ok(Some(place)) => place,
            // Not before this follower is gone: until then the topic is kept.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// The next signal. May be cancelled at any time without losing one.
    pub async fn next(&mut self) -> Signal {
        if !self.lagged {
            match self.signals.recv().await {
                Ok(signal) => return signal,
                Err(RecvError::Closed) => std::future::pending().await,
                Err(RecvError::Lagged(_)) => {
                    self.signals = self.signals.resubscribe();
                    self.lagged = true;
                }
            }
        }
        // Read after subscribing anew: what comes is after this place, or comes twice.
        let place = self.ready().await;
        self.lagged = false;
        Signal::Lost(place)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = self.hub.topics();
        if let Some(topic) = topics.get_mut(&self.key) {
            topic.followers -= 1;
            if topic.followers == 0 {
                topics.remove(&self.key);
            }
        }
    }
}

fn with_id(entry: StreamId) -> Option<(EntryId, StreamId)> {
    Some((entry.id.parse().ok()?, entry))
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
