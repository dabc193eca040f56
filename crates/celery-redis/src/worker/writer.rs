//! Batches writes: whatever is asked for while one round trip is under way goes into the next.

use std::{
    collections::{HashMap, HashSet},
    mem,
};

use redis::{Pipeline, RedisError, Script, Value};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    link::{Link, is_no_script, is_transient, is_transient_code},
    scripts,
};

/// Most writes in one round trip.
const BATCH: usize = 256;

/// One script call. Every script may be run again if its reply was lost.
#[derive(Debug)]
pub(crate) struct Call {
    script: &'static Script,
    keys: Vec<String>,
    args: Vec<String>,
}

impl Call {
    pub(crate) fn new(script: &'static Script, keys: Vec<String>) -> Self {
        Self {
            script,
            keys,
            args: Vec::new(),
        }
    }

    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    fn add_to(&self, pipeline: &mut Pipeline) {
        pipeline
            .cmd("EVALSHA")
            .arg(self.script.get_hash())
            .arg(self.keys.len());
        pipeline.arg(&self.keys).arg(&self.args);
    }
}

/// The end of a delivery, as the settle script takes it.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// Empty if already acknowledged.
    pub tag: String,
    pub acknowledge: bool,
    pub key: String,
    /// The result to store under the key, empty for none.
    pub meta: String,
    /// What to send: action, key, value.
    pub actions: Vec<[String; 3]>,
}

/// What an end asks for, in the order in which the settle script takes them; most only let go of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// To acknowledge, nothing more.
    Plain,
    /// To store a result and acknowledge, unless that was done before.
    Kept,
    /// Anything else.
    Full,
}

impl End {
    fn kind(&self) -> Kind {
        if !self.acknowledge || !self.actions.is_empty() {
            Kind::Full
        } else if self.meta.is_empty() {
            Kind::Plain
        } else {
            Kind::Kept
        }
    }
}

/// What a run of marks and ends is written with.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    /// `unacked`, `unacked_index`, `owners`.
    pub keys: [String; 3],
    pub consumer: String,
    /// Seconds a result is kept, 0 for ever.
    pub life: u64,
}

#[derive(Debug)]
enum Write {
    Call(Call),
    /// The delivery with this tag has begun.
    Begun(String),
    End(End),
}

/// The reply to come.
pub(crate) type Posted = oneshot::Receiver<Result<Value, String>>;

#[derive(Debug)]
struct Queued {
    write: Write,
    reply: Option<oneshot::Sender<Result<Value, String>>>,
}

impl Queued {
    fn answer(self, answer: Result<Value, String>) {
        if let Some(reply) = self.reply {
            // Whoever asked may have gone meanwhile.
            let _ = reply.send(answer);
        } else if let Err(error) = answer {
            tracing::error!(error, "Redis refused a script");
        }
    }
}

/// Asks for writes.
#[derive(Debug, Clone)]
pub(crate) struct Writer(mpsc::UnboundedSender<Queued>);

impl Writer {
    /// A writer and the loop that serves it.
    pub(crate) fn new(link: Link, ledger: Ledger) -> (Self, WriterLoop) {
        let (sender, calls) = mpsc::unbounded_channel();
        (Self(sender), WriterLoop { link, ledger, calls })
    }

    /// Runs a call, however long the server is away. `None` only if the worker gave up while shutting down or
    /// the server refused the call, which is logged.
    pub(crate) async fn call(&self, call: Call) -> Option<Value> {
        Self::reply(self.post(call)).await
    }

    /// Waits for the reply to what was posted; as `call` otherwise.
    pub(crate) async fn reply(posted: Posted) -> Option<Value> {
        match posted.await {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                tracing::error!(error, "Redis refused a script");
                None
            }
            Err(_) => None,
        }
    }

    /// Runs a call without waiting for it.
    pub(crate) fn post(&self, call: Call) -> Posted {
        self.queue(Write::Call(call))
    }

    /// Ends a delivery without waiting for it; the reply is 1, or 0 if it was no longer ours.
    pub(crate) fn end(&self, end: End) -> Posted {
        self.queue(Write::End(end))
    }

    /// Ends a delivery; nobody wants to know more.
    pub(crate) fn end_unasked(&self, end: End) {
        let write = Write::End(end);
        drop(self.0.send(Queued { write, reply: None }));
    }

    /// Notes that a delivery has begun.
    pub(crate) fn begun(&self, tag: &str) {
        let write = Write::Begun(tag.to_owned());
        drop(self.0.send(Queued { write, reply: None }));
    }

    /// As `begun`; waits until it is noted.
    pub(crate) async fn note_begun(&self, tag: &str) {
        Self::reply(self.queue(Write::Begun(tag.to_owned()))).await;
    }

    fn queue(&self, write: Write) -> Posted {
        let (reply, receiver) = oneshot::channel();
        let reply = Some(reply);
        drop(self.0.send(Queued { write, reply }));
        receiver
    }
}

/// Serves the [`Writer`]s.
pub(crate) struct WriterLoop {
    link: Link,
    ledger: Ledger,
    calls: mpsc::UnboundedReceiver<Queued>,
}

