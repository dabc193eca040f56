//! Changes as they happen: what api and workers wrote to an organisation's Redis stream, handed on to
//! open pages. Each page reads for itself from where it is, so that a slow one costs no memory, nothing
//! comes twice, and nothing is missed that the stream still holds.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::change::{CHANGE_FIELD, Change};
use domain::ids::{OrgId, UserId};
use domain::redis_keys::{self, EVENTS_MAX_LEN, EVENTS_TTL};
use entities::repo::members;
use futures::Stream;
use redis::AsyncCommands as _;
use redis::streams::{StreamId, StreamMaxlen, StreamRangeReply};
use tokio::time::Instant;

use crate::access::authenticate;
use crate::context::Context;
use crate::error::{ApiError, chain};

/// How often a page looks for news.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is looked at whether the caller may still read.
const RECHECK: Duration = Duration::from_secs(30);
/// Open streams of one user.
const MAX_PER_USER: usize = 20;
/// Entries handed on at a time.
const BATCH: usize = 200;

/// Counts open streams.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<Mutex<HashMap<UserId, usize>>>);

/// One open stream's place among its user's.
#[derive(Debug)]
pub struct Slot {
    streams: Streams,
    user: UserId,
}

impl Streams {
    /// A place for one more; 429 when the user has too many.
    pub fn open(&self, user: &UserId) -> Result<Slot, ApiError> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(user.clone()).or_default();
        if *count >= MAX_PER_USER {
            return Err(ApiError::too_many(RECHECK.as_secs()));
        }
        *count += 1;
        Ok(Slot {
            streams: self.clone(),
            user: user.clone(),
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
    }
}

/// What a page is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The stream is open; everything after this id will come.
    Ready(String),
    /// Something may have been missed: read everything again.
    Resync(String),
    /// A change, as JSON.
    Changed(String, serde_json::Value),
}

/// Who reads what.
pub struct Reader {
    context: Context,
    token: String,
    org: OrgId,
    user: UserId,
    last: String,
    waiting: VecDeque<News>,
    recheck_at: Instant,
    _slot: Slot,
}

/// Opens a stream of an organisation's changes after `last_event_id`, or from now on.
pub async fn open(
    context: &Context,
    token: String,
    org: OrgId,
    user: UserId,
    last_event_id: Option<&str>,
) -> Result<impl Stream<Item = News> + Send + 'static, ApiError> {
    let slot = context.streams.open(&user)?;
    let mut reader = Reader {
        context: context.clone(),
        token,
        org,
        user,
        last: String::new(),
        waiting: VecDeque::new(),
        recheck_at: Instant::now() + RECHECK,
        _slot: slot,
    };
    reader
        .start(last_event_id.filter(|id| is_entry_id(id)))
        .await
        .map_err(|error| {
            tracing::warn!(error = %chain(&error), "an event stream could not be opened");
            ApiError::unavailable()
        })?;
    Ok(futures::stream::unfold(reader, |mut reader| async move {
        let news = reader.next().await?;
        Some((news, reader))
    }))
}

impl Reader {
    async fn start(&mut self, last_event_id: Option<&str>) -> redis::RedisResult<()> {
        let key = redis_keys::events(&self.org);
        let mut redis = self.context.redis.clone();
        let newest: StreamRangeReply = redis.xrevrange_count(&key, "+", "-", 1).await?;
        let oldest: StreamRangeReply = redis.xrange_count(&key, "-", "+", 1).await?;
        let newest = newest.ids.first().map_or("0-0", |entry| entry.id.as_str());
        let holds = |id: &str| {
            oldest
                .ids
                .first()
                .is_some_and(|oldest| parts(&oldest.id) <= parts(id))
        };
        let resumed = last_event_id.filter(|id| holds(id) || *id == newest);
        resumed.unwrap_or(newest).clone_into(&mut self.last);
        let missed_some = last_event_id.is_some() && resumed.is_none();
        let first = if missed_some { News::Resync } else { News::Ready };
        self.waiting.push_back(first(self.last.clone()));
        Ok(())
    }

