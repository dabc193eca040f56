//! The beat's process: reads the settings, runs until it is told to stop.

use std::process::ExitCode;
use std::time::Duration;

use celery_redis::beat::Beat;
use clap::Parser;
use domain::redis_keys::BEAT_PREFIX;
use process::{Shutdown, Variables};
use runner_pilot_beat::settings::BeatSettings;
use runner_pilot_beat::{publish, schedule};
use secrecy::ExposeSecret as _;
use tracing::info;

/// How long a leader that was killed keeps the lock: another one leads within ten seconds.
const LOCK_TTL: Duration = Duration::from_secs(7);

/// Sends Runner Pilot's periodic tasks: heartbeats, metrics, reconciling, node checks, pruning.
#[derive(Debug, Parser)]
#[command(name = "runner-pilot-beat", version, about, after_help = process::SETTINGS_HELP)]
struct Arguments {}

fn main() -> ExitCode {
    let Arguments {} = Arguments::parse();
    process::install_crypto_provider();
    // One thread is enough for a message now and then, and keeps the process small.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return process::exit_code(Err(error.into())),
    };
    process::exit_code(runtime.block_on(beat()))
}

async fn beat() -> anyhow::Result<()> {
    let (settings, shown) = BeatSettings::read(Variables::from_process())?;
    process::telemetry::init(&settings.log)?;
    info!(
        settings = shown,
        "runner-pilot-beat {}",
        env!("CARGO_PKG_VERSION")
    );
    let shutdown = Shutdown::on_signals()?;
    let mut beat = Beat::builder(settings.redis.url.expose_secret())
        .namespace(BEAT_PREFIX)
        .lock_ttl(LOCK_TTL);
    for entry in schedule::entries(&settings.periods) {
        beat = beat.entry(entry);
    }
    let beat = beat.build()?;
    info!("beat ready");
    let (url, token) = (
        settings.redis.url.expose_secret().to_owned(),
        beat.token().to_owned(),
    );
    tokio::select! {
        ended = beat.run(shutdown.token()) => ended?,
        ended = publish::run(&url, &token, &settings.periods) => ended?,
    }
    Ok(())
}
