//! Writes the end of a delivery: what follows from it, its result, its acknowledgement.

use serde_json::{Map, Value, json};

use crate::{
    clock,
    draft::Draft,
    exception::Exception,
    keys::own_binding,
    message::Message,
    scripts,
    worker::{job::Job, runtime::Core, writer::Call},
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
            actions.push(["P".to_owned(), core.keys.list(draft.queue(), draft.priority), draft.encode()]);
        }
        actions.extend(self.raw.iter().map(|(list, raw)| ["P".to_owned(), list.clone(), raw.clone()]));
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
        Self { status, result: exception.encode(), traceback: exception.traceback.as_deref(), children: Vec::new() }
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
        set("date_done", if done { json!(clock::iso(clock::now())) } else { Value::Null });
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
        (!message.ignore_result).then(|| self.meta(&message.id, message.group.as_deref(), message.parent_id.as_deref()))
    }
}

impl Core {
    /// Seconds a result is kept, 0 for ever.
    pub(crate) fn result_life(&self) -> u64 {
        self.settings.result_expires.map_or(0, |life| life.as_secs().max(1))
    }

    fn ledger(&self) -> Vec<String> {
        vec![self.keys.unacked(), self.keys.unacked_index(), self.keys.owners()]
    }

    fn settle_call(&self, tag: &str, ack: bool, id: &str, meta: Option<String>, follow_up: &FollowUp) -> Call {
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
    pub(crate) async fn settle(&self, job: &Job, ack: bool, meta: Option<String>, follow_up: &FollowUp) -> bool {
        let call = |meta| self.settle_call(job.open_tag(), ack, &job.message.id, meta, follow_up);
        let held = |reply: &redis::Value| *reply == redis::Value::Int(1);
        match self.writer.call(call(meta.clone())).await {
            Some(reply) if held(&reply) => return true,
            Some(_) => {}
            None => return false,
        }
        // A server that lost its data does not know the delivery, though nobody else has it.
        if self.server_was_replaced().await {
            self.reinstate(std::iter::once((job.taken.tag.clone(), job.slot()))).await;
            return self.writer.call(call(meta)).await.is_some_and(|reply| held(&reply));
        }
        tracing::warn!(task.id = job.message.id, task.name = job.message.task, "another worker has taken over this message");
        false
    }

    /// Stores the state of a task that has no message here.
    pub(crate) async fn store(&self, id: &str, meta: String) {
        self.writer.call(self.settle_call("", false, id, Some(meta), &FollowUp::default())).await;
    }

    /// Acknowledges before the execution, without waiting for the reply.
    pub(crate) fn ack_early(&self, job: &Job) {
        drop(self.writer.post(self.settle_call(job.open_tag(), true, &job.message.id, None, &FollowUp::default())));
        job.set_acked();
    }

    /// Notes that the execution begins, without waiting for the reply.
    pub(crate) fn mark_started(&self, job: &Job) {
        let call = Call::new(&scripts::START, vec![self.keys.owners()]).arg(&job.taken.tag).arg(&self.consumer);
        drop(self.writer.post(call));
    }

    /// Moves deliveries back to their lists: `(tag, end, list, message)`, at the end L or R.
    pub(crate) async fn give_back(&self, deliveries: impl IntoIterator<Item = [String; 4]>) {
        let mut call = Call::new(&scripts::GIVE_BACK, self.ledger()).arg(&self.consumer).arg("");
        let mut any = false;
        for part in deliveries.into_iter().flatten() {
            call = call.arg(part);
            any = true;
        }
        if any {
            self.writer.call(call).await;
        }
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
