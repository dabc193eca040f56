//! The soak: rounds of tasks and faults, then a drain, then the verdict.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use testkit::harness::{FaultProxy, RedisOptions, RedisServer, eventually};

use crate::fleet::{Fleet, Troubles, break_network};
use crate::producer::{Producer, task_id};
use crate::record::now;
use crate::schedule::{Round, Task, rounds};
use crate::torn::mend;
use crate::verdict::{Cause, Trouble, Verdict, judge};
use crate::worker::QUEUE;

/// The next round waits until no more than this wait in the queue.
const BACKLOG: u64 = 2_000;
/// Longest time for the backlog to shrink, and for the drain at the end.
const DEADLINE: Duration = Duration::from_mins(2);

/// How much to do.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    pub rounds: usize,
    pub tasks: usize,
    pub workers: usize,
}

/// How it went.
pub struct Report {
    pub plan: Plan,
    pub verdict: Verdict,
    pub confirmed: u32,
    pub attempts_failed: u64,
    /// Chords among them, whose bodies are tasks like all others.
    pub chords: u32,
    /// How often Redis was killed within a transaction that it was writing.
    pub torn: usize,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, usize>,
    /// Results that were to be stored, and those of them that are not there or not successful.
    pub results: (usize, usize),
    /// What is left in Redis of the queue and its ledger, by key; empty if all is well.
    pub left: Vec<(String, u64)>,
    pub took: Duration,
}

impl Report {
    pub fn is_good(&self) -> bool {
        self.verdict.is_good() && self.results.1 == 0 && self.left.is_empty()
    }
}

/// Runs it all. `progress` hears of each round.
pub async fn run(plan: Plan, directory: &Path, progress: impl Fn(&str)) -> anyhow::Result<Report> {
    let began = Instant::now();
    let mut redis = RedisServer::start_with(RedisOptions {
        append_only: true,
        password: None,
    })
    .await?;
    let troubles = Troubles::default();
    let torn = AtomicUsize::new(0);
    let fleet = Fleet::start(&redis, plan.workers, directory).await?;
    let network = FaultProxy::tcp(&format!("127.0.0.1:{}", redis.port())).await?;
    let mut producer = Producer::new(&redis, &network)?;
    let rounds = rounds(plan.seed, plan.rounds, plan.tasks, plan.workers);
    for (number, round) in rounds.iter().enumerate() {
        let producing = (&mut producer, &network);
        play(round, &mut redis, &fleet, producing, &troubles, &torn)
            .await
            .with_context(|| format!("round {}", number + 1))?;
        let waiting = backlog(&redis).await?;
        progress(&format!(
            "round {:>3}: {:>6} tasks confirmed, {waiting} waiting",
            number + 1,
            producer.confirmed
        ));
    }
    let drained = drain(&redis).await;
    fleet.stop().await?;
    let executions = fleet.executions()?;
    let troubles = troubles.all();
    let verdict = judge(producer.confirmed, &executions, &troubles);
    let tasks: Vec<Task> = rounds.iter().flat_map(|round| round.tasks.clone()).collect();
    let left = if drained.is_ok() {
        Vec::new()
    } else {
        left(&mut redis.connection().await?).await?
    };
    let report = Report {
        plan,
        verdict,
        confirmed: producer.confirmed,
        attempts_failed: producer.attempts_failed,
        chords: producer.chords,
        torn: torn.into_inner(),
        faults: count(&troubles, &rounds),
        results: results(&mut redis.connection().await?, &tasks).await?,
        left,
        took: began.elapsed(),
    };
    if !report.is_good() {
        keep_history(&redis, directory)?;
    }
    Ok(report)
}

/// Where Redis keeps its append-only file.
fn history(redis: &RedisServer) -> PathBuf {
    redis.socket().with_file_name("appendonlydir")
}

/// Copies Redis's append-only file, in which each message's way can be followed.
fn keep_history(redis: &RedisServer, directory: &Path) -> anyhow::Result<()> {
    let source = history(redis);
    for entry in std::fs::read_dir(&source).with_context(|| format!("reading {}", source.display()))? {
        let path = entry?.path();
        if let Some(name) = path.file_name() {
            std::fs::copy(&path, directory.join(name))?;
        }
    }
    Ok(())
}

