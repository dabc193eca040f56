//! The soft time limit, which a task can ask to be told of.

use celery::error::TaskError;
use tokio_util::sync::CancellationToken;

use crate::request::{self, Directive, SURROUNDINGS};

/// Tells a running task that its soft time limit is reached; see [`soft_limit`].
#[derive(Debug, Clone, Default)]
pub struct SoftLimit(CancellationToken);

/// Asks to be told of the soft time limit of the task that runs here.
///
/// A task that has asked is no longer ended by it, but only told: it has until the hard limit, if there is one, to
/// clean up and to return whatever it likes, such as `Err(soft_limit.exceeded())`. One that has not asked is ended, as
/// an exception that nobody catches would end it. Outside a running task, and without such a limit, it is never reached.
///
/// ```
/// # use std::time::Duration;
/// # use celery::prelude::*;
/// #[celery::task(time_limit = 60, hard_time_limit = 70)] // the `celery` crate's names of the soft and the hard one
/// async fn import() -> TaskResult<u32> {
///     let soft_limit = celery_redis::soft_limit();
///     let mut imported = 0;
///     loop {
///         tokio::select! {
///             () = tokio::time::sleep(Duration::from_secs(1)) => imported += 1,
///             () = soft_limit.reached() => return Ok(imported),
///         }
///     }
/// }
/// ```
pub fn soft_limit() -> SoftLimit {
    SURROUNDINGS
        .try_with(|here| here.soft_limit.get_or_init(SoftLimit::default).clone())
        .unwrap_or_default()
}

impl SoftLimit {
    /// Waits until the limit is reached.
    pub async fn reached(&self) {
        self.0.cancelled().await;
    }

    /// Whether it is reached, for code that looks from time to time.
    pub fn is_reached(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Ends the task as `FAILURE` with Celery's `SoftTimeLimitExceeded`; it is not retried.
    pub fn exceeded(&self) -> TaskError {
        request::direct("SoftTimeLimitExceeded".to_owned(), Directive::SoftLimit)
    }

    /// Tells the task.
    pub(crate) fn tell(&self) {
        self.0.cancel();
    }
}
