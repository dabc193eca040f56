//! Executes one delivery and writes its end.

use std::{convert::Infallible, future::pending, sync::Arc, time::Instant};

use serde_json::{Value, json};

use crate::{
    clock,
    exception::Exception,
    link::lock,
    request::Surroundings,
    worker::{
        chord::Part,
        job::Job,
        registry::Verdict,
        runtime::Core,
        settle::{Ending, Stored},
        slots::Slot,
    },
    workflow::FollowUp,
};

/// Runs a delivery from its start to its acknowledgement; the slot is free once the task itself has ended.
pub(crate) async fn execute(core: Arc<Core>, job: Arc<Job>, slot: Slot) {
    let message = &job.message;
    if message.expires.is_some_and(|expires| expires <= clock::now()) {
        return revoke(&core, &job, "expired", None).await;
    }
    // One that was handed out before may have killed its worker: its execution waits for the mark.
    if job.late && message.redelivered {
        core.writer.note_begun(&job).await;
    }
    if core.settings.track_started {
        let result = json!({"pid": std::process::id(), "hostname": core.settings.hostname});
        let started = Stored {
            status: "STARTED",
            result,
            traceback: None,
            children: Vec::new(),
        };
        if let Some(meta) = started.own_meta(message) {
            core.store(&message.id, meta).await;
        }
    }
    core.events.task("started", &message.id, || json!({}));
    let began = Instant::now();
    let here = Surroundings::new(core.clone(), job.clone());
    // Only the task itself is broken off: its future is dropped, and with it all it holds.
    let verdict = tokio::select! {
        biased;
        signal = job.terminated() => return revoke(&core, &job, "terminated", Some(signal)).await,
        verdict = core.registry.run(core.app.clone(), message, here.clone()) => verdict,
        never = note_unless_over(&core, &job) => match never {},
    };
    drop(slot);
    let seconds = began.elapsed().as_secs_f64();
    match verdict {
        Verdict::Success(value) => {
            tracing::info!(
                task.id = message.id,
                task.name = message.task,
                seconds,
                "task succeeded"
            );
            let sent = std::mem::take(&mut *lock(&here.children));
            succeed(&core, &job, value, sent, seconds).await;
        }
        Verdict::Failure(exception) => {
            tracing::error!(
                task.id = message.id,
                task.name = message.task,
                seconds,
                error = %crate::exception::repr_encoded(&exception.encode()),
                "task failed"
            );
            fail(&core, &job, "FAILURE", &exception).await;
        }
        Verdict::Retry { eta, cause } => retry(&core, &job, eta, &cause).await,
        Verdict::Reject { requeue: true } if job.late => {
            tracing::info!(
                task.id = message.id,
                task.name = message.task,
                "task rejected and put back"
            );
            core.give_back(std::slice::from_ref(&job), "L").await;
            core.events
                .task("rejected", &message.id, || json!({"requeue": true}));
        }
        Verdict::Reject { .. } => {
            let exception = Exception::celery("Reject", vec![json!("rejected by the task"), json!(false)]);
            fail(&core, &job, "FAILURE", &exception).await;
            core.events
                .task("rejected", &message.id, || json!({"requeue": false}));
        }
        Verdict::Ignore => {
            core.settle(&job, &Ending::default()).await;
        }
    }
}

/// Polled after a task's own future: notes that the task has begun, unless it was over at once.
async fn note_unless_over(core: &Core, job: &Job) -> Infallible {
    if job.late && !job.message.redelivered {
        core.writer.begun(job);
    }
    pending().await
}

/// Ends a delivery that is not to be executed, or not further: then with the signal it was terminated with.
pub(crate) async fn revoke(core: &Core, job: &Job, reason: &str, terminated: Option<i32>) {
    tracing::info!(
        task.id = job.message.id,
        task.name = job.message.task,
        reason,
        "task revoked"
    );
    fail(
        core,
        job,
        "REVOKED",
        &Exception::celery("TaskRevokedError", vec![json!(reason)]),
    )
    .await;
    core.events.task(
        "revoked",
        &job.message.id,
        || json!({"terminated": terminated.is_some(), "signum": terminated, "expired": reason == "expired"}),
    );
}

/// Stores the result and sets in motion what follows; `sent` are the children that the task sent itself.
async fn succeed(core: &Core, job: &Job, value: Value, mut children: Vec<Value>, seconds: f64) {
    let message = &job.message;
    let follow_up = match core.after_success(message, &value) {
        Ok(follow_up) => follow_up,
        Err(problem) => {
            let exception = Exception::raised("builtins", "ValueError", &message.task, &problem);
            return fail(core, job, "FAILURE", &exception).await;
        }
    };
    children.extend_from_slice(&follow_up.children);
    let stored = Stored {
        status: "SUCCESS",
        result: value,
        traceback: None,
        children,
    };
    let value = &stored.result;
    let ending = Ending {
        meta: stored.own_meta(message),
        parts: Vec::from_iter(Part::of(message, stored.status, value)),
        follow_up,
        ..Ending::default()
    };
    core.settle(job, &ending).await;
    core.events.task(
        "succeeded",
        &message.id,
        || json!({"result": crate::json::repr(value), "runtime": seconds}),
    );
}

/// Stores the failure, tells all who wait for this task, and acknowledges.
pub(crate) async fn fail(core: &Core, job: &Job, status: &'static str, exception: &Exception) {
    end_badly(core, job, status, exception, None).await;
}

/// As `fail`, and keeps the message in the dead-letter list.
pub(crate) async fn fail_for_good(core: &Core, job: &Job, exception: &Exception, problem: String) {
    end_badly(core, job, "FAILURE", exception, Some(problem)).await;
}

async fn end_badly(
    core: &Core,
    job: &Job,
    status: &'static str,
    exception: &Exception,
    buried: Option<String>,
) {
    let ending = Ending {
        follow_up: core.after_failure(&job.message),
        buried,
        ..Ending::failure(&job.message, &Stored::exception(status, exception))
    };
    core.settle(job, &ending).await;
    if status == "FAILURE" {
        core.events.task("failed", &job.message.id, || told(exception));
    }
}

/// An exception as events tell it.
fn told(exception: &Exception) -> Value {
    let shown = crate::exception::repr_encoded(&exception.encode());
    json!({"exception": shown, "traceback": exception.traceback})
}

async fn retry(core: &Core, job: &Job, eta: Option<chrono::DateTime<chrono::Utc>>, cause: &Exception) {
    let message = &job.message;
    let raw = match message.retry(&job.taken.raw, eta) {
        Ok(raw) => raw,
        Err(problem) => {
            let exception = Exception::raised("builtins", "ValueError", &message.task, &problem.to_string());
            return fail(core, job, "FAILURE", &exception).await;
        }
    };
    tracing::info!(
        task.id = message.id,
        task.name = message.task,
        retries = message.retries + 1,
        error = %crate::exception::repr_encoded(&cause.encode()),
        "task will be retried"
    );
    let mut stored = Stored::exception("RETRY", cause);
    stored.children = vec![json!([[message.id, null], null])];
    let ending = Ending {
        meta: stored.own_meta(message),
        follow_up: FollowUp {
            raw: vec![(core.list_of(job), raw)],
            ..FollowUp::default()
        },
        ..Ending::default()
    };
    // Before the message is sent: whoever takes it tells of it at once.
    core.events.task("retried", &message.id, || told(cause));
    core.settle(job, &ending).await;
}

impl Core {
    /// The list a delivery goes back to.
    pub(crate) fn list_of(&self, job: &Job) -> String {
        self.keys.list(&job.taken.queue, job.message.priority)
    }
}
