//! The smallest worker, and a call of its task: `REDIS_URL=redis://127.0.0.1:6379/0 cargo run --example hello`.
//! From Python: `app.send_task("hello", ["world"]).get()`.

use std::time::Duration;

use celery::prelude::*;
use celery_redis::{Client, Signature, Worker};
use tokio_util::sync::CancellationToken;

#[celery::task]
async fn hello(name: String) -> TaskResult<String> {
    Ok(format!("Hello, {name}!"))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "an example has no settings module")]
    let url = std::env::var("REDIS_URL")?;
    let stop = CancellationToken::new();
    let worker = Worker::builder(&url).register::<hello>().build()?;

    let client = Client::new(&url)?;
    let calling = async {
        let id = client.send(&Signature::new("hello").arg("world")).await?;
        let outcome = client.result(id).get(Duration::from_secs(10)).await?;
        eprintln!("{outcome:?}");
        tokio::signal::ctrl_c().await?;
        stop.cancel();
        anyhow::Ok(())
    };
    tokio::try_join!(calling, async { Ok(worker.run(stop.clone()).await?) })?;
    Ok(())
}
