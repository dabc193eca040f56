//! Waiting for something to become true, with a deadline and a failure that says what was seen last.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::bail;

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Calls `probe` until it succeeds and returns what it found.
///
/// Errors after `deadline`, naming `what` was awaited and the last error of `probe`. A probe that hangs
/// counts as not having succeeded.
pub async fn eventually<Found, Probe, Looking>(
    deadline: Duration,
    what: &str,
    mut probe: Probe,
) -> anyhow::Result<Found>
where
    Probe: FnMut() -> Looking,
    Looking: Future<Output = anyhow::Result<Found>>,
{
    let start = Instant::now();
    let mut last = "nothing yet: the first look did not return".to_owned();
    loop {
        let left = deadline.saturating_sub(start.elapsed());
        match tokio::time::timeout(left, probe()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => last = format!("{error:#}"),
            Err(_) => {}
        }
        if start.elapsed() + PAUSE >= deadline {
            bail!(
                "waited {:.1} s in vain: {what}; last seen: {last}",
                deadline.as_secs_f64()
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_seen_last_is_told_when_time_runs_out() {
        let mut looks = 0;
        let error = eventually(Duration::from_millis(200), "three runners", || {
            looks += 1;
            async { anyhow::bail!("there are two") as anyhow::Result<()> }
        })
        .await
        .unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("three runners; last seen: there are two"),
            "{error}"
        );
        assert!(looks > 1);
    }

    #[tokio::test]
    async fn a_probe_that_hangs_does_not_outlast_the_deadline() {
        let waited = eventually(Duration::from_millis(100), "an answer", || {
            std::future::pending::<anyhow::Result<()>>()
        });
        assert!(waited.await.is_err());
    }
}
