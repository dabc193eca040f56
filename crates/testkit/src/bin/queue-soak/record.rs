//! What ran, when and where, written out of band: a cut network or a dead Redis doesn't lose it.
//!
//! Each worker process appends lines to a file of its own. A line is one `write` in append mode: it is in
//! the kernel's hands when the call returns, so that a SIGKILL of the process afterwards can't undo it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use domain::{Clock as _, SystemClock};

/// One message: a task, and which attempt to send it. An attempt whose confirmation was lost may be in the
/// queue as well as the next one; each of the two is a message of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Message {
    pub task: u32,
    pub attempt: u32,
}

/// A worker process: they are numbered in the order of their starts; a slot's next process takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId {
    pub process: usize,
    pub slot: usize,
}

impl WorkerId {
    /// The process's record in `directory`.
    pub fn record(self, directory: &Path) -> PathBuf {
        directory.join(format!("worker-{}-{}.record", self.process, self.slot))
    }
}

/// Microseconds since the epoch, by the one clock that all processes of this machine share.
pub fn now() -> i64 {
    SystemClock.now().timestamp_micros()
}

/// One execution of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub message: Message,
    pub worker: WorkerId,
    /// Whether the message said that it was handed out before.
    pub redelivered: bool,
    /// Microseconds since the epoch.
    pub began: i64,
    /// Likewise; nothing if it never ended.
    pub ended: Option<i64>,
}

/// Writes one process's record.
#[derive(Debug)]
pub struct Recorder(File);

impl Recorder {
    /// Opens a record, appending to what is there.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::options().create(true).append(true).open(path);
        Ok(Self(file.with_context(|| format!("opening {}", path.display()))?))
    }

    /// Notes that an execution begins.
    pub fn begin(&self, message: Message, redelivered: bool) -> std::io::Result<()> {
        self.write('B', message, redelivered)
    }

    /// Notes that an execution ended.
    pub fn end(&self, message: Message) -> std::io::Result<()> {
        self.write('E', message, false)
    }

    fn write(&self, what: char, message: Message, redelivered: bool) -> std::io::Result<()> {
        let Message { task, attempt } = message;
        let line = format!("{what} {task} {attempt} {} {}\n", u8::from(redelivered), now());
        (&self.0).write_all(line.as_bytes())
    }
}

/// The executions of one process, in the order of their beginning.
///
/// A process may execute the same message twice at once: an end belongs to the oldest that is open.
pub fn read(path: &Path, worker: WorkerId) -> anyhow::Result<Vec<Execution>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        // Killed before it began anything.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let mut executions: Vec<Execution> = Vec::new();
    let mut open: HashMap<Message, Vec<usize>> = HashMap::new();
    for line in text.lines() {
        let (what, message, redelivered, at) =
            parse(line).with_context(|| format!("{} holds the line {line:?}", path.display()))?;
        let running = open.entry(message).or_default();
        if what == "B" {
            running.push(executions.len());
            executions.push(Execution {
                message,
                worker,
                redelivered,
                began: at,
                ended: None,
            });
        } else {
            anyhow::ensure!(!running.is_empty(), "{message:?} ended without having begun");
            executions[running.remove(0)].ended = Some(at);
        }
    }
    Ok(executions)
}

fn parse(line: &str) -> Option<(&str, Message, bool, i64)> {
    let mut fields = line.split(' ');
    let what = fields.next().filter(|what| ["B", "E"].contains(what))?;
    let task = fields.next()?.parse().ok()?;
    let attempt = fields.next()?.parse().ok()?;
    let redelivered = fields.next()? == "1";
    let at = fields.next()?.parse().ok()?;
    Some((what, Message { task, attempt }, redelivered, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let worker = WorkerId { process: 3, slot: 1 };
        let path = worker.record(directory.path());
        let (done, cut_short) = (Message { task: 7, attempt: 0 }, Message { task: 8, attempt: 2 });
        let recorder = Recorder::open(&path).unwrap();
        recorder.begin(done, false).unwrap();
        recorder.begin(cut_short, true).unwrap();
        recorder.end(done).unwrap();
        let read = read(&path, worker).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].message, read[0].redelivered), (done, false));
        assert!(read[0].ended.unwrap() >= read[0].began);
        assert_eq!((read[1].message, read[1].redelivered), (cut_short, true));
        assert_eq!((read[1].ended, read[1].worker), (None, worker));
    }
}
