//! The worker process under test: an ordinary worker of the queue whose tasks note when they run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use celery::error::TaskError;
use celery::prelude::*;
use celery_redis::{Worker, current_request, data, fail};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::record::{Message, Recorder};

/// The queue that everything goes through.
pub const QUEUE: &str = "soak";
/// Most tasks that one worker runs at once.
pub const CONCURRENCY: usize = 8;
/// How long a worker may be silent before others take what it holds.
pub const VISIBILITY: Duration = Duration::from_secs(2);
/// How often workers look for what silent ones held.
const RESTORE_INTERVAL: Duration = Duration::from_millis(300);
/// Whoever is killed once a round may kill an innocent task often.
const MAX_DEATHS: u32 = 1000;

/// What a worker process is told on its command line.
#[derive(Debug, clap::Args)]
pub struct WorkerArguments {
    /// Redis, through the network that will be made bad.
    #[arg(long)]
    url: String,
    /// The file to note executions in.
    #[arg(long)]
    record: PathBuf,
    /// The node name.
    #[arg(long)]
    name: String,
}

/// `values` are those of the members of a chord whose body this is; they bear the numbers before its own.
async fn run_for(task: u32, attempt: u32, millis: u64, values: Option<Vec<u32>>) -> TaskResult<u32> {
    if let Some(values) = values {
        let members = u32::try_from(values.len()).unwrap_or(u32::MAX);
        if !values.iter().copied().eq(task.saturating_sub(members)..task) {
            return Err(fail(
                "ValueError",
                format!("{values:?} are not the members of {task}"),
            ));
        }
    }
    let recorder = data::<Recorder>()?;
    let message = Message { task, attempt };
    let unwritable = |error: std::io::Error| -> TaskError { fail("IOError", error.to_string()) };
    let redelivered = current_request().is_some_and(|request| request.redelivered);
    recorder.begin(message, redelivered).map_err(unwritable)?;
    tokio::time::sleep(Duration::from_millis(millis)).await;
    recorder.end(message).map_err(unwritable)?;
    Ok(task)
}

/// Acknowledged after it was executed.
#[celery::task(name = "soak.late", acks_late = true, max_retries = 0)]
async fn late(values: Option<Vec<u32>>, task: u32, attempt: u32, millis: u64) -> TaskResult<u32> {
    run_for(task, attempt, millis, values).await
}

/// Acknowledged before it is executed.
#[celery::task(name = "soak.early", acks_late = false, max_retries = 0)]
async fn early(task: u32, attempt: u32, millis: u64) -> TaskResult<u32> {
    run_for(task, attempt, millis, None).await
}

/// Works until SIGTERM.
pub async fn work(arguments: WorkerArguments) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter("warn")
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let mut terminated = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let worker = Worker::builder(&arguments.url)
        .hostname(arguments.name)
        .queues([QUEUE])
        .concurrency(CONCURRENCY)
        .visibility_timeout(VISIBILITY)
        .restore_interval(RESTORE_INTERVAL)
        .max_deaths(MAX_DEATHS)
        .data(Arc::new(Recorder::open(&arguments.record)?))
        .register::<late>()
        .register::<early>()
        .build()?;
    let stop = CancellationToken::new();
    let running = worker.run(stop.clone());
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return Ok(ended?),
        _ = terminated.recv() => stop.cancel(),
    }
    Ok(running.await?)
}
