//! A beat that sends `tick` into the queue `ticks`, for the tests that stop and kill one:
//!
//! `REDIS_URL=redis://127.0.0.1:6379/0 ticking INTERVAL_SECONDS LOCK_TTL_SECONDS`
//!
//! Each tick expires a day after it was sent, which tells when that was. SIGTERM ends the beat.

use std::time::Duration;

use anyhow::Context as _;
use celery_redis::{
    Signature,
    beat::{Beat, Entry},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "an example has no settings module")]
    let url = std::env::var("REDIS_URL").context("REDIS_URL is not set")?;
    let mut arguments = std::env::args().skip(1);
    let mut seconds = || -> anyhow::Result<Duration> {
        let given = arguments
            .next()
            .context("an interval and a lock's life are needed")?;
        Ok(Duration::try_from_secs_f64(given.parse()?)?)
    };
    let entry = Entry::every("tick", seconds()?, Signature::new("tick").queue("ticks"))
        .expires(Duration::from_hours(24));
    let beat = Beat::builder(&url).lock_ttl(seconds()?).entry(entry).build()?;
    let stop = CancellationToken::new();
    let mut terminated = signal(SignalKind::terminate())?;
    let running = beat.run(stop.clone());
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return Ok(ended?),
        _ = terminated.recv() => stop.cancel(),
    }
    Ok(running.await?)
}
