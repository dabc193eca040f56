//! Summaries of measurements, and how they are printed.

use std::time::Duration;

/// One line of the table.
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// The measured value, with its unit.
    pub measured: String,
    /// The bound it keeps to; `None` for what others are measured against.
    pub bound: Option<Bound>,
}

/// How a measurement stands to its bound.
pub struct Bound {
    /// In words.
    pub text: String,
    /// Whether it is kept.
    pub kept: bool,
}

/// The value below which `share` (0 to 1) of the times lie; zero of nothing.
pub fn percentile(times: &[Duration], share: f64) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index within a short list"
    )]
    let index = ((sorted.len().saturating_sub(1)) as f64 * share).ceil() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// Median and 95th percentile in milliseconds.
pub fn summary(times: &[Duration]) -> String {
    let ms = |share| percentile(times, share).as_secs_f64() * 1e3;
    format!(
        "median {:.1} ms, p95 {:.1} ms ({} runs)",
        ms(0.5),
        ms(0.95),
        times.len()
    )
}

/// Prints a table, and says whether every bound in it is kept.
#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
pub fn print(title: &str, figures: &[Figure]) -> bool {
    let mut all_kept = true;
    for Figure {
        what,
        measured,
        bound,
    } in figures
    {
        let bound = bound.as_ref().map_or_else(String::new, |Bound { text, kept }| {
            all_kept &= kept;
            format!("{text}: {}", if *kept { "kept" } else { "MISSED" })
        });
        println!("{title:<9} {what:<42} {measured:<48} {bound}");
    }
    all_kept
}
