//! A worker of the `celery` crate on its own Redis broker, for comparison in `queue_bench`: it takes from the queue
//! `bench` of the server at `REDIS_URL`. With `--results` it stores all results, without none.

use std::{io::Write as _, sync::OnceLock};

use celery::{CeleryBuilder, backend::RedisBackend, prelude::*};

#[celery::task(name = "tasks.noop")]
async fn noop() -> TaskResult<()> {
    Ok(())
}

/// Appends its number and the time in nanoseconds to a file, always the same one.
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
        .ok_or_else(|| TaskError::UnexpectedError("the file cannot be opened".to_owned()))?;
    file.write_all(format!("{number} {}\n", at.as_nanos()).as_bytes())
        .with_unexpected_err(|| "the file cannot be written")
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "an example has no settings module")]
    let url = std::env::var("REDIS_URL")?;
    let mut builder = CeleryBuilder::new("bench", &url)
        .default_queue("bench")
        .prefetch_count(256);
    if std::env::args().any(|argument| argument == "--results") {
        builder = builder.result_backend(RedisBackend::new(&url)?);
    }
    let app = std::sync::Arc::new(builder.build().await?);
    app.register_task::<noop>().await?;
    app.register_task::<stamp>().await?;
    app.consume_from(&["bench"]).await?;
    Ok(())
}
