//! Changes as they happen: what api and workers wrote to an organisation's Redis stream, handed on to
//! open pages. A page begins with what it missed, read from Redis; from then on [`hub`] tells it. Nothing
//! comes twice, and who may have missed something is told to read everything again.

pub mod entry_id;
pub mod hub;
pub mod logs;
pub mod places;

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::change::{CHANGE_FIELD, Change};
use domain::ids::{InstanceId, OrgId, UserId};
use domain::redis_keys::{self, EVENTS_MAX_LEN, EVENTS_TTL};
use entities::repo::members;
use futures::Stream;
use redis::streams::{StreamId, StreamMaxlen, StreamRangeReply};
use tokio::time::Instant;

use self::entry_id::EntryId;
use self::hub::{Hub, Signal, Subscription};
use self::places::{Place, Places};
use crate::access::authenticate;
use crate::context::Context;
use crate::error::{ApiError, chain};

/// After how long at most it is looked at again whether the caller may still read.
const RECHECK: Duration = Duration::from_secs(29);
/// Pages that came together don't look together: each looks this much earlier at most.
const RECHECK_SPREAD: Duration = Duration::from_secs(9);
/// How long Redis may take to begin; as for other commands.
const OPENING: Duration = Duration::from_secs(2);
/// Open streams of one user.
const MAX_PER_USER: usize = 20;
/// Entries that are told again; who missed more reads everything again, which is cheaper by then.
const MAX_REPLAY: usize = 1_000;

/// The open streams of this process: how many each user has, and where their news come from.
#[derive(Clone, Default)]
pub struct Streams(Arc<Open>);

#[derive(Default)]
struct Open {
    pages: Places<UserId>,
    logs: Places<UserId>,
    viewers: Places<InstanceId>,
    hub: OnceLock<Hub>,
}

impl Streams {
    /// A place for one more; 429 when the user has too many.
    pub fn open(&self, user: &UserId) -> Result<Place<UserId>, ApiError> {
        let place = self.0.pages.take(user, MAX_PER_USER);
        place.ok_or_else(|| ApiError::too_many(RECHECK.as_secs()))
    }

    /// Places for one more viewer of an instance's log; `None` when the user or the instance has too many.
    pub fn open_log(
        &self,
        user: &UserId,
        instance: &InstanceId,
    ) -> Option<(Place<UserId>, Place<InstanceId>)> {
        let of_user = self.0.logs.take(user, logs::MAX_PER_USER)?;
        let of_instance = self.0.viewers.take(instance, logs::MAX_PER_INSTANCE)?;
        Some((of_user, of_instance))
    }

    /// Where news come from; started when first needed.
    pub fn hub(&self, context: &Context) -> &Hub {
        self.0.hub.get_or_init(|| {
            let url = context.settings.redis.url.clone();
            Hub::start(url, context.redis.clone(), &context.shutdown)
        })
    }
}

/// What a page is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The stream is open; everything after this id will come.
    Ready(String),
    /// Nothing can be told for now, though the stream stays open; a resync comes when that is over. With the id of
    /// what was told last.
    Stalled(String),
    /// Something may have been missed: read everything again.
    Resync(String),
    /// A change, as JSON.
    Changed(String, serde_json::Value),
}

