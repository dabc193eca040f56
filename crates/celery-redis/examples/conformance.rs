//! A worker with the tasks that the conformance checklist names, started as Celery's own command is:
//!
//! `REDIS_URL=redis://127.0.0.1:6379/0 conformance -Q celery,other -c 4 -n w1@%h -E`
//!
//! `worker`, `-A`, `-l`, `-P` and `--statedb` are accepted and ignored. Further options: `--visibility-timeout SECONDS`, `--restore-interval SECONDS`, `--prefetch-multiplier N`,
//! `--track-started`, `--prefix PREFIX`, `--grace SECONDS`, `--max-deaths N`. SIGTERM and SIGINT shut it down warmly;
//! a second one, or SIGQUIT, ends it at once.

use std::{
    io::Write as _,
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use celery::{
    prelude::*,
    task::{Request, Task, TaskOptions},
};
use celery_redis::{
    Client, Signature, Worker, WorkerBuilder, current_request, data, fail, fail_with, reject, retry_in,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[celery::task(name = "tasks.add")]
async fn add(x: f64, y: f64) -> TaskResult<Value> {
    Ok(number(x + y))
}

#[celery::task(name = "tasks.mul")]
async fn mul(x: f64, y: f64) -> TaskResult<Value> {
    Ok(number(x * y))
}

#[celery::task(name = "tasks.tsum")]
async fn tsum(numbers: Vec<f64>) -> TaskResult<Value> {
    Ok(number(numbers.iter().sum()))
}

/// Whole numbers stay whole, as in Python.
fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
    if value.fract() == 0.0 && value.abs() < 9e15 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

#[celery::task(name = "tasks.boom")]
async fn boom() -> TaskResult<()> {
    Err(fail_with("ValueError", vec![json!("bad"), json!(3)]))
}

/// Fails `times` times, then returns how often it was retried.
#[celery::task(name = "tasks.flaky", acks_late = true, max_retries = 3)]
async fn flaky(times: Option<u32>) -> TaskResult<u32> {
    let retries = current_request().map_or(0, |request| request.retries);
    if retries < times.unwrap_or(2) {
        return Err(retry_in(Duration::from_millis(100), format!("try {retries}")));
    }
    Ok(retries)
}

#[celery::task(name = "tasks.sleepy")]
async fn sleepy(seconds: f64) -> TaskResult<f64> {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    Ok(seconds)
}

#[celery::task(name = "tasks.sleepy_late", acks_late = true)]
async fn sleepy_late(seconds: f64) -> TaskResult<f64> {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    Ok(seconds)
}

#[celery::task(name = "tasks.noop")]
async fn noop() -> TaskResult<()> {
    Ok(())
}

/// Sends `add(x, y)`, to a queue if one is named, and returns its id.
#[celery::task(name = "tasks.spawn")]
async fn spawn(x: f64, y: f64, queue: Option<String>) -> TaskResult<String> {
    let client = data::<Client>()?;
    let call = Signature::new("tasks.add").arg(x).arg(y);
    let sent = client.send(&queue.into_iter().fold(call, Signature::queue)).await;
    sent.map(|id| id.to_string())
        .map_err(|error| fail("RuntimeError", error.to_string()))
}

/// Refuses its message, for good or the first time only.
#[celery::task(name = "tasks.rejecter", acks_late = true)]
async fn rejecter(requeue: Option<bool>) -> TaskResult<String> {
    let redelivered = current_request().is_some_and(|request| request.redelivered);
    match (requeue.unwrap_or(false), redelivered) {
        (true, true) => Ok("accepted at last".to_owned()),
        (requeue, _) => Err(reject(requeue)),
    }
}

#[celery::task(name = "tasks.panicking", acks_late = true)]
async fn panicking(message: String) -> TaskResult<()> {
    assert!(message.is_empty(), "{message}");
    Ok(())
}

/// Kills its worker at once.
#[celery::task(name = "tasks.deadly", acks_late = true)]
async fn deadly() -> TaskResult<()> {
    std::process::abort();
}

/// Appends its number and the time in nanoseconds to a file, always the same one; for measuring.
#[celery::task(name = "tasks.stamp")]
async fn stamp(path: String, number: u64) -> TaskResult<()> {
    static FILE: OnceLock<Option<std::fs::File>> = OnceLock::new();
    let at = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .with_unexpected_err(|| "the clock is before 1970")?;
    let open = || std::fs::File::options().create(true).append(true).open(path);
    let mut file = FILE
        .get_or_init(|| open().ok())
        .as_ref()
        .ok_or_else(|| fail("IOError", "the file cannot be opened"))?;
    file.write_all(format!("{number} {}\n", at.as_nanos()).as_bytes())
        .with_unexpected_err(|| "the file cannot be written")
}

/// Appends its id to a Redis list when it begins, and again when it ends.
#[celery::task(name = "tasks.record", acks_late = true)]
async fn record(list: String, milliseconds: u64) -> TaskResult<()> {
    note(&list, "begin").await?;
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    note(&list, "end").await
}

/// As `tasks.record`, but ends when the key `<list>:open` exists; acknowledged early.
#[celery::task(name = "tasks.gated")]
async fn gated(list: String) -> TaskResult<()> {
    pass_gate(&list).await
}

/// As `tasks.gated`, acknowledged late.
#[celery::task(name = "tasks.gated_late", acks_late = true)]
async fn gated_late(list: String) -> TaskResult<()> {
    pass_gate(&list).await
}

async fn pass_gate(list: &str) -> TaskResult<()> {
    note(list, "begin").await?;
    let gate = format!("{list}:open");
    while !redis::cmd("EXISTS")
        .arg(&gate)
        .query_async(&mut connection()?)
        .await
        .with_unexpected_err(|| "the gate cannot be looked at")?
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    note(list, "end").await
}

/// Appends a word and the id of the call that runs here to a Redis list.
async fn note(list: &str, word: &str) -> TaskResult<()> {
    let id = current_request()
        .map(|request| request.id.clone())
        .unwrap_or_default();
    redis::cmd("RPUSH")
        .arg(list)
        .arg(format!("{word} {id}"))
        .exec_async(&mut connection()?)
        .await
        .map_err(|error| fail("IOError", error.to_string()))
}

fn connection() -> TaskResult<redis::aio::ConnectionManager> {
    Ok(data::<redis::aio::ConnectionManager>()?.as_ref().clone())
}

#[derive(Clone, Serialize, Deserialize)]
struct EchoParams {
    args: Vec<Value>,
    kwargs: Map<String, Value>,
}

/// Returns its arguments, whatever they are.
struct Echo {
    request: Request<Self>,
    options: TaskOptions,
}

#[async_trait]
impl Task for Echo {
    const NAME: &'static str = "tasks.echo";
    const ARGS: &'static [&'static str] = &["*args", "**kwargs"];
    type Params = EchoParams;
    type Returns = Value;

    fn from_request(request: Request<Self>, options: TaskOptions) -> Self {
        Self { request, options }
    }

    fn request(&self) -> &Request<Self> {
        &self.request
    }

    fn options(&self) -> &TaskOptions {
        &self.options
    }

    async fn run(&self, params: EchoParams) -> TaskResult<Value> {
        Ok(json!({"args": params.args, "kwargs": params.kwargs}))
    }
}

fn with_tasks(builder: WorkerBuilder) -> WorkerBuilder {
    builder
        .register::<add>()
        .register::<mul>()
        .register::<tsum>()
        .register::<boom>()
        .register::<flaky>()
        .register::<sleepy>()
        .register::<sleepy_late>()
        .register::<noop>()
        .register::<spawn>()
        .register::<rejecter>()
        .register::<panicking>()
        .register::<deadly>()
        .register::<record>()
        .register::<gated>()
        .register::<gated_late>()
        .register::<stamp>()
        .register::<Echo>()
}

/// Applies the command line to a worker.
fn configured(url: &str, arguments: impl Iterator<Item = String>) -> anyhow::Result<WorkerBuilder> {
    let mut builder = with_tasks(Worker::builder(url));
    // `--concurrency=4` and `--concurrency 4` are the same.
    let mut arguments = arguments.flat_map(|argument| match argument.split_once('=') {
        Some((option, value)) if option.starts_with("--") => vec![option.to_owned(), value.to_owned()],
        _ => vec![argument],
    });
    while let Some(option) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| anyhow::anyhow!("{option} needs a value"))
        };
        builder = match option.as_str() {
            "-Q" | "--queues" => builder.queues(value()?.split(',')),
            "-c" | "--concurrency" => builder.concurrency(value()?.parse()?),
            "-n" | "--hostname" => builder.hostname(node_name(&value()?)?),
            "-E" | "--task-events" => builder.task_events(true),
            "--visibility-timeout" => builder.visibility_timeout(Duration::from_secs_f64(value()?.parse()?)),
            "--restore-interval" => builder.restore_interval(Duration::from_secs_f64(value()?.parse()?)),
            "--prefetch-multiplier" => builder.prefetch_multiplier(value()?.parse()?),
            "--prefix" => builder.global_keyprefix(value()?),
            "--grace" => builder.shutdown_grace(Duration::from_secs_f64(value()?.parse()?)),
            "--max-deaths" => builder.max_deaths(value()?.parse()?),
            "--track-started" => builder.track_started(true),
            // As Celery's command has them; they mean nothing here.
            "worker" => builder,
            "-A" | "--app" | "-l" | "--loglevel" | "-P" | "--pool" | "-S" | "--statedb" => {
                value()?;
                builder
            }
            other => anyhow::bail!("unknown option {other}"),
        };
    }
    Ok(builder)
}

