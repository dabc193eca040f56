//! What one round trip of the writer writes, and what becomes of its replies.

use std::{
    collections::{HashMap, HashSet},
    mem,
};

use redis::{Pipeline, Value};
use tokio::time::Instant;

use crate::{
    refusal::{is_no_script, passes, without_place},
    scripts,
    worker::{
        arrivals::{Arrival, Arrivals},
        writer::{End, Kind, Ledger, Queued, Write},
    },
};

/// Bytes of messages moved into `unacked` in one round trip, unless a single one is larger.
const PORTION: usize = 8 * 1024 * 1024;
/// Most arrivals moved into `unacked` by one script call.
const MOST: usize = 1000;

/// What is to be written next: what becomes of arrivals, and then all else in the order in which it was asked for.
#[derive(Debug, Default)]
pub(super) struct Flush {
    /// To be moved into `unacked`, before anything of `rest` is done.
    adopted: Vec<Arrival>,
    /// Who waits for that.
    marked: Vec<Queued>,
    /// What has ended, and is only struck from the list; with whoever asked.
    struck: Vec<(Arrival, Queued)>,
    /// What has ended, and is struck in the step that stores something.
    stored: Vec<Queued>,
    rest: Vec<Queued>,
    sent: Sent,
}

/// What of it was sent last.
#[derive(Debug, Default)]
struct Sent {
    adopted: usize,
    /// Into which script calls `rest` was cut; into none if it was not sent.
    groups: Vec<usize>,
}

/// An arrival that has ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Delivery(Arrival),
    Unread(Vec<u8>),
}

impl Ended {
    fn raw(&self) -> &[u8] {
        match self {
            Self::Delivery(arrival) => arrival.job.taken.raw.as_bytes(),
            Self::Unread(raw) => raw,
        }
    }
}

