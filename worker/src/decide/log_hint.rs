//! What a runner's own log says it is doing.
//!
//! A hint for speed and for runners whose GitHub side nobody can ask: a job may write such lines itself,
//! so GitHub's word goes first wherever it can be had (actions/runner writes them in
//! `Runner.Listener/Runner.cs` and `JobDispatcher.cs`).

use chrono::{DateTime, NaiveDateTime, Utc};

/// What a log says of the runner's jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// `Listening for Jobs`
    Listening,
    /// `Running job: …`
    Running,
    /// `Job … completed with result: …`
    Completed,
}

/// What the last lines say, and when they were written, by the node's clock.
///
/// The connection is told apart from the jobs: a runner loses it and gets it back while its job runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHint {
    /// What the runner was doing; `None` when no line that was read tells.
    pub activity: Option<Activity>,
    /// Whether it has its connection to GitHub.
    pub connected: bool,
    /// Since when it does that, UTC; where that is not known, since when it has or lacks the connection.
    pub at: DateTime<Utc>,
}

/// What one line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Of(Activity),
    /// `Runner reconnected.`
    Reconnected,
    /// `Runner connect error: …`
    Disconnected,
}

/// What the log says at its end, if it says anything.
pub fn last(log: &str) -> Option<LogHint> {
    let mut lines = log.lines().rev().filter_map(read);
    let (said, at) = lines.next()?;
    let connected = said != Said::Disconnected;
    let of_job = |(said, at)| match said {
        Said::Of(activity) => Some((activity, at)),
        Said::Reconnected | Said::Disconnected => None,
    };
    // Only the runner's own word on its job ends that job, however often the connection came and went since.
    let activity = of_job((said, at)).or_else(|| lines.find_map(of_job));
    Some(LogHint {
        activity: activity.map(|(activity, _)| activity),
        connected,
        at: activity.map_or(at, |(_, at)| at),
    })
}

/// Reads one line. Only lines that begin with the runner's own time stamp count: each is repeated inside a
/// `[RUNNER … WRITE LINE: …]` line, and a job's output stands elsewhere.
fn read(line: &str) -> Option<(Said, DateTime<Utc>)> {
    let (stamp, text) = line.trim_end().split_once("Z: ")?;
    // The exact width keeps lenient spellings out.
    let at = (stamp.len() == "2023-10-01 12:00:00".len())
        .then(|| NaiveDateTime::parse_from_str(stamp, "%Y-%m-%d %H:%M:%S").ok())??
        .and_utc();
    let said = if text == "Listening for Jobs" {
        Said::Of(Activity::Listening)
    } else if text.starts_with("Running job: ") {
        Said::Of(Activity::Running)
    } else if text.starts_with("Job ") && text.contains(" completed with result: ") {
        Said::Of(Activity::Completed)
    } else if text == "Runner reconnected." {
        Said::Reconnected
    } else if text.starts_with("Runner connect error: ") {
        Said::Disconnected
    } else {
        return None;
    };
    Some((said, at))
}

/// How the last job ended, in the runner's own word (`Succeeded`, `Failed` …), if the log tells of one.
pub fn last_result(log: &str) -> Option<&str> {
    let line = log
        .lines()
        .rev()
        .find(|line| read(line).is_some_and(|(said, _)| said == Said::Of(Activity::Completed)))?;
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
        last(log)?.activity
    }

    #[test]
    fn the_last_line_that_says_something_counts() {
        let log = "√ Connected to GitHub\n\n\
            Current runner version: '2.336.0'\n\
            2026-01-02 03:04:05Z: Listening for Jobs\n\
            2026-01-02 03:05:05Z: Running job: build\n\
            hello from somewhere\n";
        let hint = last(log).unwrap();
        assert_eq!(hint.activity, Some(Activity::Running));
        assert_eq!(hint.at.to_rfc3339(), "2026-01-02T03:05:05+00:00");
    }

    #[test]
    fn each_kind_of_line_is_read() {
        for (line, expected) in [
            ("2026-01-02 03:04:05Z: Listening for Jobs", Activity::Listening),
            ("2026-01-02 03:04:05Z: Listening for Jobs\r", Activity::Listening),
            ("2026-01-02 03:04:05Z: Running job: a: b", Activity::Running),
            (
                "2026-01-02 03:04:05Z: Job a completed with result: Failed",
                Activity::Completed,
            ),
        ] {
            assert_eq!(activity(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn a_job_runs_on_while_the_connection_comes_and_goes() {
        let lost = "2026-01-02 03:06:05Z: Runner connect error: x. Retrying until reconnected.\n";
        let back = "2026-01-02 03:07:05Z: Runner reconnected.\n";
        for (before, activity) in [
            (
                "2026-01-02 03:05:05Z: Running job: build\n",
                Some(Activity::Running),
            ),
            (
                "2026-01-02 03:05:05Z: Job build completed with result: Failed\n",
                Some(Activity::Completed),
            ),
            (
                "2026-01-02 03:05:05Z: Listening for Jobs\n",
                Some(Activity::Listening),
            ),
            ("", None),
        ] {
            for (after, connected) in [
                (lost.to_owned(), false),
                (format!("{lost}{back}"), true),
                (format!("{lost}{back}{lost}"), false),
            ] {
                let hint = last(&format!("{before}{after}")).unwrap();
                assert_eq!(
                    (hint.activity, hint.connected),
                    (activity, connected),
                    "{before}{after}"
                );
                if activity.is_some() {
                    assert_eq!(hint.at.to_rfc3339(), "2026-01-02T03:05:05+00:00");
                }
            }
        }
        let over = format!(
            "2026-01-02 03:05:05Z: Running job: build\n{lost}{back}2026-01-02 03:08:05Z: Listening for Jobs"
        );
        assert_eq!(activity(&over), Some(Activity::Listening));
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
            assert_eq!(last(line), None, "{line}");
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
