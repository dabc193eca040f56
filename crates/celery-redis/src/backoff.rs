//! Pauses between attempts.

use std::time::Duration;

/// Growing pauses between attempts: doubled up to a cap, and jittered so that many do not come at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    attempt: u32,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { attempt: 0 }
    }

    /// Waits; from 50 ms up to 2 s.
    pub(crate) async fn pause(&mut self) {
        let ceiling = 50_u64.saturating_mul(1 << self.attempt.min(6)).min(2_000);
        self.attempt += 1;
        let millis = rand::random_range(ceiling / 2..=ceiling);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}
