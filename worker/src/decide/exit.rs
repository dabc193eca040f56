//! Why a container ended by itself, from what is left of it.
//!
//! The exit code alone says little: the official image's `run.sh` answers 0 after a failed job and also
//! after a runner that could not even start (its `run-helper.sh` hides the listener's code 1), so the log and
//! GitHub's word count as well.

use super::log_hint;

/// Exit code of the runner when its version is deprecated and
/// `ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE` is set.
const EXIT_DEPRECATED: i64 = 7;
/// Exit code of a container's command when its configuration did not arrive or `config.sh` refused it
/// (`EX_CONFIG` of sysexits).
pub const EXIT_NOT_CONFIGURED: i64 = 78;
/// What it writes when its input ended early.
pub const NOT_DELIVERED: &str = "Runner Pilot: the configuration did not arrive.";

/// What is left of a container that ended.
#[derive(Debug, Clone, Copy)]
pub struct Remains<'a> {
    /// The main process's exit code.
    pub exit_code: i64,
    /// Whether the kernel killed it for its memory.
    pub oom_killed: bool,
    /// The last lines of its log.
    pub log: &'a str,
    /// Whether the runner was to end after one job.
    pub ephemeral: bool,
    /// Whether GitHub still knows the runner; `None` where nobody can ask.
    pub known_at_github: Option<bool>,
    /// The container's memory limit in MiB.
    pub memory_mb: u32,
}

/// What the end was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The ephemeral runner did its job; how that job ended, where the log tells.
    JobDone {
        /// The runner's own word, such as `Succeeded`.
        result: Option<String>,
    },
    /// It ended for another reason; the sentences say why and what to do.
    Fault(String),
}

/// Classifies an end that nobody asked for.
pub fn classify(remains: &Remains<'_>) -> Ending {
    let Remains {
        exit_code,
        oom_killed,
        log,
        ephemeral,
        known_at_github,
        memory_mb,
    } = *remains;
    if oom_killed {
        return fault(&format!(
            "The container ran out of memory (limit {memory_mb} MiB) and was killed. Raise the runner's memory_mb, or let its jobs use less."
        ));
    }
    // Older runners spell it `occured`; the rest of the sentence is the same.
    if exit_code == EXIT_DEPRECATED || log.contains("is deprecated and cannot receive messages") {
        return fault(
            "GitHub no longer accepts this version of the runner software. Set the runner's docker_image to a newer image; GitHub stops supporting a version 30 days after the next one.",
        );
    }
    if exit_code == EXIT_NOT_CONFIGURED && log.contains(NOT_DELIVERED) {
        return fault(
            "The connection to the node was cut before the container had its configuration. Start the instance again.",
        );
    }
    if exit_code == EXIT_NOT_CONFIGURED && log.contains("base64: ") {
        return fault(
            "The image has no base64 command, with which the runner is given its configuration. Use an image that is built like ghcr.io/actions/actions-runner.",
        );
    }
    if exit_code == EXIT_NOT_CONFIGURED {
        let refused = [
            "NotFound",
            "Not Found",
            "Unauthorized",
            "Forbidden",
            "(404)",
            "(401)",
            "(403)",
        ];
        return fault(if refused.iter().any(|word| log.contains(word)) {
            NOT_CONFIGURED
        } else {
            "The runner could not register at GitHub. The last lines of its log say why; if GitHub could not be reached, start the instance again."
        });
    }
    let result = log_hint::last_result(log).map(str::to_owned);
    // GitHub forgets an ephemeral runner after its job; one that was taken off GitHub says so in its log.
    let was_deleted = log.contains("registration has been deleted from the server")
        || log.contains("The runner no longer exists on the server");
    let did_its_job = result.is_some() || (known_at_github == Some(false) && !was_deleted);
    if ephemeral && did_its_job && (0..=2).contains(&exit_code) {
        return Ending::JobDone { result };
    }
    if was_deleted {
        return fault(
            "The runner's registration was deleted at GitHub while it ran. Start the instance again to register it anew.",
        );
    }
    if log.contains("A session for this runner already exists") {
        return fault(
            "GitHub has another session for this runner: something else runs with the same registration. Start the instance again to register it anew.",
        );
    }
    match exit_code {
        0 if ephemeral => {
            fault("The runner ended by itself without having run a job. The last lines of its log say why.")
        }
        0 => fault("The runner ended by itself. The last lines of its log say why."),
        126 | 127 => fault(
            "The image has no /home/runner/run.sh that can be run. Use an image that is built like ghcr.io/actions/actions-runner.",
        ),
        130 | 143 => fault("The container was stopped from outside Runner Pilot."),
        137 => fault("The container was killed from outside Runner Pilot, or its node was restarted."),
        code => fault(&format!(
            "The runner crashed (exit code {code}). The last lines of its log say why."
        )),
    }
}

