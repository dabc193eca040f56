//! Writes the end of a delivery: what follows from it, its result, its acknowledgement.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::{
    clock,
    draft::Draft,
    exception::Exception,
    keys::own_binding,
    link::lock,
    message::{self, Message},
    scripts,
    worker::{
        job::Job,
        runtime::Core,
        writer::{Call, Posted, Writer},
    },
};

/// What a delivery's end sets in motion.
#[derive(Debug, Default)]
pub(crate) struct FollowUp {
    pub drafts: Vec<Draft>,
    /// Messages already written, with their lists.
    pub raw: Vec<(String, String)>,
    /// Chords to open: group id and number of members.
    pub chords: Vec<(String, usize)>,
    /// Celery's result tuples of all of these.
    pub children: Vec<Value>,
}

impl FollowUp {
    /// The `(action, key, value)` triples of the scripts; chords are opened before their members are sent.
    pub(crate) fn actions(&self, core: &Core) -> Vec<[String; 3]> {
        let mut actions = Vec::new();
        for (group, size) in &self.chords {
            actions.push(["S".to_owned(), core.keys.group_meta(group), size.to_string()]);
        }
        for draft in &self.drafts {
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
        let mut meta = Map::new();
        let mut set = |name: &str, value: Value| drop(meta.insert(name.to_owned(), value));
        set("status", json!(self.status));
        set("result", self.result.clone());
        set("traceback", json!(self.traceback));
        set("children", json!(self.children));
        set(
            "date_done",
            if done {
                json!(clock::iso(clock::now()))
            } else {
                Value::Null
            },
        );
        if let Some(group) = group {
            set("group_id", json!(group));
        }
        if let Some(parent) = parent {
            set("parent_id", json!(parent));
        }
        set("task_id", json!(id));
        Value::Object(meta).to_string()
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

impl Core {
    /// Seconds a result is kept, 0 for ever.
    pub(crate) fn result_life(&self) -> u64 {
        self.settings
            .result_expires
            .map_or(0, |life| life.as_secs().max(1))
    }

    fn ledger(&self) -> Vec<String> {
        vec![self.keys.unacked(), self.keys.unacked_index(), self.keys.owners()]
    }

    fn settle_call(
        &self,
        tag: &str,
        ack: bool,
        id: &str,
        meta: Option<String>,
        follow_up: &FollowUp,
    ) -> Call {
        let mut keys = self.ledger();
        keys.push(self.keys.task_meta(id));
        let mut call = Call::new(&scripts::SETTLE, keys)
            .arg(tag)
            .arg(&self.consumer)
            .arg(if ack { "1" } else { "0" })
            .arg(meta.unwrap_or_default())
            .arg(self.result_life().to_string());
        for part in follow_up.actions(self).into_iter().flatten() {
            call = call.arg(part);
        }
        call
    }

    /// Stores, sends and acknowledges in one step. Returns whether the delivery was still ours.
    pub(crate) async fn settle(
        &self,
        job: &Job,
        ack: bool,
        meta: Option<String>,
        follow_up: &FollowUp,
    ) -> bool {
        let call = |meta| self.settle_call(job.open_tag(), ack, &job.message.id, meta, follow_up);
        let server = self.known_server();
        let held = |reply: &redis::Value| *reply == redis::Value::Int(1);
        let posted = if ack {
            self.post_leaving([job], call(meta.clone()))
        } else {
            self.writer.post(call(meta.clone()))
        };
        match Writer::reply(posted).await {
            Some(reply) if held(&reply) => return true,
            Some(_) => {}
            None => return false,
        }
        // A server that lost its data does not know the delivery, though nobody else has it.
        if self.server_was_replaced(&server).await && self.has_forgotten().await {
            self.writer.call(self.reinstate_call([job])).await;
            return self
                .writer
                .call(call(meta))
                .await
                .is_some_and(|reply| held(&reply));
        }
        tracing::warn!(
            task.id = job.message.id,
            task.name = job.message.task,
            "another worker has taken over this message"
        );
        false
    }

    /// Stores the state of a task that has no message here.
    pub(crate) async fn store(&self, id: &str, meta: String) {
        self.writer
            .call(self.settle_call("", false, id, Some(meta), &FollowUp::default()))
            .await;
    }

    /// Acknowledges before the execution, without waiting for the reply.
    pub(crate) fn ack_early(&self, job: &Job) {
        let call = self.settle_call(job.open_tag(), true, &job.message.id, None, &FollowUp::default());
        drop(self.post_leaving([job], call));
        job.set_acked();
    }

    /// Notes that the execution begins, without waiting for the reply.
    pub(crate) fn mark_started(&self, job: &Job) {
        let call = Call::new(&scripts::START, vec![self.keys.owners()])
            .arg(&job.taken.tag)
            .arg(&self.consumer);
        drop(self.writer.post(call));
    }

    /// Queues a call that moves messages out of `unacked`.
    fn post_leaving<'a>(&self, jobs: impl IntoIterator<Item = &'a Job>, call: Call) -> Posted {
        let _order = lock(&self.order);
        jobs.into_iter().for_each(Job::set_leaving);
        self.writer.post(call)
    }

    /// Moves deliveries back to the popping end (R) or the far end (L) of their lists.
    pub(crate) async fn give_back(&self, jobs: &[Arc<Job>], end: &str) {
        if jobs.is_empty() {
            return;
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
        Writer::reply(self.post_leaving(jobs.iter().map(Arc::as_ref), call)).await;
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

    /// Moves a delivery to the dead-letter list.
    pub(crate) async fn bury(&self, tag: &str, raw: &str, reason: &str, cutoff: &str) -> bool {
        let mut keys = self.ledger();
        keys.push(self.keys.dead_letter());
        let entry = json!({"reason": reason, "at": clock::iso(clock::now()), "message": raw}).to_string();
        let call = Call::new(&scripts::BURY, keys)
            .arg(tag)
            .arg(entry)
            .arg(crate::keys::DEAD_LETTER_LIMIT.to_string())
            .arg(cutoff);
        matches!(self.writer.call(call).await, Some(redis::Value::Int(1)))
    }
}
