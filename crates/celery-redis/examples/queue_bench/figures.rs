//! What was measured, and its medians over the rounds.

use std::time::Duration;

use crate::contender::Kind;

/// How fast a worker is that finds all its work at once.
#[derive(Debug, Default, Clone, Copy)]
pub struct Throughput {
    /// Tasks per second.
    pub rate: f64,
    /// CPU seconds of the worker per 10,000 tasks.
    pub cpu: f64,
    /// Those of Redis; with the sending, which is the same for all.
    pub redis_cpu: f64,
}

/// A worker in one round.
#[derive(Debug, Default)]
pub struct Figures {
    /// With the result ignored, and with it stored.
    pub ignored: Throughput,
    pub stored: Throughput,
    /// From sending until the task begins.
    pub idle: Vec<Duration>,
    pub at_half_load: Vec<Duration>,
    /// Tasks per second at half load.
    pub load_rate: f64,
    /// Resident memory after the work, in MiB.
    pub busy_mib: f64,
}

impl Figures {
    pub fn in_short(&self) -> String {
        format!(
            "{:.0}/s ignored, {:.0}/s stored, idle {}, half load ({:.0}/s) {}, CPU {:.2} s, {:.0} MiB",
            self.ignored.rate,
            self.stored.rate,
            millis(percentile(&self.idle, 0.5)),
            self.load_rate,
            millis(percentile(&self.at_half_load, 0.5)),
            self.ignored.cpu,
            self.busy_mib
        )
    }
}

/// Redis alone in one round.
pub struct Bare {
    /// Tasks per second.
    pub ignored: f64,
    pub stored: f64,
    /// From a push until the pop returned.
    pub round_trips: Vec<Duration>,
}

/// Everything.
pub struct Run {
    pub redis_version: String,
    pub bare: Vec<Bare>,
    workers: Vec<(Kind, Vec<Figures>)>,
    /// The machine's load at the beginning and after each round.
    pub loads: Vec<String>,
    pub took: Duration,
}

impl Run {
    pub fn new(redis_version: String) -> Self {
        Self {
            redis_version,
            bare: Vec::new(),
            workers: Kind::ALL.map(|kind| (kind, Vec::new())).into(),
            loads: Vec::new(),
            took: Duration::ZERO,
        }
    }

    pub fn add(&mut self, kind: Kind, figures: Figures) {
        for (of, rounds) in &mut self.workers {
            if *of == kind {
                rounds.push(figures);
                return;
            }
        }
    }

    fn rounds(&self, kind: Kind) -> &[Figures] {
        self.workers
            .iter()
            .find(|(of, _)| *of == kind)
            .map_or(&[], |(_, rounds)| rounds.as_slice())
    }

    /// The median of a figure over the rounds.
    pub fn median(&self, kind: Kind, of: impl Fn(&Figures) -> f64) -> f64 {
        median(self.rounds(kind).iter().map(of).collect())
    }

    /// The median over the rounds of a latency at `share` of a round's samples, in ms.
    pub fn latency(&self, kind: Kind, share: f64, of: impl Fn(&Figures) -> &[Duration]) -> f64 {
        self.median(kind, |figures| percentile(of(figures), share))
    }

    /// Likewise of the bare commands.
    pub fn bare_median(&self, of: impl Fn(&Bare) -> f64) -> f64 {
        median(self.bare.iter().map(of).collect())
    }

    /// What Python's better pool makes of a figure, the better one being the one with more (or less) of it.
    pub fn best_python(&self, more_is_better: bool, of: impl Fn(&Figures) -> f64) -> f64 {
        let (first, second) = (self.median(Kind::Prefork, &of), self.median(Kind::Threads, &of));
        if more_is_better {
            first.max(second)
        } else {
            first.min(second)
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

/// The time in ms below which `share` (0 to 1) of the samples lie.
pub fn percentile(samples: &[Duration], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index within a short list"
    )]
    let index = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or_default().as_secs_f64() * 1e3
}

/// A time for a person, from ms.
pub fn millis(ms: f64) -> String {
    if ms < 1.0 {
        format!("{:.0} µs", ms * 1e3)
    } else if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}