/// For a registration that GitHub refused to `config.sh`.
const NOT_CONFIGURED: &str = "The runner could not be registered with its token. Registration tokens expire after one hour and belong to one repository or organisation: give the runner a new github_runner_token, or a credential that can make tokens.";

fn fault(text: &str) -> Ending {
    Ending::Fault(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: Remains<'_> = Remains {
        exit_code: 0,
        oom_killed: false,
        log: "",
        ephemeral: true,
        known_at_github: Some(true),
        memory_mb: 512,
    };
    const DONE: &str = "2026-01-02 03:04:05Z: Job a completed with result: Failed\n";

    fn reason(remains: &Remains<'_>) -> String {
        match classify(remains) {
            Ending::Fault(reason) => reason,
            Ending::JobDone { .. } => panic!("{remains:?} was taken for a finished job"),
        }
    }

    #[test]
    fn an_ephemeral_runner_that_did_its_job_is_done_whatever_the_job_said() {
        let log = Remains { log: DONE, ..CLEAN };
        assert_eq!(
            classify(&log),
            Ending::JobDone {
                result: Some("Failed".into())
            }
        );
        // A cancelled job can end with 2 and a deleted registration (actions/runner#3822).
        let cancelled = "2026-01-02 03:04:05Z: Job a completed with result: Canceled\nThe runner registration has been deleted from the server";
        assert!(matches!(
            classify(&Remains {
                log: cancelled,
                exit_code: 2,
                ..CLEAN
            }),
            Ending::JobDone { .. }
        ));
        let gone = Remains {
            known_at_github: Some(false),
            ..CLEAN
        };
        assert_eq!(classify(&gone), Ending::JobDone { result: None });
    }

    #[test]
    fn exit_code_zero_without_a_job_is_a_fault() {
        assert!(reason(&CLEAN).contains("without having run a job"));
        let lasting = Remains {
            ephemeral: false,
            log: DONE,
            ..CLEAN
        };
        assert!(reason(&lasting).contains("ended by itself"));
    }

    #[test]
    fn each_known_cause_is_named_with_what_to_do() {
        let oom = Remains {
            oom_killed: true,
            exit_code: 137,
            ..CLEAN
        };
        assert!(reason(&oom).contains("512 MiB") && reason(&oom).contains("memory_mb"));
        for log in [
            "An error occurred: Runner version v2.300.0 is deprecated and cannot receive messages.",
            "An error occured: Runner version v2.300.0 is deprecated and cannot receive messages.",
        ] {
            assert!(reason(&Remains { log, ..CLEAN }).contains("docker_image"));
        }
        for (exit_code, word) in [
            (7, "docker_image"),
            (EXIT_NOT_CONFIGURED, "could not register"),
            (127, "run.sh"),
            (137, "killed from outside"),
            (143, "stopped from outside"),
            (139, "exit code 139"),
        ] {
            let text = reason(&Remains { exit_code, ..CLEAN });
            assert!(text.contains(word), "{exit_code}: {text}");
        }
        let deleted = "Failed to create a session. The runner registration has been deleted from the server, please re-configure.";
        for known_at_github in [Some(true), Some(false), None] {
            let taken_off = Remains {
                log: deleted,
                known_at_github,
                ..CLEAN
            };
            assert!(reason(&taken_off).contains("deleted at GitHub"));
        }
        let refused = Remains {
            exit_code: EXIT_NOT_CONFIGURED,
            log: "Response status code does not indicate success: 404 (Not Found).",
            ..CLEAN
        };
        assert!(reason(&refused).contains("github_runner_token"));
        for (log, word) in [
            (NOT_DELIVERED, "cut before"),
            ("/bin/sh: 3: base64: not found", "no base64 command"),
        ] {
            let exit_code = EXIT_NOT_CONFIGURED;
            let text = reason(&Remains {
                exit_code,
                log,
                ..CLEAN
            });
            assert!(text.contains(word), "{text}");
        }
        let doubled = "A session for this runner already exists.";
        assert!(
            reason(&Remains {
                log: doubled,
                ..CLEAN
            })
            .contains("another session")
        );
    }

    #[test]
    fn a_killed_container_is_no_finished_job() {
        let killed = Remains {
            exit_code: 137,
            known_at_github: Some(false),
            ..CLEAN
        };
        assert!(reason(&killed).contains("killed"));
    }
}
