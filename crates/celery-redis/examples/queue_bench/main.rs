//! Measures our worker beside Python's Celery, celery-rs on its own broker and bare Redis commands: in one run, on
//! one private Redis, in interleaved rounds, of which each figure is the median.
//!
//! `make bench-queue` builds what is needed in release mode and runs it. Options: `--rounds N`, `--out FILE`, and
//! `--idle N` for nothing but our idle latency in so many rounds, which `make bench` shows. It ends with 0 whatever
//! the figures are: the machine is shared, so a person reads them, not a gate.

mod bare;
mod contender;
mod figures;
mod latency;
mod message;
mod page;
mod server;
mod usage;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::contender::{Contender, Kind, Programs};
use crate::figures::{Bare, Figures, Run, Throughput, percentile};
use crate::server::Server;

fn main() -> anyhow::Result<()> {
    let (mut rounds, mut out, mut idle_rounds) = (3, root().join("docs/queue-benchmark.md"), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--rounds" => rounds = value.parse()?,
            "--out" => out = PathBuf::from(value),
            "--idle" => idle_rounds = Some(value.parse()?),
            other => anyhow::bail!("unknown option {other}"),
        }
    }
    if let Some(rounds) = idle_rounds {
        return idle(rounds);
    }
    let run = measure(rounds)?;
    std::fs::write(&out, page::write(&run)?).with_context(|| format!("writing {}", out.display()))?;
    page::print(&run);
    eprintln!("written to {}", out.display());
    Ok(())
}

/// Our latency alone, in turns with bare Redis.
#[expect(clippy::print_stdout, reason = "the figure is what this program is for")]
fn idle(rounds: usize) -> anyhow::Result<()> {
    let programs = Programs::beside_us(PathBuf::new())?;
    let server = Server::start()?;
    let directory = tempfile::tempdir()?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        bare.extend(bare::round_trips(&server)?);
        let contender = Contender::start(Kind::Ours, false, &programs, &server)?;
        let stamps = directory.path().join(round.to_string());
        ours.extend(latency::idle(&contender, &server, &stamps)?);
    }
    let median = |times: &[Duration]| percentile(times, 0.5) * 1e3;
    let (bare, ours) = (median(&bare), median(&ours));
    let ratio = ours / bare;
    println!("Queue     push and BRPOP, bare                       median {bare:.0} µs");
    println!(
        "Queue     idle pick-up of a task                     median {ours:.0} µs                                    {ratio:.2} times the bare one; at most 3, aim 2"
    );
    anyhow::ensure!(ratio <= 3.0, "the idle pick-up is out of its bound");
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn programs() -> anyhow::Result<Programs> {
    #[expect(clippy::disallowed_methods, reason = "an example has no settings module")]
    let python = std::env::var("CELERY_PYTHON")
        .context("CELERY_PYTHON must name a Python with Celery; make bench-queue sets it")?;
    Programs::beside_us(PathBuf::from(python))
}

fn measure(rounds: usize) -> anyhow::Result<Run> {
    let began = Instant::now();
    let programs = programs()?;
    let server = Server::start()?;
    let directory = tempfile::tempdir()?;
    let mut run = Run::new(server.version()?);
    run.loads.push(usage::load_average());
    for round in 0..rounds {
        eprintln!("round {}", round + 1);
        run.bare.push(Bare {
            ignored: bare::throughput(&server, false)?,
            stored: bare::throughput(&server, true)?,
            round_trips: bare::round_trips(&server)?,
        });
        for kind in Kind::ALL {
            server.clear()?;
            let stamps = directory.path().join(format!("{kind:?}-{round}"));
            let figures = one(kind, &programs, &server, &stamps)?;
            eprintln!("  {}: {}", kind.name(), figures.in_short());
            run.add(kind, figures);
        }
        run.loads.push(usage::load_average());
    }
    run.took = began.elapsed();
    Ok(run)
}

/// All figures of one worker in one round.
fn one(kind: Kind, programs: &Programs, server: &Server, stamps: &Path) -> anyhow::Result<Figures> {
    let contender = Contender::start(kind, false, programs, server)?;
    let mut figures = Figures {
        ignored: throughput(&contender, server, true)?,
        ..Figures::default()
    };
    figures.idle = latency::idle(&contender, server, stamps)?;
    (figures.load_rate, figures.at_half_load) =
        latency::at_half_load(&contender, server, stamps, figures.ignored.rate)?;
    let storing = if kind == Kind::CeleryRs {
        drop(contender);
        server.clear()?;
        Contender::start(kind, true, programs, server)?
    } else {
        contender
    };
    figures.stored = throughput(&storing, server, false)?;
    figures.busy_mib = usage::resident_mib(storing.pid());
    Ok(figures)
}

/// How fast a worker is that finds all its work at once.
fn throughput(contender: &Contender, server: &Server, ignored: bool) -> anyhow::Result<Throughput> {
    let count = contender.kind.batch();
    let mut connection = server.connect()?;
    let cpu = || {
        (
            usage::cpu_seconds(contender.pid()),
            usage::cpu_seconds(server.pid()),
        )
    };
    let before = cpu();
    let took = contender.work_off(&mut connection, count, ignored)?;
    let after = cpu();
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let count = count as f64;
    Ok(Throughput {
        rate: count / took.as_secs_f64(),
        cpu: (after.0 - before.0) / count * 10_000.0,
        redis_cpu: (after.1 - before.1) / count * 10_000.0,
    })
}
