//! Keeps what this worker holds, and brings back what dead workers held.

use std::{collections::HashSet, sync::Arc, time::Duration};

use redis::{RedisError, Value};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    dead_letter,
    exception::Exception,
    json,
    link::lock,
    message::{self, Message},
    refusal::is_transient,
    routing::bound_queue,
    scripts,
    worker::{arrivals::adoption, job::Job, runtime::Core, writer::Call},
};

/// Tags handled in one round trip.
const CHUNK: usize = 500;
/// Bytes of messages read in one round trip, unless a single one is larger.
const PORTION: usize = 8 * 1024 * 1024;
/// Life of the sweep's lock. kombu's 300 s would stop all sweeps for that long when a worker dies in one; a
/// second sweep beside a slow one does no harm, since each message is moved by one atomic step.
const MUTEX_LIFE: Duration = Duration::from_secs(5);

impl Core {
    /// Vouches for deliveries; returns those that somebody else has taken over.
    pub(crate) async fn renew(&self, held: Vec<Arc<Job>>) -> Option<HashSet<String>> {
        let server = self.known_server();
        let mut lost = HashSet::new();
        if held.is_empty() {
            self.renew_tags([].into_iter()).await?;
        }
        for chunk in held.chunks(CHUNK) {
            lost.extend(self.renew_tags(chunk.iter().map(|job| &job.taken.tag)).await?);
        }
        if !lost.is_empty() && self.server_was_replaced(&server).await {
            let unknown: Vec<Arc<Job>> = held
                .into_iter()
                .filter(|job| lost.contains(&job.taken.tag))
                .collect();
            self.reinstate(&unknown).await;
            lost.clear();
            for chunk in unknown.chunks(CHUNK) {
                lost.extend(self.renew_tags(chunk.iter().map(|job| &job.taken.tag)).await?);
            }
        }
        Some(lost)
    }

    /// Puts a delivery back into `unacked` that was swept and taken again with this message.
    pub(crate) fn adopt_again(&self, raw: &str, job: &Job, begun: bool) {
        let mut keys = self.ledger();
        keys.push(self.keys.arrivals(&self.consumer));
        let call = Call::new(&scripts::ADOPT, keys).arg(&self.consumer);
        let call = adoption(job, raw, begun).into_iter().fold(call, Call::arg);
        drop(self.writer.post(call));
    }

    /// Notes that everything held was known to be ours at that time.
    pub(crate) fn vouch(&self, at: Instant) {
        *lock(&self.vouched) = at;
    }

    /// Whether what was asked for then, and taken later, may have been given back since: its worker may have stood still
    /// with the reply unread.
    pub(crate) fn is_old(&self, since: Instant) -> bool {
        since.elapsed() > self.settings.visibility_timeout / 2
    }

    /// How long ago everything held was last known to be ours.
    pub(crate) fn silence(&self) -> Duration {
        lock(&self.vouched).elapsed()
    }

    /// Whether a server that is another process now, and does not know a delivery of ours, has forgotten it.
    ///
    /// A worker that was silent for longer than the visibility timeout cannot tell from the delivery alone: others
    /// may have taken it over and ended it, and writing it back would make it run again. Then only a server that
    /// was started without any data has forgotten anything.
    pub(crate) async fn has_forgotten(&self) -> bool {
        if self.silence() < self.settings.visibility_timeout {
            return true;
        }
        let mut info = redis::pipe();
        info.cmd("INFO").arg("persistence");
        let Ok((text,)) = self.link.query::<(String,)>(&info).await else {
            // Running twice is the smaller evil.
            return true;
        };
        let value = |name: &str| {
            text.lines()
                .find_map(|line| line.trim().strip_prefix(name))
                .unwrap_or("0")
        };
        value("aof_enabled:") == "0" && value("rdb_last_load_keys_loaded:") == "0"
    }

    /// The server process that holds our deliveries, as far as we know; empty before the first connection.
    pub(crate) fn known_server(&self) -> String {
        lock(&self.run_id).clone()
    }

    /// Whether the server is another process than `known`, the one known when the question arose: by now the new
    /// one may be known, too.
    pub(crate) async fn server_was_replaced(&self, known: &str) -> bool {
        let mut info = redis::pipe();
        info.cmd("INFO").arg("server");
        let Ok((text,)) = self.link.query::<(String,)>(&info).await else {
            return false;
        };
        let run_id = text
            .lines()
            .find_map(|line| line.strip_prefix("run_id:"))
            .unwrap_or_default()
            .trim();
        !known.is_empty() && known != run_id
    }

    /// The keys of the script that gives a sign of life.
    pub(super) fn renew_keys(&self) -> [String; 3] {
        [self.keys.unacked_index(), self.keys.owners(), self.keys.workers()]
    }

