//! What can go wrong in a call, and whether trying again can help.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{EndpointError, TargetError};

/// A call that failed; every variant names the operation, and none can hold a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 401: GitHub doesn't know the token, or it has expired or was revoked.
    #[error("could not {operation}: GitHub does not accept the token (401)")]
    Unauthorized {
        /// What was being done, as a verb phrase.
        operation: &'static str,
    },
    /// 403 that isn't a rate limit: the token is known but may not do this.
    #[error("could not {operation}: GitHub forbids it (403): {message}")]
    Forbidden {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// GitHub's own sentence, shortened.
        message: String,
    },
    /// 404: no such repository or organisation, or the token has no administration right there.
    #[error("could not {operation}: not found, or the token has no administration right there (404)")]
    NotFound {
        /// What was being done, as a verb phrase.
        operation: &'static str,
    },
    /// 409: a runner of that name exists already; look it up by name before trying again.
    #[error("could not {operation}: it exists already (409): {message}")]
    Conflict {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// GitHub's own sentence, shortened.
        message: String,
    },
    /// 422: GitHub understood the request and refuses its content (a full runner group, for example).
    #[error("could not {operation}: GitHub refuses it (422): {message}")]
    Unprocessable {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// GitHub's own sentence, shortened.
        message: String,
    },
    /// A rate limit is used up, or GitHub asked for a pause; nothing is sent before `retry_at`.
    #[error("could not {operation}: GitHub's rate limit holds until {retry_at}")]
    RateLimited {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// The earliest time of the next request, UTC.
        retry_at: DateTime<Utc>,
        /// How long that is from the moment the error was made.
        retry_after: Duration,
    },
    /// 5xx: GitHub failed; the call may nevertheless have taken effect.
    #[error("could not {operation}: GitHub failed ({status})")]
    Server {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// The HTTP status.
        status: u16,
        /// The pause GitHub asked for, if it named one.
        retry_after: Option<Duration>,
    },
    /// No answer in time (5 s to connect, 15 s in total); the call may nevertheless have taken effect.
    #[error("could not {operation}: GitHub did not answer in time")]
    Timeout {
        /// What was being done, as a verb phrase.
        operation: &'static str,
    },
    /// The connection failed or broke off.
    #[error("could not {operation}: the connection to GitHub failed")]
    Network {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// The transport's own error.
        #[source]
        source: reqwest::Error,
    },
    /// The answer isn't what GitHub's description promises.
    #[error("could not {operation}: the answer makes no sense: {reason}")]
    Decode {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// What is wrong with the answer; never its content.
        reason: String,
    },
    /// The answer is larger than a sane one can be, so it was not read to its end.
    #[error("could not {operation}: the answer is too large")]
    TooLarge {
        /// What was being done, as a verb phrase.
        operation: &'static str,
    },
    /// A status that no call here expects, redirects included (a renamed repository answers 301).
    #[error("could not {operation}: unexpected answer ({status}); was the repository renamed or moved?")]
    Unexpected {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// The target was built by hand from something that is no name.
    #[error(transparent)]
    InvalidTarget(#[from] TargetError),
    /// The API address must not be used.
    #[error(transparent)]
    InvalidEndpoint(#[from] EndpointError),
    /// The token holds a character that no HTTP header can carry (a line break, for example).
    #[error("the token holds characters that no GitHub token has")]
    InvalidToken,
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up")]
    Setup(#[source] reqwest::Error),
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::Server { .. } | Self::Timeout { .. } | Self::Network { .. } => {
                true
            }
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::Unprocessable { .. }
            | Self::Decode { .. }
            | Self::TooLarge { .. }
            | Self::Unexpected { .. }
            | Self::InvalidTarget(_)
            | Self::InvalidEndpoint(_)
            | Self::InvalidToken
            | Self::Setup(_) => false,
        }
    }

    /// How long to wait before the next attempt, if GitHub said so; otherwise back off as you see fit.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => Some(*retry_after),
            Self::Server { retry_after, .. } => *retry_after,
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::Unprocessable { .. }
            | Self::Timeout { .. }
            | Self::Network { .. }
            | Self::Decode { .. }
            | Self::TooLarge { .. }
            | Self::Unexpected { .. }
            | Self::InvalidTarget(_)
            | Self::InvalidEndpoint(_)
            | Self::InvalidToken
            | Self::Setup(_) => None,
        }
    }
}
