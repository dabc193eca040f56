//! Tasks that note when they run and wait at a gate, and looks at the ledger.

use std::{sync::Arc, time::Duration};

use celery::prelude::*;
use celery_redis::{Worker, current_request, data};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use tokio::sync::{Mutex, Semaphore};

use super::eventually;

/// What ran, in order, and a gate that tasks wait at.
pub struct Log {
    pub ran: Mutex<Vec<String>>,
    pub gate: Semaphore,
}

impl Log {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            ran: Mutex::default(),
            gate: Semaphore::new(0),
        })
    }

    pub async fn ran(&self) -> Vec<String> {
        self.ran.lock().await.clone()
    }
}

#[celery::task]
pub async fn note(text: String) -> TaskResult<()> {
    data::<Log>()?.ran.lock().await.push(text);
    Ok(())
}

#[celery::task(acks_late = true)]
pub async fn wait_late(text: String) -> TaskResult<()> {
    wait(text).await
}

#[celery::task]
pub async fn wait_early(text: String) -> TaskResult<()> {
    wait(text).await
}

pub async fn wait(text: String) -> TaskResult<()> {
    let log = data::<Log>()?;
    log.ran.lock().await.push(text);
    log.gate.acquire().await.expect("an open gate").forget();
    Ok(())
}

#[celery::task(acks_late = true)]
pub async fn redelivered() -> TaskResult<bool> {
    Ok(current_request().expect("inside a task").redelivered)
}

pub fn worker(url: &str, log: &Arc<Log>) -> celery_redis::WorkerBuilder {
    Worker::builder(url)
        .concurrency(4)
        .shutdown_grace(Duration::from_secs(5))
        .data(log.clone())
        .register::<note>()
        .register::<wait_late>()
        .register::<wait_early>()
        .register::<redelivered>()
}

pub async fn held(connection: &mut MultiplexedConnection) -> usize {
    connection.hlen("unacked").await.expect("the size of the ledger")
}

pub async fn until_held(connection: &mut MultiplexedConnection, count: usize) {
    eventually(&format!("{count} messages are held"), async || {
        (held(connection).await == count).then_some(())
    })
    .await;
}

/// Waits until all that was sent to `celery` has ended: it is neither there, nor in a list of arrivals, nor held. Looked
/// at in one step, for messages move between the three both ways.
pub async fn until_all_ended(connection: &mut MultiplexedConnection) {
    let mut places = redis::pipe();
    places.atomic().llen("celery").hlen("unacked");
    places.keys("celery-redis.arrivals.*");
    eventually("all messages have ended", async || {
        let (waiting, held, arrived): (usize, usize, Vec<String>) =
            places.query_async(connection).await.expect("where messages are");
        (waiting == 0 && held == 0 && arrived.is_empty()).then_some(())
    })
    .await;
}

/// Whether a worker waits for messages at its queues.
pub async fn is_waiting(connection: &mut MultiplexedConnection) -> bool {
    let clients: String = redis::cmd("CLIENT")
        .arg("LIST")
        .query_async(connection)
        .await
        .expect("the list of connections");
    clients.contains("cmd=blmove")
}

pub async fn until_waiting(connection: &mut MultiplexedConnection) {
    eventually("a worker waits for messages", async || {
        is_waiting(connection).await.then_some(())
    })
    .await;
}

pub async fn until_ran(log: &Log, count: usize) -> Vec<String> {
    eventually(&format!("{count} tasks ran"), async || {
        Some(log.ran().await).filter(|ran| ran.len() == count)
    })
    .await
}
