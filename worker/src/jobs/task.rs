//! Between Celery and a job: arguments in, outcome or [`JobError`] out.

use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use celery::error::TaskError;
use celery_redis::{current_request, data, fail, retry_in};
use process::telemetry::redact;

use super::JobError;
use crate::context::Context;

/// The longest growing pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Runs a job with the worker's context and turns its end into Celery's.
pub async fn run<T, Running>(job: impl FnOnce(Arc<Context>) -> Running) -> Result<T, TaskError>
where
    Running: Future<Output = Result<T, JobError>>,
{
    let context = data::<Context>()?;
    job(context).await.map_err(|error| task_error(&error))
}

/// An argument that is an id; anything else is the sender's mistake and is not tried again.
pub fn id<T: FromStr<Err = domain::Invalid>>(argument: &str) -> Result<T, TaskError> {
    argument
        .parse()
        .map_err(|error: domain::Invalid| fail("ValueError", format!("the argument {error}")))
}

fn task_error(error: &JobError) -> TaskError {
    // Errors of libraries pass through here last before they are stored and shown.
    let reason = redact(error.reason()).into_owned();
    match error {
        JobError::Fail { .. } => fail("JobFailed", reason),
        JobError::Retry { after, .. } => {
            let retries = current_request().map_or(0, |request| request.retries);
            retry_in(after.unwrap_or_else(|| growing_pause(retries)), reason)
        }
    }
}

/// 2, 4, 8 … seconds up to the longest, the upper half by chance, so that many do not come at once.
pub fn growing_pause(attempt: u32) -> Duration {
    let ceiling = Duration::from_secs(2 << attempt.min(10)).min(LONGEST_PAUSE);
    let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
    // Each state is seeded by the system: chance enough for jitter.
    let chance = RandomState::new().hash_one(attempt);
    Duration::from_millis(millis / 2 + chance % (millis / 2 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        for attempt in 0..40 {
            let pause = growing_pause(attempt);
            let ceiling = Duration::from_secs(2_u64 << attempt.min(10)).min(LONGEST_PAUSE);
            assert!(pause <= ceiling && pause >= ceiling / 2, "{attempt}: {pause:?}");
        }
    }
}
