//! The shutdown: warm, and cold once its grace is over or it is asked to be.

use std::{cmp::Reverse, pin::pin, sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::{
    exception::Exception,
    worker::{
        consumer::{Consumer, Held, Side},
        execute::fail,
        job::Job,
        writer::Writer,
    },
};

/// How long the last writes may take once the grace is over. What is not written by then stays where it is, whence a
/// sweep gives it back.
const LAST_WRITES: Duration = Duration::from_secs(2);

/// Waits for the deadline, or the last writes of a worker that is to end at once.
async fn over(deadline: Instant, cold: &CancellationToken) {
    let at_once = async {
        cold.cancelled().await;
        sleep(LAST_WRITES).await;
    };
    tokio::select! {
        () = sleep_until(deadline) => {}
        () = at_once => {}
    }
}

impl Consumer {
    /// Gives back what was not started, waits for what runs, and gives back what did not end in time. Returns until
    /// when writes may be waited for.
    pub(super) async fn shut_down(mut self, mut renew: tokio::time::Interval) -> Instant {
        tracing::info!(running = self.running.len(), "worker shuts down");
        let cold = self.cold.clone();
        let deadline = Instant::now() + self.core.settings.shutdown_grace;
        // The fetcher ends by itself; what it took until then is ours to give back.
        let drained = async {
            while let Some(event) = self.events.recv().await {
                self.event(event);
            }
        };
        tokio::select! {
            () = drained => {}
            () = over(deadline, &cold) => tracing::warn!("the last take did not end in time"),
        }
        self.give_back(|held| !held.running);
        loop {
            tokio::select! {
                biased;
                () = cold.cancelled() => {
                    self.abort().await;
                    break;
                }
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
        let until = deadline.max(Instant::now()) + LAST_WRITES;
        self.end_side_jobs(until).await;
        // Found in the meantime by a side job.
        self.give_back(|_| true);
        if self.quiet_since.is_some() {
            let core = self.core.clone();
            self.side.spawn(async move {
                core.leave().await;
                Side::Done
            });
        }
        self.end_side_jobs(until).await;
        let vitals = || self.vitals();
        self.core.events.worker("offline", vitals);
        if cold.is_cancelled() {
            until.min(Instant::now() + LAST_WRITES)
        } else {
            until
        }
    }

    /// Waits for what is under way beside the executions, the server being away up to then only.
    async fn end_side_jobs(&mut self, until: Instant) {
        let cold = self.cold.clone();
        let mut over = pin!(over(until, &cold));
        loop {
            tokio::select! {
                ended = self.side.join_next() => match ended {
                    Some(side) => self.side_ended(side),
                    None => break,
                },
                () = &mut over => break,
            }
        }
    }

    /// Breaks off what runs still. Late acknowledged tasks will be executed again elsewhere.
    async fn abort(&mut self) {
        self.running.abort_all();
        let mut broken_off = Vec::new();
        // Code that blocks its thread cannot be broken off; the process may end nevertheless.
        let until = Instant::now() + LAST_WRITES;
        while let Ok(Some(ended)) = timeout_at(until, self.running.join_next_with_id()).await {
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
            if job.late {
                self.core.events.task("cancelled", &job.message.id, || json!({}));
            } else {
                let core = self.core.clone();
                self.side.spawn(async move {
                    let problem = json!("Worker shut down before the task ended.");
                    let exception = Exception::celery("WorkerLostError", vec![problem]);
                    fail(&core, &job, "FAILURE", &exception).await;
                    Side::Done
                });
            }
        }
    }

    /// Gives messages back to their queues, so that the oldest is popped first; a side job waits for the reply.
    fn give_back(&mut self, which: impl Fn(&Held) -> bool) {
        let mut jobs: Vec<Arc<Job>> = self
            .held
            .values()
            .filter(|held| which(held))
            .map(|held| held.job.clone())
            .collect();
        jobs.sort_by_key(|job| Reverse(job.seq));
        let given = self.core.post_give_back(&jobs, "R");
        self.side.spawn(async move {
            if let Some(given) = given {
                Writer::reply(given).await;
            }
            Side::Done
        });
        for job in jobs {
            self.let_go(&job);
        }
        self.ready.clear();
        self.waiting.clear();
    }
}
