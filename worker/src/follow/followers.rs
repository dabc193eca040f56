//! How many logs one worker follows at once, and how that ends with the worker.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Logs that one worker follows at once. They wait most of the time, and each may bring a quarter of a
/// mebibyte to memory.
const MAX_FOLLOWED: usize = 64;

/// What follows logs in the background; cheap to clone.
#[derive(Debug, Clone)]
pub struct Followers {
    tasks: TaskTracker,
    stopping: CancellationToken,
    places: Arc<Semaphore>,
}

impl Default for Followers {
    fn default() -> Self {
        Self::new(TaskTracker::new(), CancellationToken::new())
    }
}

impl Followers {
    /// Spawns into `tasks` and ends with `stopping`.
    pub fn new(tasks: TaskTracker, stopping: CancellationToken) -> Self {
        Self {
            tasks,
            stopping,
            places: Arc::new(Semaphore::new(MAX_FOLLOWED)),
        }
    }

    /// Begins a work in the background, which ends by itself when the token it is given fires; `false`
    /// when there are too many already.
    pub fn begin<Work>(&self, work: impl FnOnce(CancellationToken) -> Work) -> bool
    where
        Work: Future<Output = ()> + Send + 'static,
    {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return false;
        };
        let work = work(self.stopping.clone());
        self.tasks.spawn(async move {
            work.await;
            drop(place);
        });
        true
    }

    /// How many go on.
    pub fn count(&self) -> usize {
        MAX_FOLLOWED - self.places.available_permits()
    }

    /// Has all of them end.
    pub fn stop(&self) {
        self.stopping.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_too_many_is_refused_and_all_end_with_the_worker() {
        let tasks = TaskTracker::new();
        let followers = Followers::new(tasks.clone(), CancellationToken::new());
        let until_stopped = |stopping: CancellationToken| async move { stopping.cancelled().await };
        for _ in 0..MAX_FOLLOWED {
            assert!(followers.begin(until_stopped));
        }
        assert!(!followers.begin(until_stopped));
        assert_eq!(followers.count(), MAX_FOLLOWED);
        followers.stop();
        tasks.close();
        tasks.wait().await;
        assert_eq!(followers.count(), 0);
    }
}