impl Flush {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.adopted.len() + self.marked.len() + self.struck.len() + self.stored.len() + self.rest.len()
    }

    /// Moves arrivals into `unacked`.
    pub(super) fn adopt(&mut self, arrivals: Vec<Arrival>) {
        self.adopted.extend(arrivals);
    }

    /// Sorts in what is asked for.
    pub(super) fn put(&mut self, mut queued: Queued, arrivals: &mut Arrivals) {
        match &mut queued.write {
            Write::Arrived(jobs) => return arrivals.add(mem::take(jobs), Instant::now()),
            // Whatever it does to `unacked`, it is to find there what it would have found always.
            Write::Call(_) => self.adopted.extend(arrivals.all()),
            Write::Begun(seq, _) => {
                if queued.reply.is_none() {
                    if let Some(arrival) = arrivals.get_mut(*seq) {
                        arrival.begun = true;
                        return;
                    }
                } else if let Some(mut arrival) = arrivals.remove(*seq) {
                    arrival.begun = true;
                    self.adopted.push(arrival);
                    return self.marked.push(queued);
                }
            }
            Write::End(end) if end.arrival.is_some() => return self.stored.push(queued),
            Write::End(end) => match (end.kind(), arrivals.remove(end.seq)) {
                (_, None) => {}
                (Kind::Plain, Some(arrival)) => {
                    return self.struck.push((arrival, queued));
                }
                (Kind::Kept, Some(arrival)) => {
                    end.tag.clear();
                    end.arrival = Some(Ended::Delivery(arrival));
                    return self.stored.push(queued);
                }
                // It may find that it must be tried again: until then the message stays.
                (Kind::Full, Some(arrival)) => self.adopted.push(arrival),
            },
        }
        self.rest.push(queued);
    }

    /// Adds all of it to a pipeline, or what one round trip may carry.
    pub(super) fn add_to(&mut self, pipeline: &mut Pipeline, ledger: &Ledger) {
        let mut bytes = 0;
        let fits = |arrival: &&Arrival| {
            bytes += arrival.size();
            bytes <= PORTION
        };
        let adopted = self.adopted.iter().take(MOST).take_while(fits).count();
        let adopted = adopted.max(1).min(self.adopted.len());
        if adopted > 0 {
            ledger.adopt(pipeline, &self.adopted[..adopted]);
        }
        for (arrival, _) in &self.struck {
            ledger.strike(pipeline, arrival.job.taken.raw.as_bytes());
        }
        if !self.stored.is_empty() {
            ledger.settle(pipeline, &self.stored);
        }
        let groups = if adopted == self.adopted.len() {
            groups(&self.rest)
        } else {
            Vec::new()
        };
        let mut rest = self.rest.as_slice();
        for size in &groups {
            let (group, others) = rest.split_at(*size);
            rest = others;
            match group {
                [
                    Queued {
                        write: Write::Call(call),
                        ..
                    },
                ] => call.add_to(pipeline),
                run => ledger.settle(pipeline, run),
            }
        }
        self.sent = Sent { adopted, groups };
    }

    /// Answers what was asked, and keeps what is to be sent again. Returns whether to wait before that.
    pub(super) fn settle(&mut self, replies: Vec<Value>) -> bool {
        let mut pause = false;
        let Sent { adopted, groups } = mem::take(&mut self.sent);
        let mut replies = replies.into_iter();
        let mut ready = true;
        if adopted > 0 {
            match replies.next() {
                Some(Value::ServerError(error)) => {
                    ready = false;
                    if error.code() != "NOSCRIPT" {
                        tracing::warn!(
                            error = text_of(&error),
                            "Redis does not take over what has arrived; writes wait for it"
                        );
                        pause = true;
                    }
                }
                _ => drop(self.adopted.drain(..adopted)),
            }
        }
        if self.adopted.is_empty() {
            for queued in self.marked.drain(..) {
                queued.answer(Ok(Value::Nil));
            }
        }
        let struck = mem::take(&mut self.struck);
        for ((arrival, queued), reply) in struck.into_iter().zip(replies.by_ref()) {
            match reply {
                Value::ServerError(error) => {
                    tracing::warn!(
                        error = text_of(&error),
                        "an arrival that has ended stays in its list for now"
                    );
                    (ready, pause) = (false, true);
                    self.struck.push((arrival, queued));
                }
                _ => queued.answer(Ok(Value::Int(1))),
            }
        }
        if !self.stored.is_empty()
            && let Some(reply) = replies.next()
        {
            let stored = mem::take(&mut self.stored);
            self.stored = self.answer(stored, reply, &mut pause);
        }
        // Nothing counts that may not have found what it was to find.
        if ready {
            let (mut rest, mut again) = (mem::take(&mut self.rest).into_iter(), Vec::new());
            for (size, reply) in groups.into_iter().zip(replies) {
                let group = rest.by_ref().take(size).collect();
                again.extend(self.answer(group, reply, &mut pause));
            }
            again.extend(rest);
            self.rest = again;
        }
        pause
    }

    /// Answers what was asked with one script call; returns what to send again.
    fn answer(&mut self, group: Vec<Queued>, reply: Value, pause: &mut bool) -> Vec<Queued> {
        match reply {
            unknown if is_no_script(&unknown) => group,
            Value::ServerError(error) => {
                let error = text_of(&error);
                if passes(&error) {
                    *pause = true;
                    return group;
                }
                for queued in group {
                    self.refuse(queued, error.clone());
                }
                Vec::new()
            }
            Value::Array(answers)
                if !matches!(group.first().map(|first| &first.write), Some(Write::Call(_))) =>
            {
                self.answer_ends(group, answers, pause)
            }
            value => {
                for queued in group {
                    queued.answer(Ok(value.clone()));
                }
                Vec::new()
            }
        }
    }

    /// Answers the marks and ends of a run with what the settle script told of the ends: (number, answer) for each that
    /// it told of, numbered by kind and then in order from 1. Returns what to send again.
    fn answer_ends(&mut self, run: Vec<Queued>, told: Vec<Value>, pause: &mut bool) -> Vec<Queued> {
        let count = |kind| ends(&run).filter(|end| end.kind() == kind).count();
        let (plain, kept) = (count(Kind::Plain), count(Kind::Kept));
        let mut next = [1, 1 + plain, 1 + plain + kept];
        let mut answers = HashMap::new();
        let mut told = told.into_iter();
        while let (Some(Value::Int(number)), Some(answer)) = (told.next(), told.next()) {
            answers.insert(number, answer);
        }
        let mut again = Vec::new();
        for queued in run {
            let Write::End(end) = &queued.write else {
                queued.answer(Ok(Value::Nil));
                continue;
            };
            let number = &mut next[end.kind() as usize];
            let answer = i64::try_from(*number)
                .ok()
                .and_then(|number| answers.remove(&number));
            *number += 1;
            match answer {
                None => queued.answer(Ok(Value::Int(1))),
                Some(Value::BulkString(error)) => {
                    let error = without_place(&String::from_utf8_lossy(&error)).to_owned();
                    if passes(&error) {
                        *pause = true;
                        again.push(queued);
                    } else {
                        self.refuse(queued, error);
                    }
                }
                Some(answer) => queued.answer(Ok(answer)),
            }
        }
        again
    }

    /// Tells whoever asked that the server refuses it for good. A delivery whose end that was goes on: its message stays,
    /// and is there for the next end to take. One that nobody could read stays in the list until the worker ends.
    fn refuse(&mut self, mut queued: Queued, error: String) {
        if let Write::End(end) = &mut queued.write
            && let Some(Ended::Delivery(arrival)) = end.arrival.take()
        {
            self.adopted.push(arrival);
        }
        queued.answer(Err(error));
    }
}

