//! What one kill -9 costs, with late and with early acknowledgement.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use testkit::harness::{FaultProxy, RedisServer, eventually};

use crate::fleet::{Fleet, Troubles};
use crate::producer::Producer;
use crate::schedule::Task;
use crate::verdict::judge;

const TASKS: usize = 40;
const TASK: Task = Task {
    millis: 300,
    stored: false,
    chord: false,
};
const DEADLINE: Duration = Duration::from_mins(1);

/// What became of the tasks.
#[derive(Debug)]
pub struct Cost {
    /// What the worker was executing when it died.
    pub running: usize,
    /// Tasks that nobody finished.
    pub lost: usize,
}

/// Kills a worker once it has begun `begun` of 40 tasks of the kind `name`, and lets another one do the rest.
pub async fn kill_once(name: &str, begun: usize, directory: &Path) -> anyhow::Result<Cost> {
    let redis = RedisServer::start().await?;
    let network = FaultProxy::tcp(&format!("127.0.0.1:{}", redis.port())).await?;
    let mut producer = Producer::new(&redis, &network)?;
    let fleet = Fleet::start(&redis, 1, directory).await?;
    producer.send(name, &[TASK; TASKS]).await;
    eventually(DEADLINE, "the worker is in the midst of it", || {
        let executions = fleet.executions();
        async move {
            let count = executions?.len();
            ensure!(count >= begun, "it has begun {count}");
            Ok(())
        }
    })
    .await?;
    let troubles = Troubles::default();
    let killed = fleet.kill(0, Duration::ZERO, &troubles).await?;
    let running = fleet
        .executions()?
        .iter()
        .filter(|run| run.worker == killed && run.ended.is_none())
        .count();
    eventually(DEADLINE, "the other worker has done what it found", || {
        let redis = &redis;
        async move {
            let mut connection = redis.connection().await?;
            let left = crate::soak::left(&mut connection).await?;
            ensure!(left.is_empty(), "left: {left:?}");
            Ok(())
        }
    })
    .await?;
    // Early acknowledged, the last ones may still run.
    fleet.stop().await?;
    let verdict = judge(producer.confirmed, &fleet.executions()?, &troubles.all());
    ensure!(
        verdict.unexplained.is_empty(),
        "ran twice without a reason: {:?}",
        verdict.unexplained
    );
    Ok(Cost {
        running,
        lost: verdict.lost.len(),
    })
}
