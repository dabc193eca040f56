//! Workers that are killed or frozen at a step, and time that a test may put forward.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Clock, SystemClock};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use runner_pilot_worker::context::Context;
use runner_pilot_worker::jobs::JobError;
use runner_pilot_worker::steps::{Step, Steps};
use serde_json::Value;
use tokio::sync::Notify;

use super::support::{Fixture, PATIENCE};

/// A clock that runs, and that a test may put forward.
#[derive(Debug, Default)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// Lets time pass.
    pub fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_seconds(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::seconds(self.0.load(Ordering::SeqCst))
    }
}

/// Stops a job for good at one step, as a killed worker would.
pub struct StopAt {
    step: Step,
    stopped: Notify,
}

impl Steps for StopAt {
    fn reached(&self, step: Step) -> BoxFuture<'_, ()> {
        if step == self.step {
            self.stopped.notify_one();
            return std::future::pending().boxed();
        }
        std::future::ready(()).boxed()
    }
}

/// Runs a job on another worker and kills that worker at a step.
pub async fn kill_at<Running>(
    fixture: &Fixture,
    step: Step,
    job: impl FnOnce(Arc<Context>) -> Running,
) -> anyhow::Result<()>
where
    Running: Future<Output = Result<Value, JobError>>,
{
    let stopping = Arc::new(StopAt {
        step,
        stopped: Notify::new(),
    });
    let steps: Arc<dyn Steps> = stopping.clone();
    let worker = Arc::new(fixture.other_worker(steps).await?);
    tokio::select! {
        ended = job(worker) => anyhow::bail!("the job ended before {step:?}: {ended:?}"),
        () = stopping.stopped.notified() => Ok(()),
        () = tokio::time::sleep(PATIENCE) => anyhow::bail!("the job did not get to {step:?}"),
    }
}

/// Holds a job at one step until it is told to go on, as a frozen worker.
pub struct PauseAt {
    step: Step,
    /// Told when the step was reached.
    pub reached: Notify,
    /// Lets the job go on.
    pub go_on: Notify,
}

impl PauseAt {
    pub fn new(step: Step) -> Self {
        Self {
            step,
            reached: Notify::new(),
            go_on: Notify::new(),
        }
    }
}

impl Steps for PauseAt {
    fn reached(&self, step: Step) -> BoxFuture<'_, ()> {
        if step != self.step {
            return std::future::ready(()).boxed();
        }
        self.reached.notify_one();
        async { self.go_on.notified().await }.boxed()
    }
}
