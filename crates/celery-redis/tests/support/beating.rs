//! Beats inside the test, and when what a beat sent was sent.

use std::time::Duration;

use celery_redis::beat::BeatBuilder;
use chrono::{DateTime, FixedOffset};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{DEADLINE, eventually_within};

/// A beat inside the test.
pub struct Beating {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Beating {
    pub fn start(builder: BeatBuilder) -> Self {
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let running = builder.build().expect("valid settings").run(stop.clone());
        tasks.spawn(async move { running.await.expect("no error") });
        Self { stop, tasks }
    }

    pub async fn stop(mut self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.tasks.join_next())
            .await
            .expect("stops in time")
            .expect("a beat")
            .expect("no panic");
    }
}

pub async fn sent(connection: &mut MultiplexedConnection) -> usize {
    connection.llen("ticks").await.expect("a length")
}

pub async fn until_sent(connection: &mut MultiplexedConnection, count: usize) {
    eventually_within(DEADLINE * 2, &format!("{count} ticks"), async || {
        (sent(connection).await >= count).then_some(())
    })
    .await;
}

/// When each tick was sent, in epoch seconds: this long before it expires. No look at a list could tell as exactly.
pub async fn times(connection: &mut MultiplexedConnection, expires: Duration) -> Vec<f64> {
    let mut ticks: Vec<String> = connection.lrange("ticks", 0, -1).await.expect("a list");
    ticks.reverse();
    let sent = ticks.iter().map(|raw| {
        let message: Value = serde_json::from_str(raw).expect("JSON");
        let text = message["headers"]["expires"].as_str().expect("a time");
        let time: DateTime<FixedOffset> = text.parse().expect("ISO-8601");
        #[expect(clippy::cast_precision_loss, reason = "microseconds fit until the year 2255")]
        let seconds = time.timestamp_micros() as f64 / 1e6;
        seconds - expires.as_secs_f64()
    });
    sent.collect()
}

/// The time between one tick and the next, in seconds.
pub fn gaps(times: &[f64]) -> Vec<f64> {
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// The server's clock in epoch seconds.
pub async fn server_time(connection: &mut MultiplexedConnection) -> f64 {
    let (seconds, micros): (u32, u32) = redis::cmd("TIME").query_async(connection).await.expect("a time");
    f64::from(seconds) + f64::from(micros) / 1e6
}
