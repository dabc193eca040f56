//! The worker's process: reads the settings, wires the parts together, runs until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use domain::keyring::Keyring;
use domain::{Clock, SystemClock};
use process::{Shutdown, Variables};
use runner_pilot_worker::context::{self, Context, LastSamples};
use runner_pilot_worker::follow::Followers;
use runner_pilot_worker::github_access::GithubAccess;
use runner_pilot_worker::nodes::EnginePool;
use runner_pilot_worker::sample_buffer::SampleBuffer;
use runner_pilot_worker::settings::WorkerSettings;
use runner_pilot_worker::steps::Unobserved;
use runner_pilot_worker::{jobs, presence, watch};
use secrecy::ExposeSecret as _;
use tracing::info;

/// How long background work may take after the last task.
const GRACE: Duration = Duration::from_secs(5);
/// How long a task's result is kept: who waits for one does so for seconds, and a log is long.
const RESULT_LIFE: Duration = Duration::from_hours(1);

/// Runs Runner Pilot's tasks: creates, watches and removes runners on Docker engines.
#[derive(Debug, Parser)]
#[command(name = "runner-pilot-worker", version, about, after_help = process::SETTINGS_HELP)]
struct Arguments {}

fn main() -> ExitCode {
    process::run(|Arguments {}| work())
}

async fn work() -> anyhow::Result<()> {
    let (settings, shown) = WorkerSettings::read(Variables::from_process())?;
    process::telemetry::init(&settings.log)?;
    info!(
        settings = shown,
        "runner-pilot-worker {}",
        env!("CARGO_PKG_VERSION")
    );
    let shutdown = Shutdown::on_signals()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let redis_url = settings.redis.url.expose_secret();
    let db = entities::connect(settings.database.url.expose_secret()).await?;
    let context = Arc::new(Context {
        install_id: entities::repo::installation::install_id(&db, clock.now()).await?,
        db,
        redis: context::redis_connection(redis_url)?,
        celery: celery_redis::Client::new(redis_url)?,
        keyring: Keyring::parse(&settings.encryption.keys)?,
        clock: Arc::clone(&clock),
        host: settings.queue.host().to_owned(),
        docker_host: settings.docker_host.clone(),
        allow_plain_tcp_nodes: settings.allow_plain_tcp_nodes,
        github_url: settings.github_url.clone(),
        monitoring: settings.monitoring.clone(),
        engines: EnginePool::default(),
        github: GithubAccess::new(Arc::clone(&clock)),
        samples: SampleBuffer::default(),
        last_samples: LastSamples::default(),
        followers: Followers::new(shutdown.tasks().clone(), shutdown.token()),
        steps: Arc::new(Unobserved),
    });
    let worker = celery_redis::Worker::builder(redis_url)
        .hostname(&settings.queue.hostname)
        .queues(settings.queue.all_queues())
        .concurrency(settings.queue.concurrency)
        .visibility_timeout(settings.queue.visibility_timeout)
        .result_expires(Some(RESULT_LIFE))
        .private_keyprefix(domain::redis_keys::QUEUE_PREFIX)
        .data(Arc::clone(&context));
    let worker = jobs::register_all(worker).build()?;

    let token = shutdown.token();
    shutdown.tasks().spawn(presence::announce(
        context.redis.clone(),
        settings.queue.clone(),
        clock,
        token.clone(),
    ));
    shutdown.tasks().spawn(watch::run(
        Arc::clone(&context),
        settings.queue.hostname.clone(),
        token.clone(),
    ));
    // Outlives the tasks: the last of them may still add samples.
    let samples_stop = tokio_util::sync::CancellationToken::new();
    let samples = {
        let (context, stop) = (Arc::clone(&context), samples_stop.clone());
        shutdown
            .tasks()
            .spawn(async move { context.samples.run(&context.db, stop).await })
    };
    info!(
        worker.name = settings.queue.hostname,
        queues = settings.queue.all_queues().join(","),
        "worker ready"
    );
    let outcome = worker.run(token).await;
    samples_stop.cancel();
    samples.await?;
    shutdown.finish(GRACE).await;
    Ok(outcome?)
}
