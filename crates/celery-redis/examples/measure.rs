//! Measures the worker against the server at `REDIS_URL`, which must be an otherwise idle one:
//! how long an idle worker takes to begin a task, beside a bare push and `BRPOP`; and tasks per second.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use celery::prelude::*;
use celery_redis::{Client, Signature, Worker, data};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

const QUEUE: &str = "measure";
const SAMPLES: usize = 200;
const TASKS: usize = 20_000;

struct Begun(mpsc::UnboundedSender<Instant>);

#[celery::task(name = "begin")]
async fn begin() -> TaskResult<()> {
    data::<Begun>()?
        .0
        .send(Instant::now())
        .with_unexpected_err(|| "nobody measures")
}

#[celery::task(name = "begin_late", acks_late = true)]
async fn begin_late() -> TaskResult<()> {
    data::<Begun>()?
        .0
        .send(Instant::now())
        .with_unexpected_err(|| "nobody measures")
}

/// Median and 95th percentile in microseconds.
fn summary(mut samples: Vec<Duration>) -> String {
    samples.sort();
    let at = |percent: usize| {
        samples
            .get(samples.len() * percent / 100)
            .map_or(0, Duration::as_micros)
    };
    format!("median {} µs, p95 {} µs", at(50), at(95))
}

async fn bare(url: &str) -> anyhow::Result<Vec<Duration>> {
    let client = redis::Client::open(url)?;
    let mut push = client.get_multiplexed_async_connection().await?;
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        let mut pop = client.get_multiplexed_async_connection().await?;
        let mut popping = JoinSet::new();
        popping.spawn(async move {
            redis::cmd("BRPOP")
                .arg("bare")
                .arg(5)
                .exec_async(&mut pop)
                .await
                .map(|()| Instant::now())
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        let sent = Instant::now();
        redis::cmd("LPUSH")
            .arg("bare")
            .arg("x")
            .exec_async(&mut push)
            .await?;
        if let Some(popped) = popping.join_next().await {
            samples.push(popped??.saturating_duration_since(sent));
        }
    }
    Ok(samples)
}

async fn rate(
    client: &Client,
    begun: &mut mpsc::UnboundedReceiver<Instant>,
    task: &str,
    ignore: bool,
) -> anyhow::Result<f64> {
    let batch: Vec<Signature> = (0..TASKS)
        .map(|_| Signature::new(task).queue(QUEUE).ignore_result(ignore))
        .collect();
    let started = Instant::now();
    for part in batch.chunks(1000) {
        client.send_many(part).await?;
    }
    for _ in 0..TASKS {
        begun.recv().await;
    }
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let rate = TASKS as f64 / started.elapsed().as_secs_f64();
    Ok(rate)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "an example has no settings module")]
    let url = std::env::var("REDIS_URL")?;
    let (sender, mut begun) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let worker = Worker::builder(&url)
        .queues([QUEUE])
        .concurrency(16)
        .prefetch_multiplier(16)
        .data(Arc::new(Begun(sender)))
        .register::<begin>()
        .register::<begin_late>()
        .build()?;
    let mut running = JoinSet::new();
    running.spawn(worker.run(stop.clone()));
    let client = Client::new(&url)?;
    eprintln!("bare LPUSH to BRPOP:        {}", summary(bare(&url).await?));
    for task in ["begin", "begin_late"] {
        let mut samples = Vec::new();
        for _ in 0..SAMPLES {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let sent = Instant::now();
            client
                .send(&Signature::new(task).queue(QUEUE).ignore_result(true))
                .await?;
            if let Some(at) = begun.recv().await {
                samples.push(at.saturating_duration_since(sent));
            }
        }
        eprintln!("idle pick-up, {task:<11}:  {}", summary(samples));
    }
    for (task, ignore) in [
        ("begin", true),
        ("begin", false),
        ("begin_late", true),
        ("begin_late", false),
    ] {
        let rate = rate(&client, &mut begun, task, ignore).await?;
        eprintln!(
            "{task:<11} results {}: {rate:.0} tasks/s, sending included",
            if ignore { "ignored" } else { "stored " }
        );
    }
    stop.cancel();
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}
