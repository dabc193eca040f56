//! Cleans up after a test process that was killed, or that ends while a static still holds a server.
//!
//! A shell waits on a pipe whose other end only this process holds. When the pipe closes, however this
//! process ended, the shell carries out the duties that were not taken back by then.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context as _, anyhow};

/// `finish PID START SIGNAL` ends one process for certain; START guards against a recycled pid.
const SCRIPT: &str = r#"
declare -A duties
while IFS=$'\t' read -r id command; do
    if [ -n "$command" ]; then duties[$id]=$command; else unset "duties[$id]"; fi
done
gone() { [ "$(cut -d' ' -f22 "/proc/$1/stat" 2>/dev/null)" != "$2" ]; }
finish() {
    gone "$1" "$2" && return
    kill "-$3" "$1"
    for _ in {1..50}; do gone "$1" "$2" && return; sleep 0.1; done
    kill -KILL "$1"
}
for id in $(printf '%s\n' "${!duties[@]}" | sort -rn); do eval "${duties[$id]}"; done
"#;

static REAPER: OnceLock<Result<Mutex<Reaper>, String>> = OnceLock::new();

struct Reaper {
    pipe: ChildStdin,
    next: u64,
}

/// Something to clean up if this process ends without having done it. Dropping it takes it back.
#[derive(Debug)]
pub struct Duty {
    id: u64,
}

impl Duty {
    /// To end the process `pid` with `signal` (a name such as `KILL`).
    pub fn end_process(pid: u32, signal: &str) -> anyhow::Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("process {pid} ended as soon as it was started"))?;
        let began = stat.split(' ').nth(21).unwrap_or_default();
        Self::run(&format!("finish {pid} {began} {signal}"))
    }

    /// To run a bash command of one line. Duties are carried out newest first.
    pub fn run(command: &str) -> anyhow::Result<Self> {
        let mut reaper = reaper()?.lock().unwrap_or_else(PoisonError::into_inner);
        let id = reaper.next;
        reaper.next += 1;
        writeln!(reaper.pipe, "{id}\t{command}").context("telling the reaper")?;
        Ok(Self { id })
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        if let Ok(reaper) = reaper() {
            let mut reaper = reaper.lock().unwrap_or_else(PoisonError::into_inner);
            // A reaper that is gone has nothing left to be told.
            let _ = writeln!(reaper.pipe, "{}", self.id);
        }
    }
}

fn reaper() -> anyhow::Result<&'static Mutex<Reaper>> {
    REAPER
        .get_or_init(|| start().map(Mutex::new).map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("{error}"))
}

fn start() -> anyhow::Result<Reaper> {
    let mut shell = Command::new("bash")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        // Anything inherited would keep the test runner waiting for its end.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A Ctrl-C that ends the tests must not end the clean-up.
        .process_group(0)
        .spawn()
        .context("starting the clean-up shell")?;
    let pipe = shell.stdin.take().context("the clean-up shell has no pipe")?;
    Ok(Reaper { pipe, next: 0 })
}

/// A bash word that stands for exactly `text`.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