    /// Gives a sign of life and vouches for tags; returns those that are somebody else's.
    pub(super) async fn renew_tags(&self, tags: impl Iterator<Item = &String>) -> Option<Vec<String>> {
        let call = Call::new(&scripts::RENEW, self.renew_keys().into());
        let call = tags.fold(call.arg(&self.consumer), Call::arg);
        let asked = Instant::now();
        let (now, lost): (String, Vec<String>) =
            redis::from_redis_value(self.writer.call(call).await?).ok()?;
        self.server_clock.set(asked, &now);
        Some(lost)
    }

    /// The messages behind tags, in order.
    async fn slots(&self, tags: &[String]) -> Result<Vec<Option<String>>, RedisError> {
        let mut slots = Vec::with_capacity(tags.len());
        for portion in self.portions(tags).await? {
            let mut get = redis::pipe();
            get.cmd("HMGET").arg(self.keys.unacked()).arg(portion);
            let (some,): (Vec<Option<String>>,) = self.link.query(&get).await?;
            slots.extend(some);
        }
        Ok(slots)
    }

    /// Cuts tags into runs whose messages are not too large together.
    async fn portions<'a>(&self, tags: &'a [String]) -> Result<Vec<&'a [String]>, RedisError> {
        if tags.is_empty() {
            return Ok(Vec::new());
        }
        let mut ask = redis::pipe();
        for tag in tags {
            ask.cmd("HSTRLEN").arg(self.keys.unacked()).arg(tag);
        }
        let sizes: Vec<usize> = self.link.query(&ask).await?;
        Ok(cut(tags, &sizes, PORTION))
    }

    /// Gives messages whose worker gave no sign of life for the visibility timeout back to their lists.
    pub(crate) async fn sweep(&self, held: HashSet<String>) {
        let token = Uuid::new_v4().simple().to_string();
        match self.try_sweep(&held, &token).await {
            Ok(0) => {}
            Ok(restored) => tracing::warn!(restored, "gave messages of lost workers back to their queues"),
            Err(error) if is_transient(&error) => tracing::debug!(error = %error, "sweep interrupted"),
            Err(error) => tracing::error!(error = %error, "sweep failed"),
        }
        // Through the writer, which waits for a lost connection: a lock left behind would stop everybody's sweeps.
        let release = Call::new(&scripts::RELEASE, vec![self.keys.unacked_mutex()]).arg(&token);
        self.writer.call(release).await;
    }

    async fn try_sweep(&self, held: &HashSet<String>, token: &str) -> Result<usize, RedisError> {
        let mut begin = redis::pipe();
        begin
            .cmd("SET")
            .arg(self.keys.unacked_mutex())
            .arg(token)
            .arg("NX")
            .arg("PX")
            .arg(millis(MUTEX_LIFE));
        begin.cmd("TIME");
        let (locked, (seconds, micros)): (Value, (f64, f64)) = self.link.query(&begin).await?;
        if locked != Value::Okay {
            return Ok(0);
        }
        let cutoff = seconds + micros / 1e6 - self.settings.visibility_timeout.as_secs_f64();
        let restored = self.restore_older(held, &format!("{cutoff:.6}")).await?;
        Ok(restored + self.restore_arrivals(cutoff).await?)
    }

    async fn restore_older(&self, held: &HashSet<String>, cutoff: &str) -> Result<usize, RedisError> {
        let mut restored = 0;
        let mut offset = 0;
        loop {
            // Newest first, as kombu scans: pushed to the popping end, the oldest is then popped first.
            let mut list = redis::pipe();
            list.cmd("ZREVRANGEBYSCORE")
                .arg(self.keys.unacked_index())
                .arg(cutoff)
                .arg("-inf");
            list.arg("LIMIT").arg(offset).arg(CHUNK);
            let (tags,): (Vec<String>,) = self.link.query(&list).await?;
            if tags.is_empty() {
                break;
            }
            let full = tags.len() == CHUNK;
            let (ours, stale): (Vec<String>, Vec<String>) =
                tags.into_iter().partition(|tag| held.contains(tag));
            restored += self.restore_chunk(&stale, cutoff).await?;
            if !full {
                break;
            }
            offset += ours.len() + self.still_there(&stale, cutoff).await?;
        }
        self.link
            .script::<Value>(&scripts::PRUNE, &[self.keys.unacked(), self.keys.owners()], &[])
            .await?;
        Ok(restored)
    }

    /// How many of these have not been moved: what no queue and no dead-letter list takes stays.
    async fn still_there(&self, tags: &[String], cutoff: &str) -> Result<usize, RedisError> {
        if tags.is_empty() {
            return Ok(0);
        }
        let mut ask = redis::pipe();
        ask.cmd("ZMSCORE").arg(self.keys.unacked_index()).arg(tags);
        let (scores,): (Vec<Option<f64>>,) = self.link.query(&ask).await?;
        let cutoff = cutoff.parse().unwrap_or(f64::MAX);
        let old = scores.into_iter().flatten().filter(|score| *score <= cutoff);
        Ok(old.count())
    }

    async fn restore_chunk(&self, tags: &[String], cutoff: &str) -> Result<usize, RedisError> {
        let mut restored = 0;
        for portion in self.portions(tags).await? {
            restored += self.restore_portion(portion, cutoff).await?;
        }
        Ok(restored)
    }

    async fn restore_portion(&self, tags: &[String], cutoff: &str) -> Result<usize, RedisError> {
        let mut owners = redis::pipe();
        owners.cmd("HMGET").arg(self.keys.owners()).arg(tags);
        let (owners,): (Vec<Option<String>>,) = self.link.query(&owners).await?;
        let slots = self.slots(tags).await?;
        let mut args = vec![String::new(), cutoff.to_owned()];
        for ((tag, slot), owner) in tags.iter().zip(slots).zip(owners) {
            let died = owner.is_some_and(|owner| owner.ends_with('+'));
            let Some(slot) = slot else {
                args.extend([tag.clone(), "R".to_owned(), String::new(), String::new()]);
                continue;
            };
            let readable = read_slot(&slot).and_then(|(raw, exchange, routing_key)| {
                Some((message::redelivered(&raw, died)?, exchange, routing_key))
            });
            if let Some((raw, exchange, routing_key)) = readable {
                let queue = self.queue_of(&exchange, &routing_key).await?;
                args.extend([
                    tag.clone(),
                    "R".to_owned(),
                    self.keys.list(&queue, message::priority_of(&raw)),
                    raw,
                ]);
            } else {
                tracing::error!(tag, "set aside an unreadable message of a lost worker");
                self.bury(tag, &slot, cutoff).await;
            }
        }
        let keys = [self.keys.unacked(), self.keys.unacked_index(), self.keys.owners()];
        let (moved, refused): (usize, String) = self.link.script(&scripts::GIVE_BACK, &keys, &args).await?;
        if !refused.is_empty() {
            tracing::error!(
                error = refused,
                "a queue does not take back a lost worker's message; it stays in `unacked`"
            );
        }
        Ok(moved)
    }

    /// Moves a message that cannot be given back to the dead-letter list, unless it was renewed since; tells who waits
    /// for it, if that can be read.
    async fn bury(&self, tag: &str, slot: &str, cutoff: &str) {
        let problem = "unreadable in `unacked`";
        let exception = Exception::celery("InvalidTaskError", vec![problem.into()]);
        let id = read_slot(slot).and_then(|(raw, ..)| Message::id_of(&raw));
        let (key, meta) = id.map(|id| self.told(&id, &exception)).unwrap_or_default();
        let mut keys = self.ledger();
        keys.push(self.keys.dead_letter());
        let call = Call::new(&scripts::BURY, keys)
            .arg(tag)
            .arg(dead_letter::entry(problem, slot).to_string())
            .arg(dead_letter::LIMIT.to_string())
            .arg(cutoff)
            .arg(key)
            .arg(meta)
            .arg(self.settings.result_life().to_string());
        self.writer.call(call).await;
    }

    /// The queue an address leads to: itself through the anonymous exchange, else what is bound.
    pub(super) async fn queue_of(&self, exchange: &str, routing_key: &str) -> Result<String, RedisError> {
        if exchange.is_empty() {
            return Ok(routing_key.to_owned());
        }
        let mut members = redis::pipe();
        members.smembers(self.keys.binding(exchange));
        let (members,): (Vec<String>,) = self.link.query(&members).await?;
        let bound = members.iter().find_map(|member| bound_queue(member, routing_key));
        Ok(bound.unwrap_or(routing_key).to_owned())
    }
}

