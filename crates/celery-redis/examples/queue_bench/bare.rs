//! What Redis itself can do: the commands of a delivery without anybody's runtime around them.

use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

use crate::contender::{QUEUE, push};
use crate::message::Task;
use crate::server::Server;

/// Tasks of one measurement.
const TASKS: usize = 40_000;
/// Tasks whose commands travel together.
const BATCH: usize = 100;
/// Batches under way at a time, so that neither side waits for the other.
const UNDER_WAY: usize = 4;
/// Samples of the round trip.
const SAMPLES: usize = 200;

/// Tasks per second: take (`RPOP`, `ZADD`, `HSET`) and acknowledge (`ZREM`, `HDEL`), with `stored` also the result
/// (`SETEX`, `PUBLISH`), pipelined on one connection.
pub fn throughput(server: &Server, stored: bool) -> anyhow::Result<f64> {
    let mut connection = server.connect()?;
    push(&mut connection, QUEUE, &Task::noops(TASKS, !stored))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let rate = runtime.block_on(take_all(server, stored))?;
    redis::cmd("FLUSHALL").exec(&mut connection)?;
    Ok(rate)
}

async fn take_all(server: &Server, stored: bool) -> anyhow::Result<f64> {
    let client = redis::Client::open(server.url())?;
    let connection = client.get_multiplexed_async_connection().await?;
    let began = Instant::now();
    let mut lanes = JoinSet::new();
    for lane in 0..UNDER_WAY {
        lanes.spawn(take(connection.clone(), lane, stored));
    }
    let mut taken = 0;
    while let Some(lane) = lanes.join_next().await {
        taken += lane??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let rate = taken as f64 / began.elapsed().as_secs_f64();
    Ok(rate)
}

async fn take(
    mut connection: MultiplexedConnection,
    lane: usize,
    stored: bool,
) -> Result<usize, redis::RedisError> {
    const META: &str = r#"{"status":"SUCCESS","result":null,"traceback":null,"children":[],"date_done":"2026-01-01T00:00:00.000000+00:00","task_id":"00000000-0000-0000-0000-000000000000"}"#;
    let mut taken = 0;
    loop {
        let mut pop = redis::pipe();
        for _ in 0..BATCH {
            pop.rpop(QUEUE, None);
        }
        let messages: Vec<Option<Vec<u8>>> = pop.query_async(&mut connection).await?;
        let mut rest = redis::pipe();
        let before = taken;
        for message in messages.into_iter().flatten() {
            let tag = format!("00000000-0000-0000-{lane:04}-{taken:012}");
            rest.zadd("unacked_index", &tag, 1_700_000_000.0).ignore();
            rest.hset("unacked", &tag, message).ignore();
            if stored {
                let key = format!("celery-task-meta-{tag}");
                rest.set_ex(&key, META, 86_400).ignore();
                rest.publish(&key, META).ignore();
            }
            rest.zrem("unacked_index", &tag).ignore();
            rest.hdel("unacked", &tag).ignore();
            taken += 1;
        }
        if taken == before {
            return Ok(taken);
        }
        rest.query_async::<()>(&mut connection).await?;
    }
}

/// From a push until somebody who waited in `BRPOP` has the element.
pub fn round_trips(server: &Server) -> anyhow::Result<Vec<Duration>> {
    let (mut pushing, mut popping) = (server.connect()?, server.connect()?);
    let message = Task::stamp("/nowhere/at/all", 0).encode();
    std::thread::scope(|scope| {
        let (told, hears) = std::sync::mpsc::channel();
        let popper = scope.spawn(move || -> anyhow::Result<()> {
            for _ in 0..SAMPLES {
                redis::cmd("BRPOP").arg("bare").arg(10).exec(&mut popping)?;
                told.send(Instant::now())?;
            }
            Ok(())
        });
        let mut samples = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            std::thread::sleep(Duration::from_millis(10));
            let sent = Instant::now();
            redis::cmd("LPUSH").arg("bare").arg(&message).exec(&mut pushing)?;
            samples.push(hears.recv()?.saturating_duration_since(sent));
        }
        popper
            .join()
            .map_err(|_| anyhow::anyhow!("the popping thread panicked"))??;
        Ok(samples)
    })
}
