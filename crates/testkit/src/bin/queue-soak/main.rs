//! Whether the queue loses anything, and whether anything runs twice without need, while workers are killed,
//! Redis is killed and started again, and networks are cut.
//!
//! `make soak` runs it in full; `make test` runs a short one. Everything is real and private: one Redis with
//! an append-only file, worker processes, and a proxy that makes each one's network bad. What runs is noted by
//! the tasks themselves in files (`record`), what goes wrong follows from a seed (`schedule`), and `verdict`
//! holds one against the other. Ends with 1 unless every confirmed task was done and each second run had a
//! reason.

mod acks;
mod fleet;
mod producer;
mod record;
mod report;
mod schedule;
mod soak;
mod torn;
mod verdict;
mod worker;

use std::process::ExitCode;

use clap::Parser;
use tempfile::TempDir;

use crate::soak::Plan;
use crate::worker::{CONCURRENCY, WorkerArguments};

/// Soaks the queue in faults.
#[derive(Debug, Parser)]
enum Command {
    /// Kills, restarts and cuts, and counts what was lost and what ran twice.
    Run {
        /// Rounds of one kill -9 of a worker, one of Redis and one cut network each.
        #[arg(long, default_value_t = 100)]
        rounds: usize,
        /// Tasks in all.
        #[arg(long, default_value_t = 100_000)]
        tasks: usize,
        /// Worker processes at a time.
        #[arg(long, default_value_t = 3)]
        workers: usize,
        /// Decides which faults happen when; chosen by chance unless given.
        #[arg(long)]
        seed: Option<u64>,
        /// How often to try what one kill -9 costs, for each kind of acknowledgement.
        #[arg(long, default_value_t = 5)]
        kills: usize,
    },
    /// A worker under test; started by `run`.
    Worker(WorkerArguments),
}

fn main() -> anyhow::Result<ExitCode> {
    let command = Command::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command {
        Command::Worker(arguments) => {
            runtime.block_on(worker::work(arguments))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Run {
            rounds,
            tasks,
            workers,
            seed,
            kills,
        } => {
            let seed = seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
            let plan = Plan {
                seed,
                rounds,
                tasks,
                workers,
            };
            runtime.block_on(run(plan, kills))
        }
    }
}

async fn run(plan: Plan, kills: usize) -> anyhow::Result<ExitCode> {
    let directory = TempDir::with_prefix("queue-soak-")?;
    report::say(&format!(
        "seed {}: {} rounds, {} tasks, {} workers; load average {}",
        plan.seed,
        plan.rounds,
        plan.tasks,
        plan.workers,
        report::load_average()
    ));
    let mut good = true;
    for (name, kind) in [("soak.late", "late"), ("soak.early", "early")] {
        let mut costs = Vec::new();
        for number in 0..kills {
            let place = directory.path().join(format!("{kind}-{number}"));
            std::fs::create_dir(&place)?;
            // At another moment each time. A task that was acknowledged early and has not noted its beginning yet is
            // lost without having run; there is none just after all slots were filled.
            let begun = if kind == "early" {
                CONCURRENCY * (1 + number % 4)
            } else {
                4 + 5 * number % 30
            };
            costs.push(acks::kill_once(name, begun, &place).await?);
        }
        good &= report::kills(kind, &costs);
    }
    let records = directory.path().join("rounds");
    std::fs::create_dir(&records)?;
    let report = soak::run(plan, &records, report::say).await;
    match report {
        Ok(report) => {
            report::table(&report);
            good &= report.is_good();
        }
        Err(error) => {
            report::say(&format!("seed {}: {error:#}", plan.seed));
            good = false;
        }
    }
    if good {
        return Ok(ExitCode::SUCCESS);
    }
    report::say(&format!(
        "records, logs and Redis's append-only file stay in {}",
        directory.keep().display()
    ));
    Ok(ExitCode::FAILURE)
}
