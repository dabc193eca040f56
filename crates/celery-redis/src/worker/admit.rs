//! What becomes of a message that was just taken.

use std::{cmp::Reverse, sync::Arc};

use serde_json::json;

use crate::{
    clock,
    exception::Exception,
    message::Message,
    worker::{
        consumer::{Consumer, Due, Held, Side},
        execute::{fail_for_good, revoke},
        job::{Job, Taken},
        runtime::Core,
        settle::Stored,
    },
};

impl Consumer {
    /// Takes charge of a message that is now in `unacked` on our behalf.
    pub(super) fn admit(&mut self, taken: Taken, permit: bool) {
        if let Some(held) = self.held.get(&taken.tag) {
            if !held.job.is_leaving() {
                // Swept from us and taken by us again, or found twice: the delivery we have goes on under this slot.
                self.release_permit(permit);
                return;
            }
            // Given back and taken again before we heard that it was given back.
            let before = held.job.clone();
            self.let_go(&before);
        }
        self.seq += 1;
        let mut message = match Message::parse(&taken.raw) {
            Ok(message) => message,
            Err(problem) => return self.dispose(taken, permit, &problem.to_string(), "InvalidTaskError"),
        };
        if message.deaths >= self.core.settings.max_deaths {
            let problem = format!(
                "Worker exited prematurely: {} workers died while executing this message.",
                message.deaths
            );
            return self.dispose(taken, permit, &problem, "WorkerLostError");
        }
        tracing::debug!(
            task.id = message.id,
            task.name = message.task,
            queue = &*taken.queue,
            "task received"
        );
        message.ignore_result |=
            message.ignores_by_default && self.core.registry.ignores_result(&message.task);
        let late = self.core.registry.acks_late(&message.task);
        let job = Job::new(self.seq, taken, message, late);
        let mut held = Held {
            job: job.clone(),
            permit,
            running: false,
        };
        self.core.events.received(&job);
        let now = clock::now();
        let expired = job.message.expires.is_some_and(|expires| expires <= now);
        if expired || self.revoked.covers(&job) {
            held.running = true;
            self.discard(job.clone(), if expired { "expired" } else { "revoked" });
        } else if let Some(eta) = job.message.eta.filter(|eta| *eta > now) {
            // A message that waits for its time makes room for another, as in Celery.
            if permit && self.waiting.len() < self.core.settings.eta_limit {
                held.permit = false;
                self.release_permit(true);
            }
            self.waiting.push(Reverse(Due(eta, job.seq, job.clone())));
        } else {
            self.make_ready(job.clone());
        }
        self.held.insert(job.taken.tag.clone(), held);
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

    /// Sets a message aside that nobody can or should execute, and tells who waits for it.
    fn dispose(&mut self, taken: Taken, permit: bool, problem: &str, exc_type: &str) {
        let id = Message::id_of(&taken.raw);
        tracing::error!(
            task.id = id.as_deref().unwrap_or("unknown"),
            queue = &*taken.queue,
            problem,
            "set aside a message that cannot be executed"
        );
        let core = self.core.clone();
        let exception = Exception::celery(exc_type, vec![json!(problem)]);
        let problem = problem.to_owned();
        let end = message_end(&taken, &self.core, self.seq, &exception);
        self.side.spawn(async move {
            if let Some(job) = end {
                // Readable, and therefore part of a workflow perhaps: all its duties are done.
                fail_for_good(&core, &job, &exception, problem).await;
            } else {
                core.set_aside(&taken, &problem, &exception).await;
            }
            Side::Done
        });
        self.release_permit(permit);
    }
}

/// The message as a job, if it can be read.
fn message_end(taken: &Taken, core: &Core, seq: u64, exception: &Exception) -> Option<Arc<Job>> {
    let message = Message::parse(&taken.raw).ok()?;
    tracing::debug!(
        task.id = message.id,
        error = exception.exc_type,
        "message will not be executed"
    );
    let late = core.registry.acks_late(&message.task);
    Some(Job::new(seq, taken.clone(), message, late))
}
