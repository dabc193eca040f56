//! The page and the table that come out of it.

use std::fmt::Write as _;

use crate::contender::Kind;
use crate::figures::{Run, millis, percentile};

/// A promise, and how the run stands to it.
struct Bound {
    what: &'static str,
    measured: String,
    ratio: f64,
    limit: String,
    kept: bool,
}

fn at_least(what: &'static str, ours: f64, other: f64, factor: f64, unit: &str) -> Bound {
    let ratio = ours / other;
    Bound {
        what,
        measured: format!("{} against {} {unit}", thousands(ours), thousands(other)),
        ratio,
        limit: format!("≥ {factor}×"),
        kept: ratio >= factor,
    }
}

fn bounds(run: &Run) -> Vec<Bound> {
    let ignored = run.median(Kind::Ours, |figures| figures.ignored.rate);
    let stored = run.median(Kind::Ours, |figures| figures.stored.rate);
    let idle = run.latency(Kind::Ours, 0.5, |figures| &figures.idle);
    let bare_idle = run.bare_median(|bare| percentile(&bare.round_trips, 0.5));
    let cpu = |what, of: fn(&crate::figures::Figures) -> f64| {
        let (ours, python) = (run.median(Kind::Ours, of), run.best_python(false, of));
        let ratio = python / ours;
        Bound {
            what,
            measured: format!("{ours:.2} s against {python:.1} s per 10,000"),
            ratio,
            limit: "≥ 20×".to_owned(),
            kept: ratio >= 20.0,
        }
    };
    vec![
        at_least(
            "throughput, result ignored, to Python's best pool",
            ignored,
            run.best_python(true, |figures| figures.ignored.rate),
            20.0,
            "tasks/s",
        ),
        at_least(
            "throughput, result stored, to Python's best pool",
            stored,
            run.best_python(true, |figures| figures.stored.rate),
            20.0,
            "tasks/s",
        ),
        at_least(
            "throughput, result ignored, to the bare commands",
            ignored,
            run.bare_median(|bare| bare.ignored),
            0.5,
            "tasks/s",
        ),
        at_least(
            "throughput, result stored, to the bare commands",
            stored,
            run.bare_median(|bare| bare.stored),
            0.5,
            "tasks/s",
        ),
        Bound {
            what: "idle latency, median, to a bare push and pop",
            measured: format!("{} against {}", millis(idle), millis(bare_idle)),
            ratio: idle / bare_idle,
            limit: "≤ 2×".to_owned(),
            kept: idle <= 2.0 * bare_idle,
        },
        cpu("CPU of Python's thriftier pool to ours, ignored", |figures| {
            figures.ignored.cpu
        }),
        cpu("CPU of Python's thriftier pool to ours, stored", |figures| {
            figures.stored.cpu
        }),
    ]
}

/// The whole page.
pub fn write(run: &Run) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    let text = [
        "# The queue's figures\n",
        "Written by `make bench-queue`, which measures everything in one run on one private Redis and takes the\nmedian of interleaved rounds. Not to be edited.\n",
    ];
    for line in text {
        writeln!(page, "{line}")?;
    }
    writeln!(
        page,
        "Redis {}, {} cores, {} rounds in {} s. Load averages of the machine before, between and after the\nrounds (it may be shared, the load of the measuring itself is in it): {}.\n",
        run.redis_version,
        std::thread::available_parallelism().map_or(1, usize::from),
        run.bare.len(),
        run.took.as_secs(),
        run.loads.join(" · "),
    )?;
    writeln!(page, "## Against the bounds\n")?;
    writeln!(
        page,
        "| Figure | Measured | Ratio | Bound | |\n|---|---|--:|--:|---|"
    )?;
    for bound in bounds(run) {
        writeln!(
            page,
            "| {} | {} | {:.2}× | {} | {} |",
            bound.what,
            bound.measured,
            bound.ratio,
            bound.limit,
            if bound.kept { "kept" } else { "**missed**" }
        )?;
    }
    writeln!(page, "\n## All figures\n")?;
    writeln!(
        page,
        "| | {} | bare Redis |",
        Kind::ALL.map(Kind::name).join(" | ")
    )?;
    writeln!(page, "|---|--:|--:|--:|--:|--:|--:|")?;
    for (what, cells) in rows(run) {
        writeln!(page, "| {what} | {} |", cells.join(" | "))?;
    }
    writeln!(page, "\n{NOTES}")?;
    for kind in Kind::ALL {
        writeln!(page, "- {}: `{}`", kind.name(), kind.arguments())?;
    }
    Ok(page)
}

