//! What can go wrong outside of a task.

use thiserror::Error;

/// An error of the transport, the configuration or a stored value.
#[derive(Debug, Error)]
pub enum Error {
    /// The URL names no Redis server.
    #[error("`{url}` is no Redis URL (redis://, rediss://, unix:// or redis+unix://)")]
    Url {
        /// The URL without its password.
        url: String,
        /// What the parser said.
        #[source]
        source: redis::RedisError,
    },
    /// The server could not be reached in time, or answered with an error.
    #[error("Redis did not {operation}")]
    Redis {
        /// What was attempted.
        operation: &'static str,
        /// What the connection said.
        #[source]
        source: redis::RedisError,
    },
    /// A value could not be written as or read from JSON.
    #[error("{what} is not valid JSON")]
    Json {
        /// The value in question.
        what: &'static str,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A setting makes no sense.
    #[error("{0}")]
    Config(String),
    /// A workflow that no worker could carry out.
    #[error("the workflow makes no sense: {0}")]
    Canvas(String),
    /// Two tasks with one name were registered.
    #[error("task `{0}` is registered twice")]
    DuplicateTask(String),
    /// The `celery` crate refused to build the application that its requests refer to.
    #[error("the task application could not be built")]
    App(#[source] Box<celery::error::CeleryError>),
}

impl Error {
    pub(crate) fn redis(operation: &'static str) -> impl FnOnce(redis::RedisError) -> Self {
        move |source| Self::Redis { operation, source }
    }

    pub(crate) fn json(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Json { what, source }
    }
}
