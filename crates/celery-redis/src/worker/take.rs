//! Takes messages while there is a backlog: the script that moves them into the list of arrivals, and its reply.

use redis::{Pipeline, RedisError, Value, aio::MultiplexedConnection};

use crate::{
    dead_letter,
    keys::PRIORITY_STEPS,
    message::Message,
    refusal::is_no_script,
    scripts,
    worker::{
        fetch::{Event, Fetcher},
        job::Arrived,
    },
};

/// What the take script replies: the order of the queues, messages and rejected ones.
type Reply = (Vec<usize>, Vec<Value>, Vec<Value>);

/// What one round trip brought.
pub(super) struct Look {
    pub(super) messages: Vec<Arrived>,
    /// Whether there is more at once.
    pub(super) more: bool,
}

impl Look {
    /// It brought nothing, and the next one is to be made at once.
    pub(super) fn again() -> Self {
        Self {
            messages: Vec::new(),
            more: true,
        }
    }
}

impl Fetcher {
    /// Takes up to `room` messages.
    pub(super) async fn take(
        &mut self,
        connection: &mut MultiplexedConnection,
        room: usize,
    ) -> Result<Look, RedisError> {
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        let lists = self.ordered_lists();
        pipeline
            .cmd("EVALSHA")
            .arg(scripts::TAKE.get_hash())
            .arg(3 + lists.len());
        pipeline
            .arg(&[&self.arrivals, &self.dead_letter, &self.workers])
            .arg(&lists);
        pipeline
            .arg(room)
            .arg(self.queues.len())
            .arg(PRIORITY_STEPS.len())
            .arg(dead_letter::LIMIT)
            .arg(self.message_limit)
            .arg(&self.consumer);
        self.watch(&mut pipeline);
        let (reply, _, waiting): (Value, Value, Value) = pipeline.query_async(connection).await?;
        if is_no_script(&reply) {
            scripts::loader().exec_async(connection).await?;
            return Ok(Look::again());
        }
        // Anything but a reply (out of memory, read-only) passes by itself: a new connection comes with a pause.
        let (order, taken, rejected): Reply = redis::from_redis_value(reply)?;
        let waiting: u64 = redis::from_redis_value(waiting)?;
        let (messages, last) = self.messages(taken);
        self.tell_rejected(rejected);
        if last.is_some() {
            self.likely = last;
        }
        self.order = order
            .iter()
            .filter_map(|at| self.order.get(at - 1).copied())
            .collect();
        Ok(Look {
            // The list to wait at is not among those that wait; most likely it has more if it had enough.
            more: waiting > 0 || messages.len() == room,
            messages,
        })
    }

    /// Adds `EXISTS` on all lists but the one to wait at: with `CLIENT TRACKING` on, the server now owes us one notice as
    /// soon as any of them changes. Nothing falls between, for the pipeline is one connection's sequence.
    pub(super) fn watch(&self, pipeline: &mut Pipeline) {
        let waits_at = self.client_id.and(self.likely.as_ref());
        // Asked for each time: what the script reads is not to be watched.
        pipeline.cmd("CLIENT").arg("CACHING").arg("YES");
        pipeline.cmd("EXISTS");
        for list in self.ordered_lists() {
            if Some(list) != waits_at {
                pipeline.arg(list);
            }
        }
    }

    /// The lists step by step, the queues of each in their present order.
    fn ordered_lists(&self) -> Vec<&String> {
        self.lists
            .iter()
            .flat_map(|step| self.order.iter().filter_map(|at| step.get(*at)))
            .collect()
    }

    /// The queue that a list is of.
    pub(super) fn queue_of(&self, list: &str) -> Option<usize> {
        self.lists
            .iter()
            .find_map(|step| step.iter().position(|known| known == list))
    }

    /// Tells of `(list, message, bytes)` groups that the script put into the dead-letter list.
    fn tell_rejected(&self, flat: Vec<Value>) {
        let mut values = flat.into_iter();
        while let (Some(list), Some(shown), Some(bytes)) = (values.next(), values.next(), values.next()) {
            let shown: String = redis::from_redis_value(shown).unwrap_or_default();
            let bytes: usize = redis::from_redis_value(bytes).unwrap_or_default();
            let id = Message::id_of(&shown).filter(|id| id != "unknown");
            let queue = self.queues.get(self.numbered(list).1).map(|queue| &**queue);
            let problem = format!("a message of {bytes} bytes is too large");
            tracing::error!(task.id = id, queue, bytes, problem, "set aside a message");
            if let Some(id) = id {
                drop(self.events.send(Event::SetAside { id, problem }));
            }
        }
    }

    /// The step and the queue of a list that is told by its number in this call's order.
    fn numbered(&self, list: Value) -> (usize, usize) {
        let at = redis::from_redis_value::<usize>(list)
            .unwrap_or(1)
            .saturating_sub(1);
        let (count, queue) = (self.order.len().max(1), at % self.order.len().max(1));
        (at / count, self.order.get(queue).copied().unwrap_or_default())
    }

    /// Reads `(list, message)` pairs; also tells the last list.
    fn messages(&self, flat: Vec<Value>) -> (Vec<Arrived>, Option<String>) {
        let mut messages = Vec::with_capacity(flat.len() / 2);
        let mut last = None;
        let mut values = flat.into_iter();
        while let (Some(list), Some(raw)) = (values.next(), values.next()) {
            let (step, queue) = self.numbered(list);
            last = Some((step, queue));
            messages.push(Arrived {
                queue: self.queues.get(queue).cloned(),
                raw: bytes(raw),
            });
        }
        let last = last.and_then(|(step, queue)| self.lists.get(step)?.get(queue).cloned());
        (messages, last)
    }
}

/// The bytes of a list element.
pub(super) fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::BulkString(bytes) => bytes,
        _ => Vec::new(),
    }
}
