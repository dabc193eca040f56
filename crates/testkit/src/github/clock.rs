//! A clock that tests can move.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Clock, SystemClock};

/// The machine's clock plus an offset that can be moved; clones share the offset.
#[derive(Debug, Clone, Default)]
pub struct MovableClock {
    offset_ms: Arc<AtomicI64>,
}

impl MovableClock {
    /// Moves the clock by `by`, which may be negative.
    pub fn advance(&self, by: TimeDelta) {
        self.offset_ms.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::milliseconds(self.offset_ms.load(Ordering::Relaxed))
    }
}