/// Reads `[message, exchange, routing_key]`.
fn read_slot(slot: &str) -> Option<(String, String, String)> {
    let serde_json::Value::Array(parts) = json::parse(slot).ok()? else {
        return None;
    };
    let [message, exchange, routing_key] = parts.as_slice() else {
        return None;
    };
    message.is_object().then(|| {
        Some((
            message.to_string(),
            exchange.as_str()?.to_owned(),
            routing_key.as_str()?.to_owned(),
        ))
    })?
}

/// Cuts items into runs of at most `most` bytes, and at least one item.
fn cut<'a, T>(items: &'a [T], sizes: &[usize], most: usize) -> Vec<&'a [T]> {
    let (mut runs, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (at, size) in sizes.iter().enumerate().take(items.len()) {
        if at > from && bytes + size > most {
            runs.push(&items[from..at]);
            (from, bytes) = (at, 0);
        }
        bytes += size;
    }
    runs.push(&items[from..]);
    runs
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn items_are_cut_into_runs_that_are_not_too_large() {
        let runs = cut(&[1, 2, 3, 4, 5, 6], &[3, 3, 3, 20, 1, 9], 9);
        assert_eq!(runs, [&[1, 2, 3][..], &[4], &[5], &[6]]);
        assert_eq!(cut(&[1, 2], &[0, 0], 9), [[1, 2]]);
    }
}
