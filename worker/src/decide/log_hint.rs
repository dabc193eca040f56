//! What a runner's own log says it is doing.
//!
//! A hint for speed and for runners whose GitHub side nobody can ask: a job may write such lines itself,
//! so GitHub's word goes first wherever it can be had (actions/runner writes them in
//! `Runner.Listener/Runner.cs` and `JobDispatcher.cs`).

use chrono::{DateTime, NaiveDateTime, Utc};

/// The last thing a log says of the runner's doings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// `Listening for Jobs`, or connected again.
    Listening,
    /// `Running job: …`
    Running,
    /// `Job … completed with result: …`
    Completed,
    /// `Runner connect error: …`
    Disconnected,
}

/// An [`Activity`] and when its line was written, by the node's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHint {
    /// What the runner was doing.
    pub activity: Activity,
    /// Since when, UTC.
    pub at: DateTime<Utc>,
}

/// The last line of the log that says what the runner is doing, if one does.
pub fn last(log: &str) -> Option<LogHint> {
    log.lines().rev().find_map(hint_of)
}

/// Reads one line. Only lines that begin with the runner's own time stamp count: each is repeated inside a
/// `[RUNNER … WRITE LINE: …]` line, and a job's output stands elsewhere.
fn hint_of(line: &str) -> Option<LogHint> {
    let (stamp, text) = line.trim_end().split_once("Z: ")?;
    // The exact width keeps lenient spellings out.
    let at = (stamp.len() == "2023-10-01 12:00:00".len())
        .then(|| NaiveDateTime::parse_from_str(stamp, "%Y-%m-%d %H:%M:%S").ok())??
        .and_utc();
    let activity = if text == "Listening for Jobs" || text == "Runner reconnected." {
        Activity::Listening
    } else if text.starts_with("Running job: ") {
        Activity::Running
    } else if text.starts_with("Job ") && text.contains(" completed with result: ") {
        Activity::Completed
    } else if text.starts_with("Runner connect error: ") {
        Activity::Disconnected
    } else {
        return None;
    };
    Some(LogHint { activity, at })
}

/// How the last job ended, in the runner's own word (`Succeeded`, `Failed` …), if the log tells of one.
pub fn last_result(log: &str) -> Option<&str> {
    let line = log
        .lines()
        .rev()
        .find(|line| hint_of(line).is_some_and(|hint| hint.activity == Activity::Completed))?;
    let (_, result) = line.rsplit_once(" completed with result: ")?;
    let result = result.trim();
    let known = [
        "Succeeded",
        "SucceededWithIssues",
        "Failed",
        "Canceled",
        "Skipped",
        "Abandoned",
    ];
    known.into_iter().find(|word| *word == result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(log: &str) -> Option<Activity> {
        last(log).map(|hint| hint.activity)
    }

    #[test]
    fn the_last_line_that_says_something_counts() {
        let log = "√ Connected to GitHub\n\n\
            Current runner version: '2.336.0'\n\
            2026-01-02 03:04:05Z: Listening for Jobs\n\
            2026-01-02 03:05:05Z: Running job: build\n\
            hello from somewhere\n";
        let hint = last(log).unwrap();
        assert_eq!(hint.activity, Activity::Running);
        assert_eq!(hint.at.to_rfc3339(), "2026-01-02T03:05:05+00:00");
    }

    #[test]
    fn each_kind_of_line_is_read() {
        for (line, expected) in [
            ("2026-01-02 03:04:05Z: Listening for Jobs", Activity::Listening),
            ("2026-01-02 03:04:05Z: Listening for Jobs\r", Activity::Listening),
            ("2026-01-02 03:04:05Z: Runner reconnected.", Activity::Listening),
            ("2026-01-02 03:04:05Z: Running job: a: b", Activity::Running),
            (
                "2026-01-02 03:04:05Z: Job a completed with result: Failed",
                Activity::Completed,
            ),
            (
                "2026-01-02 03:04:05Z: Runner connect error: x. Retrying until reconnected.",
                Activity::Disconnected,
            ),
        ] {
            assert_eq!(activity(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn lines_that_only_look_like_it_are_no_hint() {
        for line in [
            "",
            "Listening for Jobs",
            "[RUNNER 2026-01-02 03:04:05Z INFO Terminal] WRITE LINE: 2026-01-02 03:04:05Z: Listening for Jobs",
            " 2026-01-02 03:04:05Z: Listening for Jobs",
            "2026-13-02 03:04:05Z: Listening for Jobs",
            "2026-1-2 3:4:5Z: Listening for Jobs",
            "2026-01-02 03:04:05Z: listening for jobs",
            "2026-01-02 03:04:05Z: Listening for Jobs of another kind",
        ] {
            assert_eq!(activity(line), None, "{line}");
        }
    }

    #[test]
    fn the_result_of_the_last_job_is_one_of_the_runners_own_words() {
        let log = "2026-01-02 03:04:05Z: Job a completed with result: Failed\n\
                   2026-01-02 03:05:05Z: Job b completed with result: Succeeded\n";
        assert_eq!(last_result(log), Some("Succeeded"));
        let forged = "2026-01-02 03:04:05Z: Job a completed with result: <script>";
        assert_eq!(last_result(forged), None);
    }
}
