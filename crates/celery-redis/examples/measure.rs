//! Measures a worker against the server at `REDIS_URL`, which must be an otherwise idle one. Each figure stands
//! beside that of the bare commands, taken in turns in the same run:
//! how long an idle worker takes to begin a task, beside a push and its `BRPOP`; and how many tasks per second it
//! drains from a full queue, beside taking and acknowledging messages in pipelines of 100 over one connection.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use celery::prelude::*;
use celery_redis::{Client, Signature, Worker, WorkerBuilder, data};
use redis::aio::MultiplexedConnection;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

const QUEUE: &str = "measure";
const SAMPLES: usize = 300;
const TASKS: usize = 30_000;
const ROUNDS: usize = 3;

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

/// The sample below which so many percent lie, in microseconds.
fn percentile(samples: &mut [Duration], percent: usize) -> u128 {
    samples.sort();
    samples
        .get(samples.len() * percent / 100)
        .map_or(0, Duration::as_micros)
}

struct Bench {
    url: String,
    client: Client,
    begun: mpsc::UnboundedReceiver<Instant>,
    sender: mpsc::UnboundedSender<Instant>,
}

impl Bench {
    async fn connection(&self) -> anyhow::Result<MultiplexedConnection> {
        let client = redis::Client::open(self.url.as_str())?;
        Ok(client.get_multiplexed_async_connection().await?)
    }

    fn worker(&self) -> WorkerBuilder {
        Worker::builder(&self.url)
            .queues([QUEUE])
            .concurrency(64)
            .data(Arc::new(Begun(self.sender.clone())))
            .register::<begin>()
            .register::<begin_late>()
    }

    /// One push to a connection that waits in `BRPOP`.
    async fn bare_pick_up(&self, push: &mut MultiplexedConnection) -> anyhow::Result<Duration> {
        let mut pop = self.connection().await?;
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
        redis::cmd("LPUSH").arg("bare").arg("x").exec_async(push).await?;
        let popped = popping.join_next().await.transpose()?.transpose()?;
        Ok(popped.unwrap_or(sent).saturating_duration_since(sent))
    }

    async fn pick_up(&mut self, task: &str) -> anyhow::Result<Duration> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let call = Signature::new(task).queue(QUEUE).ignore_result(true);
        let sent = Instant::now();
        self.client.send(&call).await?;
        let at = self.begun.recv().await.unwrap_or(sent);
        Ok(at.saturating_duration_since(sent))
    }

    async fn latency(&mut self) -> anyhow::Result<()> {
        let mut push = self.connection().await?;
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(self.worker().build()?.run(stop.clone()));
        self.pick_up("begin").await?;
        let (mut bare, mut early, mut late) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..SAMPLES {
            bare.push(self.bare_pick_up(&mut push).await?);
            early.push(self.pick_up("begin").await?);
            late.push(self.pick_up("begin_late").await?);
        }
        stop.cancel();
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        let limit = percentile(&mut bare, 50);
        for (name, samples) in [("bare", &mut bare), ("early", &mut early), ("late", &mut late)] {
            let (median, high) = (percentile(samples, 50), percentile(samples, 95));
            eprintln!(
                "idle pick-up, {name:<5}: median {median} µs, p95 {high} µs ({}%)",
                median * 100 / limit.max(1)
            );
        }
        Ok(())
    }

    /// The command sequence that any worker must send, over a queue of the same messages; tasks per second.
    async fn bare_rate(&self, store: bool) -> anyhow::Result<f64> {
        self.fill("begin", !store).await?;
        let mut connection = self.connection().await?;
        let started = Instant::now();
        let mut tag = 0;
        while tag < TASKS {
            let (messages,): (Vec<String>,) = redis::pipe()
                .rpop(QUEUE, std::num::NonZeroUsize::new(100))
                .query_async(&mut connection)
                .await?;
            let mut pipeline = redis::pipe();
            for message in &messages {
                tag += 1;
                pipeline.zadd("unacked_index", tag, 1.5).ignore();
                pipeline.hset("unacked", tag, message).ignore();
                if store {
                    let meta = format!(
                        "{{\"status\": \"SUCCESS\", \"result\": null, \"traceback\": null, \"children\": [], \"task_id\": \"{tag}\"}}"
                    );
                    pipeline
                        .set_ex(format!("celery-task-meta-{tag}"), &meta, 86_400)
                        .ignore();
                    pipeline
                        .publish(format!("celery-task-meta-{tag}"), &meta)
                        .ignore();
                }
                pipeline.zrem("unacked_index", tag).ignore();
                pipeline.hdel("unacked", tag).ignore();
            }
            pipeline.exec_async(&mut connection).await?;
        }
        Ok(per_second(started.elapsed()))
    }

    async fn fill(&self, task: &str, ignore: bool) -> anyhow::Result<()> {
        let batch: Vec<Signature> = (0..TASKS)
            .map(|_| Signature::new(task).queue(QUEUE).ignore_result(ignore))
            .collect();
        for part in batch.chunks(1000) {
            self.client.send_many(part).await?;
        }
        Ok(())
    }

    /// Drains a full queue with a fresh worker; tasks per second between the first and the last.
    async fn rate(&mut self, task: &str, store: bool) -> anyhow::Result<f64> {
        self.fill(task, !store).await?;
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(self.worker().build()?.run(stop.clone()));
        let first = self.begun.recv().await;
        let mut last = first;
        for _ in 1..TASKS {
            last = self.begun.recv().await;
        }
        stop.cancel();
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        let elapsed = last.zip(first).map(|(last, first)| last - first);
        Ok(per_second(elapsed.unwrap_or_default()))
    }

    async fn throughput(&mut self) -> anyhow::Result<()> {
        for store in [false, true] {
            let (mut bare, mut early, mut late) = (0_f64, 0_f64, 0_f64);
            for _ in 0..ROUNDS {
                bare = bare.max(self.bare_rate(store).await?);
                early = early.max(self.rate("begin", store).await?);
                late = late.max(self.rate("begin_late", store).await?);
            }
            let kept = if store { "stored " } else { "ignored" };
            for (name, rate) in [("bare", bare), ("early", early), ("late", late)] {
                let share = rate * 100.0 / bare;
                eprintln!("results {kept}, {name:<5}: {rate:.0} tasks/s, best of {ROUNDS} ({share:.0}%)");
            }
        }
        Ok(())
    }
}

fn per_second(elapsed: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let tasks = TASKS as f64;
    tasks / elapsed.as_secs_f64()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "an example has no settings module")]
    let (url, only) = (std::env::var("REDIS_URL")?, std::env::args().nth(1));
    let (sender, begun) = mpsc::unbounded_channel();
    let client = Client::new(&url)?;
    let mut bench = Bench {
        url,
        client,
        begun,
        sender,
    };
    if only.as_deref() != Some("rate") {
        bench.latency().await?;
    }
    if only.as_deref() != Some("latency") {
        bench.throughput().await?;
    }
    Ok(())
}
