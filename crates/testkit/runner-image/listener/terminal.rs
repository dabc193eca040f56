//! Lines on the terminal, in the official formats.

use std::io::Write;

use crate::clock::now;

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
