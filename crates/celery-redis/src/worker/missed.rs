//! Arrivals that no reply told their worker of, and those of dead workers.

use std::time::Duration;

use redis::{RedisError, Value};
use tokio::time::Instant;

use crate::{
    dead_letter,
    message::{self, Message},
    refusal::is_transient,
    scripts,
    worker::{idle::UPKEEP, job::Arrived, runtime::Core, take::bytes, writer::Call},
};

/// Most lost workers looked after in one sweep.
const MOST: usize = 100;
/// Most messages given back in one round trip.
const PORTION: isize = 32;
/// Longer than a message can still arrive at a worker that is lost: its wait at the server, and some more.
const LONGEST_WAIT: Duration = UPKEEP.saturating_add(Duration::from_secs(15));

impl Core {
    /// What is in the list of arrivals without our knowing, and when that was asked.
    ///
    /// The question goes through the writer, behind all that is known to have arrived: that is not found again. Nothing
    /// may be taken meanwhile.
    pub(crate) async fn missed(&self) -> Option<(Instant, Vec<Arrived>)> {
        let asked = Instant::now();
        let keys = vec![self.keys.arrivals(&self.consumer), self.keys.dead_letter()];
        let call = Call::new(&scripts::MISSED, keys)
            .arg(dead_letter::LIMIT.to_string())
            .arg(self.settings.message_limit.to_string());
        let reply = self.writer.call(call).await?;
        let found: Vec<Value> = redis::from_redis_value(reply).ok()?;
        let messages = found.into_iter().map(|raw| Arrived {
            queue: None,
            raw: bytes(raw),
        });
        Some((asked, messages.collect()))
    }

    /// Gives back what lost workers left in their lists of arrivals: those that gave no sign of life since `cutoff`,
    /// epoch seconds of the server's clock.
    pub(super) async fn restore_arrivals(&self, cutoff: f64) -> Result<usize, RedisError> {
        let mut lost = redis::pipe();
        lost.cmd("ZRANGEBYSCORE")
            .arg(self.keys.workers())
            .arg("-inf")
            .arg(cutoff);
        lost.arg("LIMIT").arg(0).arg(MOST);
        let (lost,): (Vec<String>,) = self.link.query(&lost).await?;
        // A worker may have begun to wait just before its next sign of life was due.
        let timeout = self.settings.visibility_timeout;
        let over = cutoff - (timeout / 3 + LONGEST_WAIT).saturating_sub(timeout).as_secs_f64();
        let limits = [format!("{cutoff:.6}"), format!("{over:.6}")];
        let mut restored = 0;
        for consumer in lost.iter().filter(|consumer| **consumer != self.consumer) {
            match self.return_arrivals(consumer, &limits).await {
                Ok(count) => restored += count,
                Err(error) if is_transient(&error) => return Err(error),
                Err(error) => {
                    tracing::error!(error = %error, consumer, "could not give back what a lost worker left");
                }
            }
        }
        Ok(restored)
    }

    /// Gives back what is in a worker's list of arrivals, unless it gave a sign of life since the first limit, and strikes
    /// it off the list of workers, unless since the second. Returns how many messages that were.
    async fn return_arrivals(&self, consumer: &str, limits: &[String; 2]) -> Result<usize, RedisError> {
        let list = self.keys.arrivals(consumer);
        let mut restored = 0;
        loop {
            // The newest first: the oldest comes to lie where it is popped first.
            let mut range = redis::pipe();
            range.cmd("LRANGE").arg(&list).arg(0).arg(PORTION - 1);
            let (left,): (Vec<Value>,) = self.link.query(&range).await?;
            let mut args = vec![consumer.to_owned()];
            args.extend(limits.clone());
            args.push(dead_letter::LIMIT.to_string());
            let mut args: Vec<Vec<u8>> = args.into_iter().map(String::into_bytes).collect();
            let (some, count) = (!left.is_empty(), left.len());
            for raw in left.into_iter().map(bytes) {
                let [list, back] = self.way_back(&raw).await?;
                args.extend([raw, list.into_bytes(), back.into_bytes()]);
            }
            let mut call = redis::pipe();
            call.cmd("EVALSHA")
                .arg(scripts::RETURN.get_hash())
                .arg(3)
                .arg(&[self.keys.workers(), list.clone(), self.keys.dead_letter()])
                .arg(args);
            let moved = match self.link.query::<(usize,)>(&call).await {
                Ok((moved,)) => moved,
                Err(error) if error.code() == Some("NOSCRIPT") => {
                    self.link.query::<()>(&scripts::loader()).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            restored += moved;
            // One that is alive after all keeps its messages.
            if !some || moved == 0 || count < PORTION.unsigned_abs() {
                return Ok(restored);
            }
        }
    }

    /// The list that an arrival goes back to and what is put there, or an empty name and the entry to set aside.
    async fn way_back(&self, raw: &[u8]) -> Result<[String; 2], RedisError> {
        let text = String::from_utf8_lossy(raw);
        let (Ok(message), Some(back)) = (Message::parse(&text), message::redelivered(&text, false)) else {
            tracing::error!("set aside an unreadable message of a lost worker");
            let entry = dead_letter::entry("no readable envelope", &text);
            return Ok([String::new(), entry.to_string()]);
        };
        let (exchange, key) = message.address();
        let queue = self.queue_of(exchange, key).await?;
        Ok([self.keys.list(&queue, message.priority), back])
    }

    /// Leaves the list of workers, once everything that arrived is settled; gives back what no reply told of.
    pub(crate) async fn leave(&self) {
        // Behind all that was asked for until now.
        if self.renew_tags([].into_iter()).await.is_none() {
            return;
        }
        let any = ["+inf", "+inf"].map(str::to_owned);
        if let Err(error) = self.return_arrivals(&self.consumer, &any).await {
            tracing::warn!(error = %error, "could not leave the list of workers; a sweep will do it");
        }
    }
}
