//! Takes messages: the script that moves them into `unacked`, and its reply.

use redis::{Pipeline, RedisError, Value, aio::MultiplexedConnection};

use crate::{
    dead_letter,
    keys::PRIORITY_STEPS,
    link::is_no_script,
    message::Message,
    scripts,
    worker::{
        fetch::{Event, Fetcher, Look},
        job::Taken,
    },
};

impl Fetcher {
    /// Takes up to `room` messages.
    pub(super) async fn take(
        &mut self,
        connection: &mut MultiplexedConnection,
        room: usize,
    ) -> Result<Look, RedisError> {
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        self.ask(&mut pipeline, room, None);
        self.watch(&mut pipeline);
        let (reply, _, waiting): (Value, Value, Value) = pipeline.query_async(connection).await?;
        self.read(connection, reply, waiting).await
    }

    /// Adds the take script. `waited` is the list that the pipeline waits at first: most likely it then has one message,
    /// and no other has.
    pub(super) fn ask(&self, pipeline: &mut Pipeline, room: usize, waited: Option<&str>) {
        let lists = self.ordered_lists();
        pipeline
            .cmd("EVALSHA")
            .arg(scripts::TAKE.get_hash())
            .arg(4 + lists.len());
        pipeline.arg(&self.fixed_keys).arg(&lists);
        pipeline
            .arg(room)
            .arg(self.queues.len())
            .arg(PRIORITY_STEPS.len())
            .arg(&self.consumer)
            .arg(dead_letter::LIMIT)
            .arg(self.message_limit)
            .arg(waited.map_or(0, |waited| {
                lists
                    .iter()
                    .position(|list| *list == waited)
                    .map_or(0, |at| at + 1)
            }));
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

    /// Reads the replies to what was asked.
    pub(super) async fn read(
        &mut self,
        connection: &mut MultiplexedConnection,
        reply: Value,
        waiting: Value,
    ) -> Result<Look, RedisError> {
        if is_no_script(&reply) {
            scripts::loader().exec_async(connection).await?;
            return Ok(Look {
                taken: Vec::new(),
                more: true,
            });
        }
        // Anything but a reply (out of memory, read-only) passes by itself: a new connection comes with a pause.
        let (order, taken, rejected): (Vec<usize>, Vec<Value>, Vec<Value>) = redis::from_redis_value(reply)?;
        let waiting: u64 = redis::from_redis_value(waiting)?;
        let (taken, last) = self.entries(taken);
        self.tell_rejected(rejected);
        if last.is_some() {
            self.likely = last;
        }
        if !order.is_empty() {
            self.order = order
                .iter()
                .filter_map(|at| self.order.get(at - 1).copied())
                .collect();
        }
        Ok(Look {
            taken,
            more: waiting > 0,
        })
    }

    /// Tells of `(list, message, bytes)` groups that the script put into the dead-letter list.
    fn tell_rejected(&self, flat: Vec<Value>) {
        let mut values = flat.into_iter();
        while let (Some(list), Some(shown), Some(bytes)) = (values.next(), values.next(), values.next()) {
            let shown: String = redis::from_redis_value(shown).unwrap_or_default();
            let bytes: usize = redis::from_redis_value(bytes).unwrap_or_default();
            let id = Message::id_of(&shown).filter(|id| id != "unknown");
            let at = redis::from_redis_value::<usize>(list)
                .unwrap_or(1)
                .saturating_sub(1);
            let queue = self
                .order
                .get(at % self.order.len().max(1))
                .and_then(|at| self.queues.get(*at));
            let problem = if bytes > self.message_limit {
                format!("a message of {bytes} bytes is too large")
            } else {
                "the message has no readable envelope".to_owned()
            };
            let queue = queue.map(|queue| &**queue);
            tracing::error!(task.id = id, queue, bytes, problem, "set aside a message");
            if let Some(id) = id {
                drop(self.events.send(Event::SetAside { id, problem }));
            }
        }
    }

    /// Reads `(list, tag, message)` groups, the list as its number in this call's order; also tells the last list.
    fn entries(&self, flat: Vec<Value>) -> (Vec<Taken>, Option<String>) {
        let mut entries = Vec::with_capacity(flat.len() / 3);
        let mut last = None;
        let mut values = flat.into_iter();
        while let Some(list) = values.next() {
            let at = redis::from_redis_value::<usize>(list)
                .unwrap_or(1)
                .saturating_sub(1);
            let queue = self
                .order
                .get(at % self.order.len().max(1))
                .copied()
                .unwrap_or_default();
            last = Some((at / self.order.len().max(1), queue));
            let mut text = || match values.next() {
                Some(Value::BulkString(bytes)) => String::from_utf8(bytes)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
                _ => String::new(),
            };
            entries.push(Taken {
                queue: self.queues.get(queue).cloned().unwrap_or_else(|| "".into()),
                tag: text(),
                raw: text(),
            });
        }
        let last = last.and_then(|(step, queue)| self.lists.get(step)?.get(queue).cloned());
        (entries, last)
    }
}
