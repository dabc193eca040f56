//! How a job ends when it does not end well.

use std::time::Duration;

use entities::StoreError;

use crate::github_access::AccessError;
use crate::node_access::TargetError;
use crate::nodes::NodeError;

/// The reason of a job that somebody else has overtaken.
const OVERTAKEN: &str = "another worker, or a person's wish, has overtaken this run";

/// How a job ends when it does not end well. The reason is fit for people and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// Another attempt may succeed.
    #[error("{reason}")]
    Retry {
        /// How long to wait; `None` for a pause that grows with every attempt.
        after: Option<Duration>,
        /// Why.
        reason: String,
    },
    /// It will not succeed until somebody does what the reason says.
    #[error("{reason}")]
    Fail {
        /// Why, and what to do.
        reason: String,
    },
}

impl JobError {
    /// An error that no further attempt will cure.
    pub fn fail(reason: impl Into<String>) -> Self {
        Self::Fail {
            reason: reason.into(),
        }
    }

    /// An error that a later attempt may cure, after a growing pause.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry {
            after: None,
            reason: reason.into(),
        }
    }

    /// An error that an attempt after this time may cure.
    pub fn retry_after(after: Duration, reason: impl Into<String>) -> Self {
        Self::Retry {
            after: Some(after),
            reason: reason.into(),
        }
    }

    /// The lease was lost: the next delivery finds out what is left to do.
    pub fn overtaken() -> Self {
        Self::retry_after(Duration::from_secs(5), OVERTAKEN)
    }

    /// Whether this is [`Self::overtaken`].
    pub fn is_overtaken(&self) -> bool {
        self.reason() == OVERTAKEN
    }

    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Retry { reason, .. } | Self::Fail { reason } => reason,
        }
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            Self::retry(error.to_string())
        } else {
            Self::fail(error.to_string())
        }
    }
}

impl From<NodeError> for JobError {
    fn from(error: NodeError) -> Self {
        let reason = error.to_string();
        match error {
            NodeError::CircuitOpen { retry_in, .. } => Self::retry_after(retry_in, reason),
            error if error.is_retryable() => Self::retry(reason),
            _ => Self::Fail { reason },
        }
    }
}

impl From<AccessError> for JobError {
    fn from(error: AccessError) -> Self {
        let reason = error.to_string();
        if error.is_retryable() {
            Self::Retry {
                after: error.retry_after(),
                reason,
            }
        } else {
            Self::Fail { reason }
        }
    }
}

impl From<github::Error> for JobError {
    fn from(error: github::Error) -> Self {
        AccessError::from(error).into()
    }
}

impl From<TargetError> for JobError {
    fn from(error: TargetError) -> Self {
        Self::fail(error.to_string())
    }
}

impl From<redis::RedisError> for JobError {
    fn from(_: redis::RedisError) -> Self {
        // The library's own text may hold the address and with it the password.
        Self::retry("Redis did not answer")
    }
}

impl From<celery_redis::Error> for JobError {
    fn from(_: celery_redis::Error) -> Self {
        Self::retry("Redis did not take a task")
    }
}
