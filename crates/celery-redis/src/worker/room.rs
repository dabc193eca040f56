//! Places for messages: how many more this worker may hold.

use std::sync::Mutex;

use tokio::sync::{Notify, Semaphore};

use crate::link::lock;

/// The free places of a worker, shared by the fetcher, which fills them, and the consumer, which frees them.
#[derive(Debug)]
pub(crate) struct Room {
    free: Semaphore,
    /// Places to be taken away as they become free.
    owed: Mutex<usize>,
    recalled: Notify,
}

impl Room {
    /// Places for so many messages; 0 means no limit.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            free: Semaphore::new(if places == 0 {
                Semaphore::MAX_PERMITS
            } else {
                places
            }),
            owed: Mutex::default(),
            recalled: Notify::new(),
        }
    }

    /// Waits for a place, and reserves what more there is up to `most`.
    pub(crate) async fn reserve(&self, most: usize) -> usize {
        // The semaphore is never closed.
        if let Ok(permit) = self.free.acquire().await {
            permit.forget();
        }
        let more = self.free.available_permits().min(most.saturating_sub(1));
        match self.free.try_acquire_many(u32::try_from(more).unwrap_or(0)) {
            Ok(permits) => {
                permits.forget();
                1 + more
            }
            Err(_) => 1,
        }
    }

    /// Frees places; those owed are gone instead.
    pub(crate) fn release(&self, places: usize) {
        let mut owed = lock(&self.owed);
        let paid = places.min(*owed);
        *owed -= paid;
        self.free.add_permits(places - paid);
    }

    /// Adds places.
    pub(crate) fn grow(&self, places: usize) {
        self.release(places);
    }

    /// Takes places away: free ones at once, the others as soon as they become free. Whoever has places reserved
    /// for what may come is asked to give them up.
    pub(crate) fn shrink(&self, places: usize) {
        let mut owed = lock(&self.owed);
        *owed += places;
        *owed -= self.free.forget_permits(*owed);
        if *owed > 0 {
            self.recalled.notify_one();
        }
    }

    /// Waits until reserved places are wanted back.
    pub(crate) async fn recalled(&self) {
        self.recalled.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_taken_away_while_reserved_are_gone_once_freed() {
        let room = Room::new(8);
        assert_eq!(room.reserve(128).await, 8);
        room.shrink(4);
        room.recalled().await;
        room.release(3);
        assert_eq!(room.free.available_permits(), 0);
        room.release(5);
        assert_eq!(room.free.available_permits(), 4);
    }

    #[tokio::test]
    async fn growing_pays_debts_first() {
        let room = Room::new(2);
        assert_eq!(room.reserve(2).await, 2);
        room.shrink(1);
        room.grow(2);
        assert_eq!(room.reserve(9).await, 1);
    }

    #[tokio::test]
    async fn no_limit_still_reserves_no_more_than_asked_for() {
        assert_eq!(Room::new(0).reserve(128).await, 128);
    }
}
