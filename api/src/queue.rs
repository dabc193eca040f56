//! Sending tasks to workers: after the commit, and softly. A task that could not be sent costs time, no
//! work: the row says what is wanted, and the periodic reconciler sends what is overdue.

use std::time::Duration;

use celery_redis::{Outcome, Signature, TaskId};
use domain::redis_keys::WORKERS;
use domain::tasks::TaskCall;
use domain::worker;
use redis::AsyncCommands as _;

use crate::context::Context;
use crate::error::chain;

/// How long a request waits for Redis to take a task.
const SEND_TIMEOUT: Duration = Duration::from_secs(3);

/// A task's message as any Celery worker reads it. `host` is set for what lives on a node of type `local`.
pub fn signature(call: &TaskCall, host: Option<&str>) -> Signature {
    let signature = Signature::new(call.name())
        .args(call.args())
        .queue(call.queue(host));
    // The api sends nothing periodically: only what expires regardless of a period does.
    match call {
        TaskCall::FetchLogs(..) | TaskCall::FollowLogs(..) => call
            .expires_after(Duration::ZERO)
            .map_or(signature.clone(), |age| signature.expires_in(age)),
        TaskCall::RegisterRunner(_)
        | TaskCall::UnregisterRunner(_)
        | TaskCall::SendHeartbeat(_)
        | TaskCall::CollectMetrics(_)
        | TaskCall::ReconcileRunner(_)
        | TaskCall::CheckNode(_) => signature,
    }
}

/// Why a task's answer is not there.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Redis did not take the task or lost the connection.
    #[error("the queue does not answer")]
    Queue(#[source] celery_redis::Error),
    /// Nobody answered in time.
    #[error("no worker answered in time")]
    TimedOut,
    /// The task failed; the worker's own words.
    #[error("the task failed: {0}")]
    Failed(String),
}

impl Context {
    /// Sends tasks; a failure is logged, never answered. Call it after the commit.
    pub async fn send_softly(&self, calls: &[(TaskCall, Option<String>)]) {
        let signatures: Vec<Signature> = calls
            .iter()
            .map(|(call, host)| signature(call, host.as_deref()))
            .collect();
        self.send_signatures(&signatures).await;
    }

    /// The same for calls that say more than what is called, such as when.
    pub async fn send_signatures(&self, signatures: &[Signature]) {
        let names = || signatures.iter().map(Signature::task).collect::<Vec<_>>();
        match tokio::time::timeout(SEND_TIMEOUT, self.tasks.send_many(signatures)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = %chain(&error), tasks = ?names(), "tasks were not sent; the reconciler will");
            }
            Err(_) => {
                tracing::warn!(tasks = ?names(), "Redis did not take tasks in time; the reconciler will send them");
            }
        }
    }

    /// Whether a worker takes tasks for this host, as far as Redis tells: while it does not answer, nothing is known.
    pub async fn is_served(&self, host: &str) -> bool {
        let mut redis = self.redis.clone();
        let asked = tokio::time::timeout(SEND_TIMEOUT, redis.hvals::<_, Vec<String>>(WORKERS));
        match asked.await {
            Ok(Ok(entries)) => {
                worker::served_hosts(entries.iter().map(String::as_str), self.now()).contains(host)
            }
            Ok(Err(error)) => {
                tracing::warn!(error = %chain(&error), "the workers were not listed");
                true
            }
            Err(_) => true,
        }
    }

    /// Sends a task and waits for its result, of which nothing stays in Redis.
    pub async fn ask(
        &self,
        call: &TaskCall,
        host: Option<&str>,
        timeout: Duration,
    ) -> Result<serde_json::Value, AskError> {
        let asking = async {
            let id: TaskId = self
                .tasks
                .send(&signature(call, host))
                .await
                .map_err(AskError::Queue)?;
            let result = self.tasks.result(id);
            let outcome = result.get(timeout).await.map_err(AskError::Queue)?;
            // It may be large, and nobody else asks for it; what is left here expires.
            if let Err(error) = result.forget().await {
                tracing::debug!(error = %chain(&error), "a task's result was left where it was");
            }
            Ok::<_, AskError>(outcome)
        };
        match tokio::time::timeout(timeout, asking).await {
            Ok(Ok(Outcome::Success(value))) => Ok(value),
            Ok(Ok(Outcome::Failure(failure))) => Err(AskError::Failed(failure.to_string())),
            Ok(Ok(Outcome::Revoked { .. } | Outcome::TimedOut)) | Err(_) => Err(AskError::TimedOut),
            Ok(Err(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::InstanceId;

    #[test]
    fn a_call_becomes_a_signature_of_its_name() {
        let call = TaskCall::RegisterRunner(InstanceId::new());
        assert_eq!(signature(&call, None).task(), "register_runner");
    }
}
