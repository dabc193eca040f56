//! Summaries of measurements, and how they are printed.

use std::time::Duration;

/// One line of the table.
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// The measured value, with its unit.
    pub measured: String,
    /// The bound it should keep to, with how it stands to it.
    pub bound: String,
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

/// Prints a table.
#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
pub fn print(title: &str, figures: &[Figure]) {
    for Figure {
        what,
        measured,
        bound,
    } in figures
    {
        println!("{title:<9} {what:<42} {measured:<48} {bound}");
    }
}
