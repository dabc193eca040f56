//! Who is measured, and how each is started, fed and seen to be done.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use redis::Commands as _;

use crate::message::Task;
use crate::server::Server;

/// The queue that everything goes through.
pub const QUEUE: &str = "bench";
/// Longest time anything here may take.
const DEADLINE: Duration = Duration::from_mins(1);

/// A kind of worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Our conformance worker.
    Ours,
    /// The same, telling of each task by events.
    OursTelling,
    /// Celery's default pool, one process per core.
    Prefork,
    /// Celery's thread pool.
    Threads,
    /// The crate that our tasks are defined with, on its own broker.
    CeleryRs,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::Ours,
        Self::OursTelling,
        Self::Prefork,
        Self::Threads,
        Self::CeleryRs,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "celery-redis",
            Self::OursTelling => "celery-redis, -E",
            Self::Prefork => "Celery (Python), prefork",
            Self::Threads => "Celery (Python), threads",
            Self::CeleryRs => "celery-rs, its own broker",
        }
    }

    pub fn is_python(self) -> bool {
        matches!(self, Self::Prefork | Self::Threads)
    }

    /// How it is started, for the page.
    pub fn arguments(self) -> &'static str {
        match self {
            Self::Ours => "-Q bench -c 16 --prefetch-multiplier 16",
            Self::OursTelling => "-Q bench -c 16 --prefetch-multiplier 16 -E",
            Self::Prefork => "worker -P prefork -Q bench -c 2 --prefetch-multiplier 16",
            Self::Threads => "worker -P threads -Q bench -c 8 --prefetch-multiplier 16",
            Self::CeleryRs => "prefetch_count 256",
        }
    }

    /// How many tasks a throughput measurement runs: about two to four seconds' worth.
    pub fn batch(self) -> usize {
        match self {
            Self::Ours | Self::OursTelling => 40_000,
            Self::Prefork | Self::Threads => 1_500,
            Self::CeleryRs => 5_000,
        }
    }

    /// How many tasks are sent one at a time to an idle worker, and the pause before each.
    pub fn idle_samples(self) -> (usize, Duration) {
        match self {
            Self::Ours | Self::OursTelling => (200, Duration::from_millis(10)),
            Self::Prefork | Self::Threads => (100, Duration::from_millis(20)),
            // It looks once a second; not in step with it.
            Self::CeleryRs => (8, Duration::from_millis(1_270)),
        }
    }
}

/// Where the programs are.
pub struct Programs {
    /// The directory of our built examples.
    pub examples: PathBuf,
    pub python: PathBuf,
}

impl Programs {
    /// Our examples lie beside the running one.
    pub fn beside_us(python: PathBuf) -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        let examples = own.parent().context("a program lies in a directory")?.to_owned();
        Ok(Self { examples, python })
    }
}

/// A running worker; it ends when dropped.
pub struct Contender {
    pub kind: Kind,
    child: Child,
}

impl Contender {
    /// Starts a worker and waits until it has done a first few tasks. `results` tells whether results will be
    /// wanted: celery-rs stores all or none of them, whatever the message says.
    pub fn start(kind: Kind, results: bool, programs: &Programs, server: &Server) -> anyhow::Result<Self> {
        let mut command = match kind {
            Kind::Ours | Kind::OursTelling => Command::new(programs.examples.join("conformance")),
            Kind::CeleryRs => Command::new(programs.examples.join("celery_rs_worker")),
            Kind::Prefork | Kind::Threads => {
                let mut python = Command::new(&programs.python);
                python.args(["-B", "-m", "celery", "-A", "app"]);
                python.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python"));
                python
            }
        };
        match kind {
            Kind::CeleryRs if results => drop(command.arg("--results")),
            Kind::CeleryRs => {}
            _ => drop(command.args(kind.arguments().split(' '))),
        }
        if kind.is_python() {
            command.args(["-l", "ERROR"]);
        }
        let child = command
            .env("REDIS_URL", server.url())
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", kind.name()))?;
        let contender = Self { kind, child };
        let mut connection = server.connect()?;
        contender.work_off(&mut connection, 200, !results)?;
        Ok(contender)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Puts tasks where the worker finds them all at once, and waits until it is done with them. Returns how long
    /// that took; nothing of the sending is in it.
    pub fn work_off(
        &self,
        connection: &mut redis::Connection,
        count: usize,
        ignored: bool,
    ) -> anyhow::Result<Duration> {
        let others: usize = redis::cmd("DBSIZE").query(connection)?;
        push(connection, "parked", &Task::noops(count, ignored))?;
        let began = Instant::now();
        redis::cmd("RENAME").arg("parked").arg(QUEUE).exec(connection)?;
        let results = if ignored { 0 } else { others + count };
        self.until_done(connection, results)?;
        Ok(began.elapsed())
    }

    /// Waits until nothing is queued or held, and there are as many keys in all.
    pub fn until_done(&self, connection: &mut redis::Connection, keys: usize) -> anyhow::Result<()> {
        let ledger = match self.kind {
            Kind::CeleryRs => format!("_celery.{QUEUE}_process_map"),
            _ => "unacked".to_owned(),
        };
        let began = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            let workers: Vec<String> = connection.zrange("celery-redis.workers", 0, -1)?;
            let mut ask = redis::pipe();
            ask.llen(QUEUE).hlen(&ledger).cmd("DBSIZE");
            for worker in workers {
                ask.llen(format!("celery-redis.arrivals.{worker}"));
            }
            let counts: Vec<usize> = ask.query(connection)?;
            let [queued, held, present, arrived @ ..] = counts.as_slice() else {
                bail!("{counts:?}");
            };
            let held = held + arrived.iter().sum::<usize>();
            if queued + held == 0 && *present >= keys {
                return Ok(());
            }
            ensure!(
                began.elapsed() < DEADLINE,
                "{} did not finish: {queued} queued, {held} held, {present} of {keys} keys",
                self.kind.name()
            );
            std::thread::sleep(pause);
            // Looking must not take the processor from those who work.
            pause = (pause * 2).min(Duration::from_millis(8));
        }
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .is_ok_and(|status| status.success());
        let began = Instant::now();
        // celery-rs waits for its poll to return.
        while asked && began.elapsed() < Duration::from_secs(5) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Puts tasks into a list, many in one round trip.
pub fn push(connection: &mut redis::Connection, list: &str, tasks: &[Task]) -> anyhow::Result<()> {
    for chunk in tasks.chunks(500) {
        let mut pipeline = redis::cmd("LPUSH");
        pipeline.arg(list);
        for task in chunk {
            pipeline.arg(task.encode());
        }
        pipeline.exec(connection)?;
    }
    Ok(())
}