fn text_of(error: &redis::ServerError) -> String {
    without_place(&format!(
        "{} {}",
        error.code(),
        error.details().unwrap_or_default()
    ))
    .to_owned()
}

impl Ledger {
    /// Adds one call of the settle script for a run of marks and ends.
    fn settle(&self, pipeline: &mut Pipeline, run: &[Queued]) {
        let ends = |kind| ends(run).filter(move |end| end.kind() == kind);
        let mut begun: Vec<&str> = run
            .iter()
            .filter_map(|queued| match &queued.write {
                Write::Begun(_, tag) => Some(tag.as_str()),
                _ => None,
            })
            .collect();
        if !begun.is_empty() {
            // What ends in the same step need not be noted first.
            let ended: HashSet<&str> = self::ends(run).map(|end| end.tag.as_str()).collect();
            begun.retain(|tag| !ended.contains(tag));
        }
        pipeline
            .cmd("EVALSHA")
            .arg(scripts::SETTLE.get_hash())
            .arg(4)
            .arg(&self.keys)
            .arg(&self.arrivals)
            .arg(&self.consumer)
            .arg(self.life)
            .arg(begun.len())
            .arg(&begun)
            .arg(ends(Kind::Plain).count());
        for end in ends(Kind::Plain) {
            pipeline.arg(&end.tag);
        }
        pipeline.arg(ends(Kind::Kept).count());
        for end in ends(Kind::Kept) {
            pipeline
                .arg(&end.tag)
                .arg(&end.key)
                .arg(&end.meta)
                .arg(end.struck());
        }
        for end in ends(Kind::Full) {
            pipeline
                .arg(&end.tag)
                .arg(i32::from(end.acknowledge))
                .arg(&end.key)
                .arg(&end.meta)
                .arg(end.struck())
                .arg(end.actions.len());
            for part in end.actions.iter().flatten() {
                pipeline.arg(part);
            }
        }
    }
}

impl End {
    /// The message to strike from the list of arrivals, empty for none.
    fn struck(&self) -> &[u8] {
        self.arrival.as_ref().map(Ended::raw).unwrap_or_default()
    }
}

fn ends(run: &[Queued]) -> impl Iterator<Item = &End> {
    run.iter().filter_map(|queued| match &queued.write {
        Write::End(end) => Some(end),
        _ => None,
    })
}

/// Cuts writes into what one script call does, and tells the sizes: a call by itself, marks and ends that follow each
/// other together. Their order among calls is kept: what moves a message out of `unacked` and what writes one into it
/// do not commute.
fn groups(writes: &[Queued]) -> Vec<usize> {
    let mut sizes = Vec::new();
    let mut joinable = false;
    for queued in writes {
        let call = matches!(queued.write, Write::Call(_));
        match sizes.last_mut() {
            Some(size) if joinable && !call => *size += 1,
            _ => sizes.push(1),
        }
        joinable = !call;
    }
    sizes
}

#[cfg(test)]
#[path = "flush_tests.rs"]
mod tests;