/// A node name as Celery's `-n` takes it: `%h`, `%n` and `%d` stand for the host, its name and its domain, and a
/// name without a host gets this one.
fn node_name(given: &str) -> anyhow::Result<String> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    let host = host.trim();
    let (name, domain) = host.split_once('.').unwrap_or((host, ""));
    let full = given
        .replace("%h", host)
        .replace("%n", name)
        .replace("%d", domain);
    Ok(if full.contains('@') {
        full
    } else {
        format!("{full}@{host}")
    })
}

async fn work() -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "an example has no settings module")]
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379/0".to_owned());
    if url.starts_with("rediss:") {
        // Fails only if there is one already.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    }
    let redis = redis::Client::open(url.replacen("redis+unix", "unix", 1))?
        .get_connection_manager()
        .await?;
    let prefix = std::env::args()
        .skip_while(|argument| argument != "--prefix")
        .nth(1);
    let client = Client::builder(&url)
        .global_keyprefix(prefix.unwrap_or_default())
        .build()?;
    let worker = configured(&url, std::env::args().skip(1))?
        .data(Arc::new(client))
        .data(Arc::new(redis))
        .build()?;
    let (stop, cold) = (CancellationToken::new(), CancellationToken::new());
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let running = worker.run_until(stop.clone(), cold.clone());
    tokio::pin!(running);
    loop {
        tokio::select! {
            ended = &mut running => return Ok(ended?),
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
            _ = quit.recv() => cold.cancel(),
        }
        if stop.is_cancelled() {
            cold.cancel();
        }
        stop.cancel();
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match work().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