impl WriterLoop {
    /// Runs until all writers are gone and everything is written, or until told to give up.
    pub(crate) async fn run(mut self, give_up: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.calls.recv_many(&mut batch, BATCH).await > 0 {
            let mut backoff = Backoff::new();
            while !batch.is_empty() {
                let mut pause = false;
                let sent = groups(mem::take(&mut batch));
                batch = match self.send(&sent).await {
                    Ok(replies) => settle(sent, replies, &mut pause),
                    Err(error) if is_transient(&error) => {
                        let again: Vec<Queued> = sent.into_iter().flatten().collect();
                        tracing::warn!(error = %error, waiting = again.len(), "Redis is out of reach; writes wait for it");
                        pause = true;
                        again
                    }
                    Err(error) => {
                        for group in sent {
                            refuse(group, &error.to_string());
                        }
                        Vec::new()
                    }
                };
                if give_up.is_cancelled() {
                    return;
                }
                if pause {
                    tokio::select! {
                        () = backoff.pause() => {}
                        () = give_up.cancelled() => return,
                    }
                }
            }
        }
    }

    async fn send(&self, groups: &[Vec<Queued>]) -> Result<Vec<Value>, RedisError> {
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        for group in groups {
            match group.as_slice() {
                [
                    Queued {
                        write: Write::Call(call),
                        ..
                    },
                ] => call.add_to(&mut pipeline),
                run => self.ledger.add_to(&mut pipeline, run),
            }
        }
        let replies: Vec<Value> = self.link.query(&pipeline).await?;
        if replies.iter().any(is_no_script) {
            self.link.query::<()>(&scripts::loader()).await?;
        }
        Ok(replies)
    }
}

impl Ledger {
    /// Adds one call of the settle script for a run of marks and ends.
    fn add_to(&self, pipeline: &mut Pipeline, run: &[Queued]) {
        let ends = |kind| ends(run).filter(move |end| end.kind() == kind);
        let mut begun: Vec<&str> = run
            .iter()
            .filter_map(|queued| match &queued.write {
                Write::Begun(tag) => Some(tag.as_str()),
                Write::Call(_) | Write::End(_) => None,
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
            .arg(self.keys.len())
            .arg(&self.keys)
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
            pipeline.arg(&end.tag).arg(&end.key).arg(&end.meta);
        }
        for end in ends(Kind::Full) {
            pipeline
                .arg(&end.tag)
                .arg(i32::from(end.acknowledge))
                .arg(&end.key)
                .arg(&end.meta)
                .arg(end.actions.len());
            for part in end.actions.iter().flatten() {
                pipeline.arg(part);
            }
        }
    }
}

fn ends(run: &[Queued]) -> impl Iterator<Item = &End> {
    run.iter().filter_map(|queued| match &queued.write {
        Write::End(end) => Some(end),
        Write::Call(_) | Write::Begun(_) => None,
    })
}

/// Cuts a batch into what one script call does: a call by itself, marks and ends that follow each other together.
/// Their order among calls is kept: what moves a message out of `unacked` and what writes one into it do not commute.
fn groups(batch: Vec<Queued>) -> Vec<Vec<Queued>> {
    let mut groups: Vec<Vec<Queued>> = Vec::new();
    let mut joinable = false;
    for queued in batch {
        let call = matches!(queued.write, Write::Call(_));
        match groups.last_mut() {
            Some(run) if joinable && !call => run.push(queued),
            _ => groups.push(vec![queued]),
        }
        joinable = !call;
    }
    groups
}

/// Answers what was asked; returns what to send again.
fn settle(groups: Vec<Vec<Queued>>, replies: Vec<Value>, pause: &mut bool) -> Vec<Queued> {
    let mut again = Vec::new();
    for (group, reply) in groups.into_iter().zip(replies) {
        match reply {
            unknown if is_no_script(&unknown) => again.extend(group),
            Value::ServerError(error) if is_transient_code(error.code()) => {
                *pause = true;
                again.extend(group);
            }
            Value::ServerError(error) => {
                let text = format!("{} {}", error.code(), error.details().unwrap_or_default());
                refuse(group, &text);
            }
            Value::Array(answers)
                if !matches!(group.first().map(|first| &first.write), Some(Write::Call(_))) =>
            {
                again.extend(answer_ends(group, answers, pause));
            }
            value => {
                for queued in group {
                    queued.answer(Ok(value.clone()));
                }
            }
        }
    }
    again
}

/// Answers the marks and ends of a run with what the settle script told of the ends: (number, answer) for each that
/// it told of, numbered by kind and then in order from 1. Returns what to send again.
fn answer_ends(run: Vec<Queued>, told: Vec<Value>, pause: &mut bool) -> Vec<Queued> {
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
                let error = String::from_utf8_lossy(&error);
                if is_transient_code(error.split(' ').next().unwrap_or_default()) {
                    *pause = true;
                    again.push(queued);
                } else {
                    queued.answer(Err(error.into_owned()));
                }
            }
            Some(answer) => queued.answer(Ok(answer)),
        }
    }
    again
}

fn refuse(group: Vec<Queued>, error: &str) {
    for queued in group {
        queued.answer(Err(error.to_owned()));
    }
}
