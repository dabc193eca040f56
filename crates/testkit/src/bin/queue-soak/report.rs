//! What a person gets to read.

use crate::acks::Cost;
use crate::soak::Report;
use crate::verdict::Cause;
use crate::worker::{CONCURRENCY, VISIBILITY};

/// One line.
#[expect(clippy::print_stdout, reason = "these lines are what this program is for")]
pub fn say(line: &str) {
    println!("{line}");
}

fn row(what: &str, value: impl std::fmt::Display) {
    say(&format!("  {what:<52} {value:>9}"));
}

/// The machine's load over one, five and fifteen minutes: others may be at work on it.
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// What each kill cost; tells whether that is within the promise.
pub fn kills(kind: &str, costs: &[Cost]) -> bool {
    let (running, lost) = costs.iter().fold((0, 0), |(running, lost), cost| {
        (running + cost.running, lost + cost.lost)
    });
    let good = costs
        .iter()
        .all(|cost| cost.lost <= if kind == "late" { 0 } else { cost.running });
    if !costs.is_empty() {
        say(&format!(
            "kill -9 with {kind} acknowledgement, {} times 40 tasks: {running} were running, {lost} lost: {}",
            costs.len(),
            if good { "good" } else { "BROKEN" }
        ));
    }
    good
}

/// The soak's table.
pub fn table(report: &Report) {
    let (plan, verdict) = (&report.plan, &report.verdict);
    say(&format!(
        "seed {}, {} rounds in {} s, {} workers of {CONCURRENCY} tasks, visibility timeout {} s, load average {}",
        plan.seed,
        plan.rounds,
        report.took.as_secs(),
        plan.workers,
        VISIBILITY.as_secs(),
        load_average()
    ));
    row("tasks confirmed to the producer", report.confirmed);
    row("  chords of them, each with a body that runs once", report.chords);
    row("sends that failed and were made again", report.attempts_failed);
    for (kind, count) in &report.faults {
        row(kind, count);
    }
    row("transactions that Redis was killed in, cut off", report.torn);
    row("executions", verdict.executions);
    row("  of unconfirmed batches that had arrived", verdict.sent_twice);
    row("lost", verdict.lost.len());
    row(
        "run again",
        verdict.repeated.values().sum::<usize>() + verdict.unexplained.len(),
    );
    for (cause, meaning) in [
        (Cause::Killed, "  the worker died while running it"),
        (Cause::CutOff, "  the worker was cut off while running it"),
        (Cause::RedisAway, "  Redis was away while it ran"),
    ] {
        row(meaning, verdict.repeated.get(&cause).copied().unwrap_or(0));
    }
    row("  without a reason", verdict.unexplained.len());
    row("results to be stored", report.results.0);
    row("  missing or not SUCCESS", report.results.1);
    row(
        "messages left in queue, ledger or dead-letter list",
        report.left.iter().map(|(_, size)| size).sum::<u64>(),
    );
    for (key, size) in &report.left {
        say(&format!("    {key}: {size}"));
    }
    for (what, some) in [
        (
            "lost",
            verdict
                .lost
                .iter()
                .take(10)
                .map(u32::to_string)
                .collect::<Vec<_>>(),
        ),
        (
            "run again without a reason",
            verdict
                .unexplained
                .iter()
                .take(10)
                .map(|message| format!("{} (attempt {})", message.task, message.attempt))
                .collect(),
        ),
    ] {
        if !some.is_empty() {
            say(&format!("  {what}: {}", some.join(", ")));
        }
    }
    say(if report.is_good() {
        "kept: nothing lost, nothing run twice without a reason"
    } else {
        "BROKEN"
    });
}
