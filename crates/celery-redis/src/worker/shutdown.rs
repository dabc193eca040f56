//! The warm shutdown.

use std::{cmp::Reverse, sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::{Instant, sleep_until};

use crate::{
    exception::Exception,
    worker::{
        consumer::{Consumer, Held},
        execute::fail,
        job::Job,
    },
};

impl Consumer {
    /// Gives back what was not started, waits for what runs, and gives back what did not end in time.
    pub(super) async fn shut_down(mut self, mut renew: tokio::time::Interval) {
        tracing::info!(running = self.running.len(), "worker shuts down");
        let deadline = Instant::now() + self.core.settings.shutdown_grace;
        // The fetcher ends by itself; what it took until then is ours to give back.
        let drained = async {
            while let Some(event) = self.events.recv().await {
                self.event(event);
            }
        };
        if tokio::time::timeout_at(deadline, drained).await.is_err() {
            tracing::warn!("the last take did not end in time");
        }
        self.give_back(|held| !held.running).await;
        loop {
            tokio::select! {
                biased;
                ended = self.running.join_next_with_id() => match ended {
                    Some(ended) => self.ended(ended),
                    None => break,
                },
                Some(side) = self.side.join_next() => self.side_ended(side),
                Some(post) = self.posts.recv() => self.post(post),
                _ = self.heart.tick(), if self.core.events.of_worker() => self.beat(),
                _ = renew.tick() => self.renew(),
                () = sleep_until(deadline) => {
                    self.abort().await;
                    break;
                }
            }
        }
        // Found in the meantime by a side job.
        while let Ok(Some(side)) =
            tokio::time::timeout_at(deadline + Duration::from_secs(1), self.side.join_next()).await
        {
            self.side_ended(side);
        }
        self.give_back(|_| true).await;
        let vitals = || self.vitals();
        self.core.events.worker("offline", vitals);
    }

    /// Breaks off what did not end within the grace. Late acknowledged tasks will be executed again elsewhere.
    async fn abort(&mut self) {
        self.running.abort_all();
        let mut broken_off = Vec::new();
        while let Some(ended) = self.running.join_next_with_id().await {
            match ended {
                Ok(_) => self.ended(ended),
                Err(error) => broken_off.extend(self.jobs.remove(&error.id()).map(|run| run.job)),
            }
        }
        for job in broken_off {
            tracing::warn!(
                task.id = job.message.id,
                task.name = job.message.task,
                "task broken off by the shutdown"
            );
            if !job.late {
                let problem = json!("Worker shut down before the task ended.");
                fail(
                    &self.core,
                    &job,
                    "FAILURE",
                    &Exception::celery("WorkerLostError", vec![problem]),
                )
                .await;
            }
        }
    }

    /// Gives messages back to their queues, so that the oldest is popped first.
    async fn give_back(&mut self, which: impl Fn(&Held) -> bool) {
        let mut jobs: Vec<Arc<Job>> = self
            .held
            .values()
            .filter(|held| which(held))
            .map(|held| held.job.clone())
            .collect();
        jobs.sort_by_key(|job| Reverse(job.seq));
        self.core.give_back(&jobs, "R").await;
        for job in jobs {
            self.let_go(&job);
        }
        self.ready.clear();
        self.waiting.clear();
    }
}