/// Why a stream could not be opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("reading the stream from Redis failed")]
    Redis(#[from] redis::RedisError),
    #[error("Redis did not answer in time")]
    Late(#[from] tokio::time::error::Elapsed),
    #[error("the task was not sent")]
    Queue(#[from] celery_redis::Error),
}

/// Who reads what.
struct Reader {
    context: Context,
    token: String,
    org: OrgId,
    user: UserId,
    subscription: Subscription,
    last: EntryId,
    waiting: VecDeque<News>,
    recheck_at: Instant,
    _place: Place<UserId>,
}

/// Opens a stream of an organisation's changes after `last_event_id`, or from now on.
pub async fn open(
    context: &Context,
    token: String,
    org: OrgId,
    user: UserId,
    last_event_id: Option<&str>,
) -> Result<impl Stream<Item = News> + Send + 'static, ApiError> {
    let place = context.streams.open(&user)?;
    let last_event_id = last_event_id.and_then(|id| id.parse().ok());
    let (subscription, beginning) = begin(context, &org, last_event_id).await.map_err(|error| {
        tracing::warn!(error = %chain(&error), "an event stream could not be opened");
        ApiError::unavailable()
    })?;
    let reader = Reader {
        context: context.clone(),
        token,
        org,
        user,
        subscription,
        last: beginning.last,
        waiting: beginning.news,
        recheck_at: next_recheck(),
        _place: place,
    };
    Ok(futures::stream::unfold(reader, |mut reader| async move {
        let news = reader.next().await?;
        Some((news, reader))
    }))
}

/// Follows the stream first and reads what was missed then, so that nothing falls in between.
async fn begin(
    context: &Context,
    org: &OrgId,
    after: Option<EntryId>,
) -> Result<(Subscription, Beginning), OpenError> {
    let key = redis_keys::events(org);
    let hub = context.streams.hub(context);
    let mut subscription = hub.subscribe(key.clone()).await?;
    tokio::time::timeout(OPENING, subscription.ready()).await?;
    let mut pipeline = redis::pipe();
    pipeline.atomic().xrange_count(&key, "-", "+", 1);
    pipeline.xrevrange_count(&key, "+", "-", 1);
    if let Some(after) = after {
        pipeline.xrange_count(&key, format!("({after}"), "+", MAX_REPLAY + 1);
    }
    let ranges: Vec<StreamRangeReply> = pipeline.query_async(&mut context.redis.clone()).await?;
    Ok((subscription, Beginning::of(after, ranges)))
}

/// What a page is told first, and up to where that goes.
struct Beginning {
    news: VecDeque<News>,
    last: EntryId,
}

impl Beginning {
    /// From the oldest entry, the newest one, and what came after the page's last.
    fn of(after: Option<EntryId>, ranges: Vec<StreamRangeReply>) -> Self {
        let mut ranges = ranges.into_iter().map(|range| range.ids);
        let mut range = || ranges.next().unwrap_or_default();
        let (oldest, newest, missed) = (range(), range(), range());
        let id_of = |entries: &[StreamId]| entries.first()?.id.parse::<EntryId>().ok();
        let newest = id_of(&newest).unwrap_or_default();
        let oldest = id_of(&oldest).unwrap_or(newest);
        let (first, missed) = match after {
            None => (News::Ready(newest.to_string()), Vec::new()),
            // An id after the newest is of a stream that Redis has lost since.
            Some(after) if (oldest..=newest).contains(&after) && missed.len() <= MAX_REPLAY => {
                (News::Ready(after.to_string()), missed)
            }
            Some(_) => (News::Resync(newest.to_string()), Vec::new()),
        };
        let replayed = missed.iter().filter_map(news_of);
        Self {
            news: std::iter::once(first).chain(replayed).collect(),
            last: newest,
        }
    }
}

impl Reader {
    /// The next news; `None` ends the stream: the server stops, or the caller may no longer read.
    async fn next(&mut self) -> Option<News> {
        let stopping = self.context.shutdown.token();
        loop {
            if stopping.is_cancelled() {
                return None;
            }
            if Instant::now() >= self.recheck_at {
                if !self.may_read().await {
                    return None;
                }
                self.recheck_at = next_recheck();
            }
            if let Some(news) = self.waiting.pop_front() {
                return Some(news);
            }
            tokio::select! {
                () = stopping.cancelled() => return None,
                () = tokio::time::sleep_until(self.recheck_at) => {}
                signal = self.subscription.next() => self.take(signal),
            }
        }
    }

    fn take(&mut self, signal: Signal) {
        match signal {
            Signal::Entry(id, entry) if id > self.last => {
                self.last = id;
                let Some(change) = change_of(&entry) else { return };
                if matches!(&change, Change::MemberChanged { user_id } if *user_id == self.user) {
                    // Perhaps the caller was removed: nothing more is told before that is known.
                    self.recheck_at = Instant::now();
                }
                self.waiting.extend(changed(id.to_string(), &change));
            }
            // Already told.
            Signal::Entry(..) => {}
            Signal::Stalled => self.waiting.push_back(News::Stalled(self.last.to_string())),
            Signal::Lost(place) => {
                self.last = place;
                self.waiting.push_back(News::Resync(place.to_string()));
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

fn next_recheck() -> Instant {
    Instant::now() + RECHECK - rand::random_range(Duration::ZERO..=RECHECK_SPREAD)
}

fn news_of(entry: &StreamId) -> Option<News> {
    changed(entry.id.clone(), &change_of(entry)?)
}

fn changed(id: String, change: &Change) -> Option<News> {
    Some(News::Changed(id, serde_json::to_value(change).ok()?))
}

/// Whoever can write to Redis can write anything; only what is a change is handed on.
fn change_of(entry: &StreamId) -> Option<Change> {
    let text: String = entry.get(CHANGE_FIELD)?;
    serde_json::from_str(&text).ok()
}

impl Context {
    /// Tells an organisation's stream what changed; after the commit. Events are hints: a Redis that is
    /// away costs a log line and nothing else.
    pub async fn publish(&self, org: &OrgId, change: &Change) {
        self.publish_all(org, std::slice::from_ref(change)).await;
    }

    /// As [`Self::publish`], for several changes in one round trip.
    pub async fn publish_all(&self, org: &OrgId, changes: &[Change]) {
        let key = redis_keys::events(org);
        let ttl = i64::try_from(EVENTS_TTL.as_secs()).unwrap_or(i64::MAX);
        let mut pipeline = redis::pipe();
        for change in changes {
            let Ok(json) = serde_json::to_string(change) else {
                continue;
            };
            let limit = StreamMaxlen::Approx(EVENTS_MAX_LEN);
            pipeline
                .xadd_maxlen(&key, limit, "*", &[(CHANGE_FIELD, json)])
                .ignore();
        }
        pipeline.expire(&key, ttl).ignore();
        if let Err(error) = pipeline.query_async::<()>(&mut self.redis.clone()).await {
            tracing::warn!(error = %error, org.id = %org, "an event was not published; open pages refresh by themselves");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn range(ids: &[&str]) -> StreamRangeReply {
        let entry = |id: &&str| StreamId {
            id: (*id).to_owned(),
            map: HashMap::from([(
                CHANGE_FIELD.to_owned(),
                redis::Value::BulkString(br#"{"kind":"org_changed"}"#.to_vec()),
            )]),
            ..StreamId::default()
        };
        StreamRangeReply {
            ids: ids.iter().map(entry).collect(),
        }
    }

    #[test]
    fn a_page_goes_on_where_it_was_or_is_told_of_the_gap() {
        let begin = |after: Option<&str>, oldest: &[&str], newest: &[&str], missed: &[&str]| {
            let after = after.map(|id| id.parse().unwrap());
            let begun = Beginning::of(after, vec![range(oldest), range(newest), range(missed)]);
            assert_eq!(begun.last.to_string(), *newest.first().unwrap_or(&"0-0"));
            begun.news
        };
        let ready = |id: &str| News::Ready(id.to_owned());
        let resync = |id: &str| News::Resync(id.to_owned());
        assert_eq!(begin(None, &[], &[], &[]), [ready("0-0")]);
        assert_eq!(begin(None, &["5-0"], &["9-0"], &[]), [ready("9-0")]);
        assert_eq!(begin(Some("9-0"), &["5-0"], &["9-0"], &[]), [ready("9-0")]);
        let replayed = begin(Some("5-0"), &["5-0"], &["9-0"], &["7-0", "9-0"]);
        assert_eq!(replayed.len(), 3);
        assert_eq!(replayed.front(), Some(&ready("5-0")));
        assert!(matches!(replayed.back(), Some(News::Changed(id, _)) if id == "9-0"));
        let trimmed = begin(Some("4-0"), &["5-0"], &["9-0"], &["5-0", "9-0"]);
        assert_eq!(trimmed, [resync("9-0")]);
        assert_eq!(begin(Some("10-0"), &["5-0"], &["9-0"], &[]), [resync("9-0")]);
        assert_eq!(begin(Some("4-0"), &[], &[], &[]), [resync("0-0")]);
        let many = vec!["9-0"; MAX_REPLAY + 1];
        assert_eq!(begin(Some("5-0"), &["5-0"], &["9-0"], &many), [resync("9-0")]);
    }

    #[test]
    fn a_user_has_so_many_streams_and_no_more() {
        let (streams, user) = (Streams::default(), UserId::new());
        let open: Vec<Place<UserId>> = (0..MAX_PER_USER)
            .filter_map(|_| streams.open(&user).ok())
            .collect();
        assert_eq!(open.len(), MAX_PER_USER);
        assert!(streams.open(&user).is_err());
        assert!(streams.open(&UserId::new()).is_ok());
        drop(open);
        assert!(streams.open(&user).is_ok());
    }
}
