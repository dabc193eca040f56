//! Writes the end of a delivery: what follows from it, its result, its acknowledgement.

use std::sync::Arc;

use redis::Value as Reply;
use serde::Serialize;
use serde_json::Value;

use crate::{
    backoff::Backoff,
    clock, dead_letter,
    draft::Draft,
    exception::Exception,
    keys::{Keys, own_binding},
    link::lock,
    message::{self, Message},
    scripts,
    worker::{
        chord::{Complete, Doomed, Part},
        flush::Ended,
        job::Job,
        runtime::Core,
        writer::{Call, End, Posted, Writer},
    },
    workflow::FollowUp,
};

impl FollowUp {
    /// The `(action, key, value)` triples of the scripts; chords are opened before their members are sent.
    pub(crate) fn actions(&self, core: &Core) -> Vec<[String; 3]> {
        let mut actions = Vec::new();
        for (group, size) in &self.chords {
            actions.push(["S".to_owned(), core.keys.group_meta(group), size.to_string()]);
        }
        for draft in &self.drafts {
            if !draft.exchange.is_empty() {
                actions.push(exchange(draft, &core.keys));
                continue;
            }
            let member = own_binding(draft.queue());
            if !core.settings.queues.iter().any(|queue| queue == draft.queue()) {
                actions.push(["B".to_owned(), core.keys.binding(draft.queue()), member.clone()]);
                actions.push(["B".to_owned(), core.keys.binding_permanent(draft.queue()), member]);
            }
            actions.push([
                "P".to_owned(),
                core.keys.list(draft.queue(), draft.priority),
                draft.encode(),
            ]);
        }
        actions.extend(
            self.raw
                .iter()
                .map(|(list, raw)| ["P".to_owned(), list.clone(), raw.clone()]),
        );
        actions
    }
}

/// The action that puts a message into the queues that a named exchange leads to.
fn exchange(draft: &Draft, keys: &Keys) -> [String; 3] {
    let (before, after) = keys.list_around(draft.priority);
    let value = format!("{before}\n{after}\n{}\n{}", draft.routing_key, draft.encode());
    ["X".to_owned(), keys.binding(&draft.exchange), value]
}

/// A state as Celery's result backend keeps it.
#[derive(Serialize)]
struct Meta<'a> {
    status: &'a str,
    result: &'a Value,
    traceback: Option<&'a str>,
    children: &'a [Value],
    date_done: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<&'a str>,
    task_id: &'a str,
}

/// A state to store.
#[derive(Debug)]
pub(crate) struct Stored<'a> {
    pub status: &'static str,
    pub result: Value,
    pub traceback: Option<&'a str>,
    pub children: Vec<Value>,
}

impl<'a> Stored<'a> {
    pub(crate) fn exception(status: &'static str, exception: &'a Exception) -> Self {
        Self {
            status,
            result: exception.encode(),
            traceback: exception.traceback.as_deref(),
            children: Vec::new(),
        }
    }

    /// The meta as Celery writes it.
    pub(crate) fn meta(&self, id: &str, group: Option<&str>, parent: Option<&str>) -> String {
        let done = matches!(self.status, "SUCCESS" | "FAILURE" | "REVOKED");
        let meta = Meta {
            status: self.status,
            result: &self.result,
            traceback: self.traceback,
            children: &self.children,
            date_done: done.then(|| clock::iso(clock::now())),
            group_id: group,
            parent_id: parent,
            task_id: id,
        };
        // There is nothing in it that could not be written.
        serde_json::to_string(&meta).unwrap_or_default()
    }

    /// The meta of a message's own task, or nothing if its result is ignored.
    pub(crate) fn own_meta(&self, message: &Message) -> Option<String> {
        (!message.ignore_result).then(|| {
            self.meta(
                &message.id,
                message.group.as_deref(),
                message.parent_id.as_deref(),
            )
        })
    }
}

/// How a delivery ends.
#[derive(Default)]
pub(crate) struct Ending<'a> {
    /// The task's own state, unless it is ignored.
    pub meta: Option<String>,
    pub follow_up: FollowUp,
    /// What it counts as in chords.
    pub parts: Vec<Part<'a>>,
    /// States of tasks that will now never run, by id.
    pub doomed: Vec<(&'a str, String)>,
    /// Why the message goes into the dead-letter list, if it does.
    pub buried: Option<String>,
}

