//! Start and stop of a process: the TLS provider, signals, and the tasks that must end before it does.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

/// Chooses the cryptography library for every TLS connection of this process.
///
/// Several of our dependencies bring one each, and rustls panics at the first connection when it cannot
/// tell which to use. To be called first in `main` and in the test harness; calling it again does no harm.
pub fn install_crypto_provider() {
    // An error only says that a provider is already installed.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The wish to stop, and the tasks that have to hear of it.
///
/// Cheap to clone; all clones share the same wish and the same tasks.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// A shutdown that only [`Shutdown::trigger`] starts.
    pub fn new() -> Self {
        Self::default()
    }

    /// A shutdown that SIGTERM and SIGINT start. A second signal ends the process at once, so that a
    /// person at a terminal always has a way out.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::new();
        let signals = Signals::listen()?;
        // Not among `tasks`: it listens until the process is gone.
        TaskTracker::new().spawn(signals.watch(shutdown.token.clone()));
        Ok(shutdown)
    }

    /// Fires once, when the process should stop. Loops select on it.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Where background tasks are spawned, so that [`Shutdown::finish`] can wait for them.
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Asks everything to stop.
    pub fn trigger(&self) {
        self.token.cancel();
    }

    /// Waits until a stop is asked for.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Asks everything to stop and waits for the tasks, for at most `grace`. False when some of them are
    /// still running then; they end with the process.
    pub async fn finish(&self, grace: Duration) -> bool {
        self.token.cancel();
        self.tasks.close();
        let ended = tokio::time::timeout(grace, self.tasks.wait()).await.is_ok();
        if !ended {
            warn!(
                tasks = self.tasks.len(),
                grace_secs = grace.as_secs(),
                "some tasks did not stop in time"
            );
        }
        ended
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn watch(mut self, token: CancellationToken) {
        let name = self.next().await.name;
        info!(signal = name, "stopping; a second signal stops at once");
        token.cancel();
        let second = self.next().await;
        warn!(signal = second.name, "stopping at once");
        std::process::exit(128 + second.number);
    }

    async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.terminate.recv() => Received { name: "SIGTERM", number: SignalKind::terminate().as_raw_value() },
            _ = self.interrupt.recv() => Received { name: "SIGINT", number: SignalKind::interrupt().as_raw_value() },
        }
    }
}

struct Received {
    name: &'static str,
    number: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn finishing_waits_for_the_tasks() {
        let shutdown = Shutdown::new();
        let token = shutdown.token();
        let task = shutdown.tasks().spawn(async move { token.cancelled().await });
        assert!(shutdown.finish(Duration::from_secs(5)).await);
        assert!(task.is_finished());
    }

    #[tokio::test]
    async fn a_task_that_never_ends_does_not_hold_up_the_process() {
        let shutdown = Shutdown::new();
        shutdown.tasks().spawn(std::future::pending::<()>());
        assert!(!shutdown.finish(Duration::from_millis(50)).await);
    }

    #[test]
    fn installing_the_provider_twice_does_no_harm() {
        install_crypto_provider();
        install_crypto_provider();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