/// Sends a round's tasks while its faults happen, then waits until all faults are over.
async fn play(
    round: &Round,
    redis: &mut RedisServer,
    fleet: &Fleet,
    (producer, network): (&mut Producer, &FaultProxy),
    troubles: &Troubles,
    torn: &AtomicUsize,
) -> anyhow::Result<()> {
    let own_outage = async {
        if let Some(outage) = round.producer {
            tokio::time::sleep(outage.at).await;
            break_network(network, outage).await;
        }
        Ok(())
    };
    let feeding = async {
        producer.feed(&round.tasks).await;
        Ok(())
    };
    let killing = async {
        let (slot, at, pause) = round.kill;
        tokio::time::sleep(at).await;
        fleet.kill(slot, pause, troubles).await
    };
    let cutting = async {
        let (slot, outage) = round.outage;
        tokio::time::sleep(outage.at).await;
        fleet.cut(slot, outage, troubles).await;
        Ok(())
    };
    let restarting = async {
        let (at, pause) = round.restart;
        tokio::time::sleep(at).await;
        restart(redis, pause, troubles, torn).await
    };
    // The first error ends the round: without Redis the producer would try for ever.
    tokio::try_join!(feeding, own_outage, killing, cutting, restarting)?;
    eventually(DEADLINE, "the backlog shrinks", || async {
        let waiting = backlog(redis).await?;
        ensure!(waiting <= BACKLOG, "{waiting} tasks wait");
        Ok(())
    })
    .await
}

async fn restart(
    redis: &mut RedisServer,
    pause: Duration,
    troubles: &Troubles,
    torn: &AtomicUsize,
) -> anyhow::Result<()> {
    let from = now();
    redis.kill()?;
    tokio::time::sleep(pause).await;
    if mend(&history(redis))? {
        torn.fetch_add(1, Ordering::Relaxed);
    }
    redis.start_again().await?;
    troubles.add(Trouble {
        cause: Cause::RedisAway,
        process: None,
        slot: None,
        from,
        until: now(),
    });
    Ok(())
}

async fn backlog(redis: &RedisServer) -> anyhow::Result<u64> {
    let mut connection = redis.connection().await?;
    Ok(redis::cmd("LLEN").arg(QUEUE).query_async(&mut connection).await?)
}

/// Waits until nothing is queued and nothing is held.
async fn drain(redis: &RedisServer) -> anyhow::Result<()> {
    let mut connection = redis.connection().await?;
    let began = Instant::now();
    loop {
        let left = left(&mut connection).await?;
        if left.is_empty() {
            return Ok(());
        }
        ensure!(began.elapsed() < DEADLINE, "still there: {left:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What is there of the queue, its ledger and the dead-letter list.
pub async fn left(connection: &mut MultiplexedConnection) -> anyhow::Result<Vec<(String, u64)>> {
    let mut places = [
        ("LLEN", QUEUE),
        ("HLEN", "unacked"),
        ("ZCARD", "unacked_index"),
        ("HLEN", "celery-redis.owners"),
        ("LLEN", "celery-redis.dead-letter"),
    ]
    .map(|(command, key)| (command, key.to_owned()))
    .to_vec();
    let workers: Vec<String> = connection.zrange("celery-redis.workers", 0, -1).await?;
    places.extend(
        workers
            .into_iter()
            .map(|worker| ("LLEN", format!("celery-redis.arrivals.{worker}"))),
    );
    // All at one moment: a message on its way from one place to the next would be seen in neither.
    let mut look = redis::pipe();
    look.atomic();
    for (command, key) in &places {
        look.cmd(command).arg(key);
    }
    let sizes: Vec<u64> = look.query_async(connection).await?;
    let keys = places.into_iter().map(|(_, key)| key);
    Ok(keys.zip(sizes).filter(|(_, size)| *size > 0).collect())
}

/// How many results were to be stored, and how many of these say anything but success.
async fn results(connection: &mut MultiplexedConnection, tasks: &[Task]) -> anyhow::Result<(usize, usize)> {
    let stored: Vec<u32> = (0_u32..)
        .zip(tasks)
        .filter(|(_, task)| task.stored)
        .map(|(number, _)| number)
        .collect();
    let mut wrong = 0;
    for chunk in stored.chunks(1000) {
        let keys: Vec<String> = chunk
            .iter()
            .map(|number| format!("celery-task-meta-{}", task_id(*number)))
            .collect();
        let metas: Vec<Option<String>> = redis::cmd("MGET").arg(keys).query_async(connection).await?;
        wrong += metas
            .iter()
            .filter(|meta| {
                !meta
                    .as_ref()
                    .is_some_and(|meta| meta.contains("\"status\":\"SUCCESS\""))
            })
            .count();
    }
    Ok((stored.len(), wrong))
}

fn count(troubles: &[Trouble], rounds: &[Round]) -> BTreeMap<&'static str, usize> {
    let mut faults = BTreeMap::new();
    for trouble in troubles {
        let kind = match trouble.cause {
            Cause::Killed => "kill -9 of a worker",
            Cause::CutOff => "cut of a worker's network",
            Cause::RedisAway => "kill -9 and restart of Redis",
        };
        *faults.entry(kind).or_default() += 1;
    }
    let producer = rounds.iter().filter(|round| round.producer.is_some()).count();
    faults.insert("cut of the producer's network", producer);
    faults
}
