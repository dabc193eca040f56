//! Monitoring rows on their way to the database: collected for a moment, written many at a time.
//!
//! A task is acknowledged when its sample is here, so a worker that is killed loses up to a second of
//! samples; the next ones come half a minute later.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entities::DatabaseConnection;
use entities::repo::samples::{self, Sample};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// How long a sample waits for company.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// As many as are written at once; SQLite takes 32,766 values in a statement, a row has eleven.
const BATCH: usize = 500;
/// As many as are kept while the database is away; beyond that the oldest are dropped.
const MAX_WAITING: usize = 10_000;

/// The samples that wait.
#[derive(Debug, Default)]
pub struct SampleBuffer {
    waiting: Mutex<Vec<Sample>>,
    full: Notify,
}

impl SampleBuffer {
    /// Adds one; it is written within about a second.
    pub fn push(&self, sample: Sample) {
        let mut waiting = self.lock();
        waiting.push(sample);
        if waiting.len() >= BATCH {
            self.full.notify_one();
        }
    }

    /// Writes what waits, now and then, until `stop`; then writes the rest.
    pub async fn run(&self, db: &DatabaseConnection, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(FLUSH_EVERY) => {}
                () = self.full.notified() => {}
                () = stop.cancelled() => break,
            }
            self.flush(db).await;
        }
        self.flush(db).await;
    }

    /// Writes everything that waits. What could not be written waits on.
    pub async fn flush(&self, db: &DatabaseConnection) {
        loop {
            let batch: Vec<Sample> = {
                let mut waiting = self.lock();
                let end = waiting.len().min(BATCH);
                waiting.drain(..end).collect()
            };
            if batch.is_empty() {
                return;
            }
            if let Err(error) = samples::insert(db, &batch).await {
                self.put_back(db, batch, error).await;
                return;
            }
            debug!(rows = batch.len(), "samples written");
        }
    }

    async fn put_back(&self, db: &DatabaseConnection, batch: Vec<Sample>, error: entities::StoreError) {
        if error.is_transient() {
            let mut waiting = self.lock();
            let newer = std::mem::replace(&mut *waiting, batch);
            waiting.extend(newer);
            let excess = waiting.len().saturating_sub(MAX_WAITING);
            waiting.drain(..excess);
            warn!(waiting = waiting.len(), dropped = excess, error = %error, "samples could not be written yet");
            return;
        }
        // One row may be refused, because its instance is gone for good: the others must not suffer.
        let mut refused = 0;
        for sample in batch {
            if samples::insert(db, std::slice::from_ref(&sample)).await.is_err() {
                refused += 1;
            }
        }
        warn!(refused, error = %error, "samples were refused");
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Sample>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
