//! How long it takes from sending a task until it begins.
//!
//! The task writes the time into a file as its first act; sender and task read the same clock.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::ensure;

use crate::contender::{Contender, QUEUE};
use crate::message::Task;
use crate::server::Server;

/// How long half load is kept up.
const LOAD: Duration = Duration::from_secs(2);
/// At half load what is due is sent together this often.
const STEP: Duration = Duration::from_millis(1);
/// Tasks at half load are numbered from here: a worker keeps one file open and writes everything to it.
const UNDER_LOAD: usize = 1_000_000;
/// The most that the measuring side can send per second beside everything else.
const MOST_PER_SECOND: f64 = 20_000.0;

/// Nanoseconds since the epoch.
fn now() -> u128 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |elapsed| elapsed.as_nanos())
}

/// Latencies of tasks sent one at a time to a worker that has nothing else to do.
pub fn idle(contender: &Contender, server: &Server, path: &Path) -> anyhow::Result<Vec<Duration>> {
    let (count, pause) = contender.kind.idle_samples();
    let messages = stamps(path, 0, count);
    let mut connection = server.connect()?;
    let mut sent = Vec::with_capacity(count);
    for message in messages {
        std::thread::sleep(pause);
        sent.push(now());
        redis::cmd("LPUSH")
            .arg(QUEUE)
            .arg(message)
            .exec(&mut connection)?;
    }
    contender.until_done(&mut connection, 0)?;
    read(path, 0, &sent)
}

/// Latencies at half of what the worker can do per second.
pub fn at_half_load(
    contender: &Contender,
    server: &Server,
    path: &Path,
    capacity: f64,
) -> anyhow::Result<(f64, Vec<Duration>)> {
    let rate = (capacity / 2.0).min(MOST_PER_SECOND);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small number"
    )]
    let count = (rate * LOAD.as_secs_f64()) as usize;
    let messages = stamps(path, UNDER_LOAD, count);
    let mut connection = server.connect()?;
    let mut sent = Vec::with_capacity(count);
    let began = Instant::now();
    while sent.len() < count {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small number"
        )]
        let due = ((began.elapsed().as_secs_f64() * rate) as usize + 1).min(count);
        if due > sent.len() {
            let mut push = redis::cmd("LPUSH");
            push.arg(QUEUE);
            for message in &messages[sent.len()..due] {
                push.arg(message);
            }
            sent.resize(due, now());
            push.exec(&mut connection)?;
        }
        std::thread::sleep(STEP);
    }
    contender.until_done(&mut connection, 0)?;
    Ok((rate, read(path, UNDER_LOAD, &sent)?))
}

fn stamps(path: &Path, first: usize, count: usize) -> Vec<String> {
    let path = path.display().to_string();
    (first..first + count)
        .map(|number| Task::stamp(&path, number).encode())
        .collect()
}

/// Reads the `number nanoseconds` lines of the tasks numbered from `first`, one for each that was sent.
fn read(path: &Path, first: usize, sent: &[u128]) -> anyhow::Result<Vec<Duration>> {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let latencies: Vec<Duration> = text
            .lines()
            .filter_map(|line| latency(line, first, sent))
            .collect();
        if latencies.len() == sent.len() && text.ends_with('\n') {
            return Ok(latencies);
        }
        // Acknowledged early, the last ones may not have begun yet.
        ensure!(
            began.elapsed() < Duration::from_secs(10),
            "{} has {} of {} stamps",
            path.display(),
            latencies.len(),
            sent.len()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn latency(line: &str, first: usize, sent: &[u128]) -> Option<Duration> {
    let (number, at) = line.split_once(' ')?;
    let sent = sent.get(number.parse::<usize>().ok()?.checked_sub(first)?)?;
    let nanos = at.parse::<u128>().ok()?.saturating_sub(*sent);
    Some(Duration::from_nanos(u64::try_from(nanos).ok()?))
}
