//! What becomes of a message that was just taken.

use std::{cmp::Reverse, sync::Arc};

use serde_json::json;
use tokio::time::Instant;

use crate::{
    clock,
    exception::Exception,
    message::{self, Message},
    worker::{
        consumer::{Consumer, Due, Held, Side},
        execute::{fail_for_good, revoke},
        job::{Arrived, Job, Taken},
        settle::Stored,
    },
};

impl Consumer {
    /// Takes charge of messages that were in the list of arrivals at some time after `since`. Returns how many are new
    /// deliveries.
    pub(super) fn arrive(&mut self, messages: Vec<Arrived>, since: Instant, permit: bool) -> usize {
        let mut jobs = Vec::with_capacity(messages.len());
        for Arrived { queue, raw } in messages {
            match read(raw, self.core.settings.message_limit) {
                Ok((raw, message)) => jobs.extend(self.hold(queue, raw, message, permit)),
                Err((raw, problem)) => {
                    self.set_aside_unread(queue.as_deref(), raw, &problem);
                    self.release_permit(permit);
                }
            }
        }
        if self.core.is_old(since) {
            self.in_doubt = Some(Instant::now());
        }
        // Before anything becomes of them, for that is written behind it.
        self.core.writer.arrived(jobs.clone());
        let new = jobs.len();
        for job in jobs {
            self.decide(job);
        }
        new
    }

    /// Makes a delivery of a message, unless it is one that we have.
    fn hold(
        &mut self,
        queue: Option<Arc<str>>,
        raw: String,
        mut message: Message,
        permit: bool,
    ) -> Option<Arc<Job>> {
        if let Some(tag) = self.held_before(queue.as_ref(), &message, &raw) {
            if let Some(held) = self.held.get_mut(&tag).filter(|held| !held.job.is_leaving()) {
                held.since = Instant::now();
                self.core.adopt_again(&raw, &held.job, held.running);
            }
            self.release_permit(permit);
            return None;
        }
        let (exchange, routing_key) = message.address();
        let queue = queue.unwrap_or_else(|| routing_key.into());
        let mut tag = message.delivery_tag.clone();
        // Copies of one message share a tag; each needs a slot of its own, or acknowledging one would remove the
        // protection of the other. What is sent to a queue by its name is sent once, as a rule.
        let mut copy = !exchange.is_empty();
        if let Some(held) = self.held.get(&tag) {
            let job = held.job.clone();
            if job.is_leaving() {
                // Given back and taken again before we heard that it was given back.
                self.let_go(&job);
            } else {
                copy = true;
            }
        }
        if copy {
            tag = format!("{tag}.{:012x}", rand::random::<u64>() >> 16);
        }
        message.ignore_result |=
            message.ignores_by_default && self.core.registry.ignores_result(&message.task);
        let late = self.core.registry.acks_late(&message.task);
        self.seq += 1;
        let job = Job::new(self.seq, Taken { queue, tag, raw }, message, late);
        let held = Held {
            job: job.clone(),
            permit,
            running: false,
            since: Instant::now(),
        };
        self.held.insert(job.taken.tag.clone(), held);
        Some(job)
    }

    /// The tag of the delivery that we have of a message. It goes on, under the slot it had: the message was swept from us
    /// and taken by us again; or one without a queue, for it was only found in the list of arrivals, is there because it
    /// ends just now, or because the server went back to an older state.
    fn held_before(&self, queue: Option<&Arc<str>>, message: &Message, raw: &str) -> Option<String> {
        if !message.redelivered && queue.is_some() {
            return None;
        }
        let same = |held: &&Held| match queue {
            None => held.job.taken.raw == raw,
            Some(queue) => {
                held.job.message.delivery_tag == message.delivery_tag
                    && held.job.taken.queue == *queue
                    && !held.job.is_leaving()
            }
        };
        let held = self.held.values().find(same)?;
        Some(held.job.taken.tag.clone())
    }

