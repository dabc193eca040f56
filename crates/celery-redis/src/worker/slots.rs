//! How many tasks run. A slot is free again when the task's body has ended, though its end may still be written:
//! otherwise a small pool would do one task per round trip.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// Counts the slots in use.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    busy: AtomicUsize,
    freed: Notify,
}

impl Slots {
    /// How many are in use.
    pub(crate) fn busy(&self) -> usize {
        self.busy.load(Ordering::Acquire)
    }

    /// Uses one more.
    pub(crate) fn occupy(self: &Arc<Self>) -> Slot {
        self.busy.fetch_add(1, Ordering::AcqRel);
        Slot(self.clone())
    }

    /// Waits until one was freed since the last wait.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }
}

/// One slot, in use until dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Slots>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_slot_is_free_and_told() {
        let slots = Arc::new(Slots::default());
        let (first, second) = (slots.occupy(), slots.occupy());
        drop(first);
        slots.freed().await;
        assert_eq!(slots.busy(), 1);
        drop(second);
        assert_eq!(slots.busy(), 0);
    }
}
