//! Time limits: the soft one tells a task that asked for it, the hard one ends it.

use std::{future::Future, pin::Pin, time::Duration};

use celery::task::TaskOptions;
use serde_json::json;

use crate::{exception::Exception, message::Message, request::SURROUNDINGS};

/// `[hard, soft]` in seconds.
pub(crate) type Limits = [Option<f64>; 2];

/// Which limit a task ran into.
pub(crate) enum Exceeded {
    Hard(f64),
    Soft,
}

impl Exceeded {
    pub(crate) fn exception(&self, task: &str) -> Exception {
        let (exc_type, args) = match self {
            Self::Hard(limit) => ("TimeLimitExceeded", vec![json!(limit)]),
            Self::Soft => ("SoftTimeLimitExceeded", vec![]),
        };
        let mut exception = Exception::bare("billiard.exceptions", exc_type, args);
        if matches!(self, Self::Soft) {
            exception.traceback = Exception::raised("", exc_type, task, "").traceback;
        }
        exception
    }
}

/// The limits of a message, else those set for its task since, else its task's own.
pub(crate) fn limits_of(message: &Message, replaced: Option<Limits>, options: TaskOptions) -> Limits {
    let own = |limit: Option<u32>| limit.filter(|limit| *limit > 0).map(f64::from);
    let [hard, soft] = replaced.unwrap_or_else(|| [own(options.hard_time_limit), own(options.time_limit)]);
    [message.time_limits[0].or(hard), message.time_limits[1].or(soft)]
}

/// Runs a task's future up to its limits. Nothing can be raised inside of it: the soft limit ends it, too, unless it
/// has asked to be told of it.
pub(crate) async fn within<R>(
    [hard, soft]: Limits,
    mut running: Pin<Box<dyn Future<Output = R> + Send + '_>>,
) -> Result<R, Exceeded> {
    let from = tokio::time::Instant::now();
    // A limit beyond all time is none.
    let end = |seconds: f64| from.checked_add(Duration::try_from_secs_f64(seconds).ok()?);
    let hard = hard.and_then(|seconds| Some((seconds, end(seconds)?)));
    let soft = soft
        .and_then(end)
        .filter(|soft| hard.is_none_or(|(_, hard)| *soft < hard));
    if let Some(soft) = soft {
        if let Ok(returned) = tokio::time::timeout_at(soft, &mut running).await {
            return Ok(returned);
        }
        let told = SURROUNDINGS.try_with(|here| here.tell_soft_limit());
        if !told.unwrap_or(false) {
            return Err(Exceeded::Soft);
        }
    }
    match hard {
        None => Ok(running.await),
        Some((seconds, hard)) => tokio::time::timeout_at(hard, running)
            .await
            .map_err(|_| Exceeded::Hard(seconds)),
    }
}
