//! The workers: each slot has a network of its own to Redis and one process at a time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use testkit::harness::{Child, FaultProxy, RedisServer, Signal};
use tokio::sync::Mutex as AsyncMutex;

use crate::record::{Execution, WorkerId, now, read};
use crate::schedule::Outage;
use crate::verdict::{Cause, Trouble};

/// How long a worker may take to shut down when it is asked to.
const SHUTDOWN: Duration = Duration::from_secs(15);

/// Notes what goes wrong.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<Vec<Trouble>>);

impl Troubles {
    pub fn add(&self, trouble: Trouble) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(trouble);
    }

    pub fn all(&self) -> Vec<Trouble> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Slot {
    proxy: FaultProxy,
    process: AsyncMutex<(WorkerId, Child)>,
}

/// The running workers.
pub struct Fleet {
    slots: Vec<Slot>,
    /// All processes so far.
    started: Mutex<Vec<WorkerId>>,
    directory: PathBuf,
    redis_url: Box<dyn Fn(&str) -> String + Send + Sync>,
}

impl Fleet {
    /// Starts one worker in each of `slots` slots; records and logs go to `directory`.
    pub async fn start(redis: &RedisServer, slots: usize, directory: &Path) -> anyhow::Result<Self> {
        let template = redis.url_at("ADDRESS");
        let mut fleet = Self {
            slots: Vec::new(),
            started: Mutex::default(),
            directory: directory.to_owned(),
            redis_url: Box::new(move |address| template.replace("ADDRESS", address)),
        };
        for slot in 0..slots {
            let proxy = FaultProxy::tcp(&format!("127.0.0.1:{}", redis.port())).await?;
            let process = AsyncMutex::new(fleet.spawn(slot, &proxy)?);
            fleet.slots.push(Slot { proxy, process });
        }
        Ok(fleet)
    }

    fn spawn(&self, slot: usize, proxy: &FaultProxy) -> anyhow::Result<(WorkerId, Child)> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let worker = WorkerId {
            process: started.len(),
            slot,
        };
        let name = format!("worker-{}-{slot}", worker.process);
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("worker")
            .args(["--name", &format!("{name}@soak")])
            .args(["--url", &(self.redis_url)(&proxy.address())])
            .arg("--record")
            .arg(worker.record(&self.directory));
        let log = self.directory.join(format!("{name}.log"));
        let child = Child::spawn(&name, &mut command, &log, Signal::Kill)?;
        started.push(worker);
        Ok((worker, child))
    }

    /// Kills the worker in `slot` and starts another after `pause`. Returns who died.
    pub async fn kill(&self, slot: usize, pause: Duration, troubles: &Troubles) -> anyhow::Result<WorkerId> {
        let slot_number = slot;
        let slot = &self.slots[slot];
        let mut process = slot.process.lock().await;
        process.1.ensure_running()?;
        let from = now();
        process.1.kill()?;
        let killed = process.0;
        troubles.add(Trouble {
            cause: Cause::Killed,
            process: Some(killed.process),
            slot: None,
            from,
            until: now(),
        });
        tokio::time::sleep(pause).await;
        *process = self.spawn(slot_number, &slot.proxy)?;
        Ok(killed)
    }

    /// Cuts the network of `slot` for as long as the outage lasts.
    pub async fn cut(&self, slot: usize, outage: Outage, troubles: &Troubles) {
        let from = now();
        break_network(&self.slots[slot].proxy, outage).await;
        troubles.add(Trouble {
            cause: Cause::CutOff,
            process: None,
            slot: Some(slot),
            from,
            until: now(),
        });
    }

    /// Everything that ran until now.
    pub fn executions(&self) -> anyhow::Result<Vec<Execution>> {
        let started = self
            .started
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut executions = Vec::new();
        for worker in started {
            executions.extend(read(&worker.record(&self.directory), worker)?);
        }
        Ok(executions)
    }

    /// Asks all workers to stop, and errors unless each ends by itself and well.
    pub async fn stop(&self) -> anyhow::Result<()> {
        for slot in &self.slots {
            let mut process = slot.process.lock().await;
            process.1.ensure_running()?;
            let status = process.1.terminate(SHUTDOWN).await?;
            ensure!(status.success(), "worker {:?} ended with {status}", process.0);
        }
        Ok(())
    }
}

/// Breaks the network behind `proxy` and mends it again.
pub async fn break_network(proxy: &FaultProxy, outage: Outage) {
    proxy.set(outage.cut.faults());
    if outage.cut.resets_first() {
        proxy.reset_connections();
    }
    tokio::time::sleep(outage.lasts).await;
    if outage.cut.resets_last() {
        proxy.reset_connections();
    }
    proxy.heal();
}
