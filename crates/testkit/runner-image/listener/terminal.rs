//! Lines on the terminal, in the official formats.

use std::{
    io::Write,
    time::{SystemTime, UNIX_EPOCH},
};

/// Prints lines, each once more as a log line where the image is set up for that.
pub fn line(text: &str) {
    let logged = std::env::var("ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT");
    let logged = logged.is_ok_and(|value| crate::options::is_true(&value));
    let mut out = std::io::stdout().lock();
    for text in text.split('\n') {
        // A closed stdout must not end the runner.
        let _ = writeln!(out, "{text}");
        if logged {
            let _ = writeln!(out, "[RUNNER {} INFO Terminal] WRITE LINE: {text}", now());
        }
    }
    let _ = out.flush();
}

/// Prints a line with the time in front: `2026-01-31 12:00:00Z: Listening for Jobs`.
pub fn timed(text: &str) {
    line(&format!("{}: {text}", now()));
}

/// The time as `yyyy-MM-dd HH:mm:ssZ`, UTC.
fn now() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    format_utc(seconds)
}

fn format_utc(seconds: u64) -> String {
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!(
        "{year:04}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02}Z",
        days + 1
    )
}