    /// Runs a delivery now or later, or not at all.
    fn decide(&mut self, job: Arc<Job>) {
        let message = &job.message;
        if message.deaths >= self.core.settings.max_deaths {
            return self.bury(job);
        }
        tracing::debug!(
            task.id = message.id,
            task.name = message.task,
            queue = &*job.taken.queue,
            "task received"
        );
        self.core.events.received(&job);
        let now = clock::now();
        let expired = message.expires.is_some_and(|expires| expires <= now);
        if expired || self.revoked.covers(&job) {
            self.discard(job, if expired { "expired" } else { "revoked" });
        } else if let Some(eta) = message.eta.filter(|eta| *eta > now) {
            // A message that waits for its time makes room for another, as in Celery.
            if self.waiting.len() < self.core.settings.eta_limit
                && let Some(held) = self.held.get_mut(&job.taken.tag)
            {
                let permit = std::mem::take(&mut held.permit);
                self.release_permit(permit);
            }
            self.waiting.push(Reverse(Due(eta, job.seq, job)));
        } else {
            self.make_ready(job);
        }
    }

    /// Lets a job start as soon as there is room, and its task's rate allows.
    fn make_ready(&mut self, job: Arc<Job>) {
        if let Some(job) = self.buckets.put(job) {
            self.ready.push_back(job);
        } else {
            self.refill();
        }
    }

    /// Ends a delivery that is not to be executed.
    pub(super) fn discard(&mut self, job: Arc<Job>, reason: &'static str) {
        if let Some(held) = self.held.get_mut(&job.taken.tag) {
            held.running = true;
        }
        let core = self.core.clone();
        self.side.spawn(async move {
            revoke(&core, &job, reason, None).await;
            Side::Disposed(job.seq, job.taken.tag.clone())
        });
    }

    /// Tells who waits for a call whose message the server set aside.
    pub(super) fn set_aside(&mut self, id: String, problem: &str) {
        let exception = Exception::celery("InvalidTaskError", vec![json!(problem)]);
        let core = self.core.clone();
        self.side.spawn(async move {
            let meta = Stored::exception("FAILURE", &exception).meta(&id, None, None);
            core.store(&id, meta).await;
            Side::Done
        });
    }

    /// Sets a message aside that cannot be read, and tells who waits for it.
    fn set_aside_unread(&self, queue: Option<&str>, raw: Vec<u8>, problem: &str) {
        let id = if raw.len() > self.core.settings.message_limit {
            message::id_near_end(&raw)
        } else {
            Message::id_of(&String::from_utf8_lossy(&raw))
        };
        let (id, queue) = (id.as_deref(), queue.unwrap_or_default());
        tell_of(id.unwrap_or("unknown"), queue, problem);
        let exception = Exception::celery("InvalidTaskError", vec![json!(problem)]);
        self.core.set_aside(raw, id, problem, &exception);
    }

    /// Sets a message aside that killed too many workers; all that waits for it is told.
    fn bury(&mut self, job: Arc<Job>) {
        self.let_go(&job);
        let problem = format!(
            "Worker exited prematurely: {} workers died while executing this message.",
            job.message.deaths
        );
        tell_of(&job.message.id, &job.taken.queue, &problem);
        let exception = Exception::celery("WorkerLostError", vec![json!(problem)]);
        let core = self.core.clone();
        self.side.spawn(async move {
            fail_for_good(&core, &job, &exception, problem).await;
            Side::Done
        });
    }
}

fn tell_of(id: &str, queue: &str, problem: &str) {
    tracing::error!(
        task.id = id,
        queue,
        problem,
        "set aside a message that cannot be executed"
    );
}

/// Reads a list element: its text and the message in it; otherwise tells what makes it nobody's.
fn read(raw: Vec<u8>, limit: usize) -> Result<(String, Message), (Vec<u8>, String)> {
    if raw.len() > limit {
        return Err((raw, format!("larger than {limit} bytes")));
    }
    let text = match String::from_utf8(raw) {
        Ok(text) => text,
        Err(error) => return Err((error.into_bytes(), "the message is no text in UTF-8".to_owned())),
    };
    let problem = match Message::parse(&text) {
        Ok(message) if message.is_addressed() => return Ok((text, message)),
        Ok(_) => "no readable envelope".to_owned(),
        Err(problem) => problem.to_string(),
    };
    Err((text.into_bytes(), problem))
}