const NOTES: &str = "\
## How it is measured

- *Throughput*: the tasks (`tasks.noop`) are put into a list of another name, which is then renamed to the queue's, so
  that nothing of the sending is measured; until queue, lists of arrivals and ledger are empty and, where results are stored,
  all of them are there.
- *Latency*: from before the `LPUSH` until the task's first act, which writes the time to a file. Idle: one task at a
  time. At half load: tasks come evenly at half of the throughput measured just before, at most 20,000/s.
- *Memory*: resident, of the worker and its children, at the end; a page that two processes share counts twice.
- *CPU*: user and system time of the worker and its children, in the throughput measurement. Redis's own is given
  beside it, because scripts move work there; it includes the receiving of the tasks.
- *Bare Redis*: `RPOP`, `ZADD`, `HSET`, then `ZREM`, `HDEL` for each task, with results `SETEX` and `PUBLISH` too,
  pipelined on one connection with four batches of 100 under way. The round trip is `LPUSH` to a waiting `BRPOP`.

The workers:
";

fn rows(run: &Run) -> Vec<(&'static str, Vec<String>)> {
    type Of = fn(&crate::figures::Figures) -> f64;
    let row = |of: Of, shown: fn(f64) -> String, bare: String| {
        let mut cells: Vec<String> = Kind::ALL.map(|kind| shown(run.median(kind, of))).into();
        cells.push(bare);
        cells
    };
    let none = || "–".to_owned();
    let bare_trip = |share| millis(run.bare_median(|bare| percentile(&bare.round_trips, share)));
    let seconds = |value: f64| format!("{value:.2}");
    let mib = |value: f64| format!("{value:.0}");
    vec![
        (
            "tasks/s, result ignored",
            row(
                |f| f.ignored.rate,
                thousands,
                thousands(run.bare_median(|b| b.ignored)),
            ),
        ),
        (
            "tasks/s, result stored",
            row(
                |f| f.stored.rate,
                thousands,
                thousands(run.bare_median(|b| b.stored)),
            ),
        ),
        (
            "latency idle, median",
            row(|f| percentile(&f.idle, 0.5), millis, bare_trip(0.5)),
        ),
        (
            "latency idle, p99",
            row(|f| percentile(&f.idle, 0.99), millis, bare_trip(0.99)),
        ),
        ("half load, tasks/s", row(|f| f.load_rate, thousands, none())),
        (
            "latency at half load, median",
            row(|f| percentile(&f.at_half_load, 0.5), millis, none()),
        ),
        (
            "latency at half load, p99",
            row(|f| percentile(&f.at_half_load, 0.99), millis, none()),
        ),
        ("memory, MiB", row(|f| f.busy_mib, mib, none())),
        (
            "CPU s per 10,000, ignored",
            row(|f| f.ignored.cpu, seconds, none()),
        ),
        ("CPU s per 10,000, stored", row(|f| f.stored.cpu, seconds, none())),
        (
            "Redis's CPU s per 10,000, ignored",
            row(|f| f.ignored.redis_cpu, seconds, none()),
        ),
        (
            "Redis's CPU s per 10,000, stored",
            row(|f| f.stored.redis_cpu, seconds, none()),
        ),
    ]
}

/// `12,345`
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The figures against the bounds, for the terminal.
#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
pub fn print(run: &Run) {
    for bound in bounds(run) {
        println!(
            "{:<52} {:<38} {:>8.2}×  {:<6} {}",
            bound.what,
            bound.measured,
            bound.ratio,
            bound.limit,
            if bound.kept { "pass" } else { "MISS" }
        );
    }
}