impl<'a> Ending<'a> {
    /// Whether there is nothing to be done but to acknowledge.
    fn is_nothing(&self) -> bool {
        let Self {
            meta,
            follow_up,
            parts,
            doomed,
            buried,
        } = self;
        meta.is_none() && follow_up.is_nothing() && parts.is_empty() && doomed.is_empty() && buried.is_none()
    }

    /// A failure, which the rest of a chain shares; without what is called for it.
    pub(crate) fn failure(message: &'a Message, stored: &Stored<'_>) -> Self {
        let Doomed { states, mut parts } = Doomed::of(&message.embed.chain, stored);
        parts.extend(Part::of(message, stored.status, &stored.result));
        Self {
            meta: stored.own_meta(message),
            parts,
            doomed: states,
            ..Self::default()
        }
    }
}

impl Core {
    pub(super) fn ledger(&self) -> Vec<String> {
        vec![self.keys.unacked(), self.keys.unacked_index(), self.keys.owners()]
    }

    fn end_of(&self, job: &Job, ending: &Ending<'_>) -> End {
        End {
            seq: job.seq,
            tag: job.open_tag().to_owned(),
            acknowledge: true,
            key: self.keys.task_meta(&job.message.id),
            meta: ending.meta.clone().unwrap_or_default(),
            arrival: None,
            actions: ending.follow_up.actions(self),
        }
    }

    /// Ends a delivery in one step: sends what follows, stores the results, counts in chords, acknowledges. Returns
    /// whether the delivery was still ours.
    pub(crate) async fn settle(&self, job: &Job, ending: &Ending<'_>) -> bool {
        match self.try_to_settle(job, ending).await {
            Ok(held) => held,
            Err(error) => {
                self.refused(job, &error).await;
                false
            }
        }
    }

    /// As `settle`; the error is what the server refuses for good.
    async fn try_to_settle(&self, job: &Job, ending: &Ending<'_>) -> Result<bool, String> {
        if ending.is_nothing() && job.open_tag().is_empty() {
            return Ok(true);
        }
        let server = self.known_server();
        let (mut complete, mut backoff) = (Complete::new(), Backoff::new());
        let mut reinstated = false;
        loop {
            let tally = self.tally(&ending.parts, job.message.root(), &complete);
            let mut end = self.end_of(job, ending);
            for (id, meta) in &ending.doomed {
                let key = self.keys.task_meta(id);
                end.actions.push(["R".to_owned(), key, meta.clone()]);
            }
            end.actions.extend(tally.actions());
            if let Some(reason) = &ending.buried {
                end.actions.push(self.burial(&job.taken.raw, reason));
            }
            let posted = {
                let _order = lock(&self.order);
                job.set_leaving();
                self.writer.end(end)
            };
            match posted.await {
                Ok(Ok(Reply::Int(1))) => return Ok(true),
                Ok(Ok(Reply::Array(standings))) => {
                    if !job.open_tag().is_empty() {
                        let _order = lock(&self.order);
                        job.set_staying();
                    }
                    if self.look_again(&tally, &standings, &mut complete).await {
                        backoff.pause().await;
                    }
                }
                // A server that lost its data does not know the delivery, though nobody else has it.
                Ok(Ok(_))
                    if !reinstated
                        && self.server_was_replaced(&server).await
                        && self.has_forgotten().await =>
                {
                    reinstated = true;
                    self.writer.call(self.reinstate_call([job])).await;
                }
                Ok(Ok(_)) => {
                    tracing::warn!(
                        task.id = job.message.id,
                        task.name = job.message.task,
                        "another worker has taken over this message"
                    );
                    return Ok(false);
                }
                Ok(Err(error)) => return Err(error),
                // This worker gave up while shutting down.
                Err(_) => return Ok(false),
            }
        }
    }

    /// Fails a call whose end the server refuses for good, such as a callback to a queue whose key is no list: it would
    /// be executed over and over again.
    async fn refused(&self, job: &Job, error: &str) {
        let message = &job.message;
        tracing::error!(
            task.id = message.id,
            task.name = message.task,
            error,
            "Redis refused what follows from this task; its message is set aside"
        );
        let problem = format!("Redis refused what follows from this task: {error}");
        let exception = Exception::raised("builtins", "RuntimeError", &message.task, &problem);
        let stored = Stored::exception("FAILURE", &exception);
        let alone = |buried| Ending {
            meta: stored.own_meta(message),
            buried,
            ..Ending::default()
        };
        let attempts = [
            // Without its errbacks, which may be what was refused; who waits for it in a chord or chain is told.
            Ending {
                buried: Some(problem.clone()),
                ..Ending::failure(message, &stored)
            },
            alone(Some(problem)),
            // Lost to the dead-letter list if that is what is refused.
            alone(None),
        ];
        for ending in &attempts {
            match self.try_to_settle(job, ending).await {
                Ok(_) => return,
                Err(error) => tracing::error!(task.id = message.id, error, "Redis refused its failure, too"),
            }
        }
    }