    /// The next news; `None` ends the stream: the server stops, or the caller may no longer read.
    async fn next(&mut self) -> Option<News> {
        let stopping = self.context.shutdown.token();
        loop {
            if stopping.is_cancelled() {
                return None;
            }
            if let Some(news) = self.waiting.pop_front() {
                return Some(news);
            }
            if Instant::now() >= self.recheck_at {
                if !self.may_read().await {
                    return None;
                }
                self.recheck_at = Instant::now() + RECHECK;
            }
            self.fetch().await;
            if self.waiting.is_empty() {
                tokio::select! {
                    () = stopping.cancelled() => return None,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }

    async fn fetch(&mut self) {
        let key = redis_keys::events(&self.org);
        let after = format!("({}", self.last);
        let found: redis::RedisResult<StreamRangeReply> = self
            .context
            .redis
            .clone()
            .xrange_count(&key, after, "+", BATCH)
            .await;
        // Redis is away: the page keeps what it has, and gets the rest when Redis is back.
        let Ok(found) = found else { return };
        for entry in found.ids {
            self.last.clone_from(&entry.id);
            if let Some(change) = change_of(&entry) {
                self.waiting.push_back(News::Changed(entry.id, change));
            }
        }
    }

    async fn may_read(&self) -> bool {
        let signed_in = authenticate(&self.context, &self.token).await.is_ok();
        signed_in
            && matches!(
                members::membership(&self.context.db, &self.org, &self.user).await,
                Ok(Some(_))
            )
    }
}

fn change_of(entry: &StreamId) -> Option<serde_json::Value> {
    let text: String = entry.get(CHANGE_FIELD)?;
    // Whoever can write to Redis can write anything; only what is a change is handed on.
    let change: Change = serde_json::from_str(&text).ok()?;
    serde_json::to_value(change).ok()
}

fn is_entry_id(id: &str) -> bool {
    id.len() <= 41 && parts(id).is_some()
}

fn parts(id: &str) -> Option<(u64, u64)> {
    let (time, number) = id.split_once('-')?;
    Some((time.parse().ok()?, number.parse().ok()?))
}

impl Context {
    /// Tells an organisation's stream what changed; after the commit. Events are hints: a Redis that is
    /// away costs a log line and nothing else.
    pub async fn publish(&self, org: &OrgId, change: &Change) {
        let Ok(json) = serde_json::to_string(change) else {
            return;
        };
        let key = redis_keys::events(org);
        let ttl = i64::try_from(EVENTS_TTL.as_secs()).unwrap_or(i64::MAX);
        let mut pipeline = redis::pipe();
        pipeline
            .xadd_maxlen(
                &key,
                StreamMaxlen::Approx(EVENTS_MAX_LEN),
                "*",
                &[(CHANGE_FIELD, json)],
            )
            .ignore()
            .expire(&key, ttl)
            .ignore();
        if let Err(error) = pipeline.query_async::<()>(&mut self.redis.clone()).await {
            tracing::warn!(error = %error, org.id = %org, "an event was not published; open pages refresh by themselves");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_of_a_stream_is_taken_from_a_client() {
        assert!(is_entry_id("1700000000000-12"));
        for id in ["", "+", "$", "1", "1-2-3", "a-b", "(1-1", "1-1 COUNT 5"] {
            assert!(!is_entry_id(id), "{id:?}");
        }
    }

    #[test]
    fn ids_are_compared_as_numbers() {
        assert!(parts("9-0") < parts("10-0"));
        assert!(parts("10-2") < parts("10-10"));
    }

    #[test]
    fn a_user_has_so_many_streams_and_no_more() {
        let (streams, user) = (Streams::default(), UserId::new());
        let open: Vec<Slot> = (0..MAX_PER_USER)
            .filter_map(|_| streams.open(&user).ok())
            .collect();
        assert_eq!(open.len(), MAX_PER_USER);
        assert!(streams.open(&user).is_err());
        assert!(streams.open(&UserId::new()).is_ok());
        drop(open);
        assert!(streams.open(&user).is_ok());
    }
}
