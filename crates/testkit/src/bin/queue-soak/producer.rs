//! Sends tasks until each is confirmed.
//!
//! A send whose reply is lost may have arrived or not, so it is made again as another attempt. The attempt
//! travels in the arguments: what runs can be told apart, and "ran twice" never has to be forgiven because
//! perhaps it was sent twice.

use std::time::{Duration, Instant};

use celery_redis::{Client, Error, Signature, chord};
use testkit::harness::{FaultProxy, RedisServer};
use tokio::time::sleep_until;

use crate::schedule::{ROUND, Task};
use crate::worker::QUEUE;

/// Tasks sent in one transaction.
const BATCH: usize = 10;
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// Who sends, and how far it has got.
pub struct Producer {
    client: Client,
    /// Tasks confirmed until now; they are numbered from 0.
    pub confirmed: u32,
    /// Sends that ended in an error.
    pub attempts_failed: u64,
    /// Chords confirmed until now.
    pub chords: u32,
}

impl Producer {
    /// A producer that reaches Redis through `network`.
    pub fn new(redis: &RedisServer, network: &FaultProxy) -> anyhow::Result<Self> {
        Ok(Self {
            client: Client::new(&redis.url_at(&network.address()))?,
            confirmed: 0,
            attempts_failed: 0,
            chords: 0,
        })
    }

    /// Sends the tasks spread over a round, each until it is confirmed. What an outage held up is sent at once
    /// when it is over.
    pub async fn feed(&mut self, tasks: &[Task]) {
        let began = Instant::now();
        let batches = tasks.len().div_ceil(BATCH).max(1);
        for (number, batch) in tasks.chunks(BATCH).enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let share = number as f64 / batches as f64;
            sleep_until((began + ROUND.mul_f64(share)).into()).await;
            self.send("soak.late", batch).await;
        }
    }

    /// Sends one batch until it is confirmed.
    pub async fn send(&mut self, name: &str, batch: &[Task]) {
        let is_chord = batch.len() > 1 && batch[0].chord;
        for attempt in 0_u32.. {
            let signatures: Vec<Signature> = (self.confirmed..)
                .zip(batch)
                .map(|(number, task)| {
                    Signature::new(name)
                        .task_id(task_id(number))
                        .queue(QUEUE)
                        .ignore_result(!task.stored)
                        .kwarg("task", number)
                        .kwarg("attempt", attempt)
                        .kwarg("millis", task.millis)
                })
                .collect();
            if self.try_to_send(signatures, is_chord).await.is_ok() {
                break;
            }
            self.attempts_failed += 1;
            tokio::time::sleep(PAUSE).await;
        }
        self.confirmed += u32::try_from(batch.len()).unwrap_or(u32::MAX);
        self.chords += u32::from(is_chord);
    }

    async fn try_to_send(&self, mut signatures: Vec<Signature>, is_chord: bool) -> Result<(), Error> {
        if is_chord && let Some(body) = signatures.pop() {
            // As the body it gets the members' values first.
            self.client.start(chord(signatures, body)).await.map(drop)
        } else {
            self.client.send_many(&signatures).await.map(drop)
        }
    }
}

/// The id of a task by its number, the same in every attempt.
pub fn task_id(number: u32) -> String {
    format!("soak-{number}")
}