    /// The action that puts a message into the dead-letter list.
    fn burial(&self, raw: &str, reason: &str) -> [String; 3] {
        let entry = format!("{}\n{}", dead_letter::LIMIT, dead_letter::entry(reason, raw));
        ["D".to_owned(), self.keys.dead_letter(), entry]
    }

    /// Sets an arrival aside that cannot be read; if its id can, tells who waits for it in the same step.
    pub(crate) fn set_aside(&self, raw: Vec<u8>, id: Option<&str>, problem: &str, exception: &Exception) {
        let (key, meta) = id.map(|id| self.told(id, exception)).unwrap_or_default();
        let end = End {
            acknowledge: true,
            key,
            meta,
            actions: vec![self.burial(&String::from_utf8_lossy(&raw), problem)],
            arrival: Some(Ended::Unread(raw)),
            ..End::default()
        };
        self.writer.end_unasked(end);
    }

    /// What tells the caller of a message that nobody executes: key and state.
    pub(crate) fn told(&self, id: &str, exception: &Exception) -> (String, String) {
        let meta = Stored::exception("FAILURE", exception).meta(id, None, None);
        (self.keys.task_meta(id), meta)
    }

    /// Stores the state of a task that has no message here.
    pub(crate) async fn store(&self, id: &str, meta: String) {
        let end = End {
            key: self.keys.task_meta(id),
            meta,
            ..End::default()
        };
        Writer::reply(self.writer.end(end)).await;
    }

    /// Acknowledges before the execution, without waiting for the reply.
    pub(crate) fn ack_early(&self, job: &Job) {
        let end = End {
            seq: job.seq,
            tag: job.open_tag().to_owned(),
            acknowledge: true,
            ..End::default()
        };
        let _order = lock(&self.order);
        job.set_leaving();
        self.writer.end_unasked(end);
        job.set_acked();
    }

    /// Queues a call that moves messages out of `unacked`.
    fn post_leaving<'a>(&self, jobs: impl IntoIterator<Item = &'a Job>, call: Call) -> Posted {
        let _order = lock(&self.order);
        jobs.into_iter().for_each(Job::set_leaving);
        self.writer.post(call)
    }

    /// Moves deliveries back to the popping end (R) or the far end (L) of their lists.
    pub(crate) async fn give_back(&self, jobs: &[Arc<Job>], end: &str) {
        if let Some(posted) = self.post_give_back(jobs, end) {
            Writer::reply(posted).await;
        }
    }

    /// As `give_back`, without waiting for the reply.
    pub(crate) fn post_give_back(&self, jobs: &[Arc<Job>], end: &str) -> Option<Posted> {
        if jobs.is_empty() {
            return None;
        }
        let mut call = Call::new(&scripts::GIVE_BACK, self.ledger())
            .arg(&self.consumer)
            .arg("");
        for job in jobs {
            if let Some(raw) = message::redelivered(&job.taken.raw, false) {
                let list = self.keys.list(&job.taken.queue, job.message.priority);
                call = call.arg(&job.taken.tag).arg(end).arg(list).arg(raw);
            }
        }
        Some(self.post_leaving(jobs.iter().map(Arc::as_ref), call))
    }

    /// Writes deliveries into a server that may have lost them, except those that are being ended.
    pub(crate) async fn reinstate(&self, jobs: &[Arc<Job>]) {
        if !self.has_forgotten().await {
            return;
        }
        for chunk in jobs.chunks(500) {
            let posted = {
                let _order = lock(&self.order);
                let held = chunk.iter().map(Arc::as_ref).filter(|job| !job.is_leaving());
                self.writer.post(self.reinstate_call(held))
            };
            Writer::reply(posted).await;
        }
    }

    fn reinstate_call<'a>(&self, jobs: impl IntoIterator<Item = &'a Job>) -> Call {
        let mut call = Call::new(&scripts::REINSTATE, self.ledger()).arg(&self.consumer);
        for job in jobs {
            call = call.arg(&job.taken.tag).arg(job.slot());
        }
        call
    }
}
