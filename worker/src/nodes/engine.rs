//! One engine: its connections, the API version it was found to speak, and the bounds on each call.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bollard::errors::Error as BollardError;
use bollard::{ClientVersion, Docker};

use super::address::{self, Endpoint};
use super::breaker::Breaker;
use super::dial::{self, Connector};
use super::disk::DiskMemory;
use super::error::NodeError;
use super::target::NodeTarget;

/// What most calls are given.
pub(super) const CALL: Duration = Duration::from_secs(10);
/// What creating and starting are given: an engine under load is slow there.
pub(super) const CREATE: Duration = Duration::from_secs(30);

/// The oldest API that has everything used here (one-shot stats came with it): Docker 20.10.
pub(super) const OLDEST_API: (usize, usize) = (1, 41);

/// The largest reply of an ordinary call; a list of a thousand containers is about 2 MiB.
const MAX_REPLY: u64 = 8 << 20;
/// The largest whole stream of events or pull progress.
const MAX_STREAM: u64 = 64 << 20;

/// A connection to one node's engine; clones share it.
#[derive(Debug, Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    calls: Docker,
    streams: Docker,
    breaker: Arc<Breaker>,
    stale: AtomicBool,
    /// Whether the engine is on this host, as far as the way to it tells.
    by_socket: bool,
    disk: DiskMemory,
}

impl Engine {
    /// Connects on its own, outside a pool: resolves and checks the address, negotiates the API version.
    pub async fn connect(target: &NodeTarget) -> Result<Self, NodeError> {
        Self::connect_with(target, Arc::default()).await
    }

    pub(super) async fn connect_with(target: &NodeTarget, breaker: Arc<Breaker>) -> Result<Self, NodeError> {
        let endpoint = match address::locate(target).await {
            Ok(endpoint) => endpoint,
            Err(error) => {
                if error.is_outage() {
                    breaker.failed(Instant::now(), &error);
                }
                return Err(error);
            }
        };
        let by_socket = matches!(endpoint, Endpoint::Unix(_));
        let connector = Connector::new(endpoint, MAX_REPLY)?;
        let engine = Self::over(&connector, &breaker, by_socket, None)?;
        let spoken = engine.call("version", CALL, engine.docker().version()).await?;
        let version = agreed_version(spoken.api_version.as_deref())?;
        Self::over(&connector, &breaker, by_socket, Some(&version))
    }

    fn over(
        connector: &Connector,
        breaker: &Arc<Breaker>,
        by_socket: bool,
        version: Option<&ClientVersion>,
    ) -> Result<Self, NodeError> {
        Ok(Self {
            inner: Arc::new(Inner {
                calls: dial::client(connector.clone(), version)?,
                streams: dial::client(connector.with_max_reply(MAX_STREAM), version)?,
                breaker: Arc::clone(breaker),
                stale: AtomicBool::new(false),
                by_socket,
                disk: DiskMemory::default(),
            }),
        })
    }

    /// The API version in use, for example `1.41`.
    pub fn api_version(&self) -> String {
        self.docker().client_version().to_string()
    }

    /// Whether an outage was seen since it was made; the pool then makes a new one, so that a name is
    /// resolved again.
    pub(super) fn is_stale(&self) -> bool {
        self.inner.stale.load(Ordering::Relaxed)
    }

    pub(super) fn docker(&self) -> &Docker {
        &self.inner.calls
    }

    pub(super) fn streams(&self) -> &Docker {
        &self.inner.streams
    }

    pub(super) fn by_socket(&self) -> bool {
        self.inner.by_socket
    }

    pub(super) fn disk_memory(&self) -> &DiskMemory {
        &self.inner.disk
    }

    /// Runs one call within `limit`, if the node's circuit lets it, and keeps count of outages.
    pub(super) async fn call<T>(
        &self,
        operation: &'static str,
        limit: Duration,
        work: impl Future<Output = Result<T, BollardError>>,
    ) -> Result<T, NodeError> {
        self.guarded(operation, limit, async {
            work.await
                .map_err(|error| NodeError::from_bollard(operation, &error))
        })
        .await
    }

    /// As [`Self::call`], for work of several steps.
    pub(super) async fn guarded<T>(
        &self,
        operation: &'static str,
        limit: Duration,
        work: impl Future<Output = Result<T, NodeError>>,
    ) -> Result<T, NodeError> {
        self.inner.breaker.admit(Instant::now(), limit)?;
        let outcome = tokio::time::timeout(limit, work)
            .await
            .unwrap_or(Err(NodeError::Timeout { operation, limit }));
        match &outcome {
            Err(error) if error.is_outage() => {
                self.inner.stale.store(true, Ordering::Relaxed);
                self.inner.breaker.failed(Instant::now(), error);
            }
            Ok(_) | Err(_) => self.inner.breaker.answered(),
        }
        outcome
    }
}

/// The newest version that both sides speak. What the engine says is checked: it may say anything.
fn agreed_version(spoken: Option<&str>) -> Result<ClientVersion, NodeError> {
    let parsed = spoken.and_then(|text| {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse::<usize>().ok()?, minor.parse::<usize>().ok()?))
    });
    let Some(engine) = parsed else {
        return Err(NodeError::Malformed {
            operation: "version",
            message: "it names no API version; is this a Docker engine?".into(),
        });
    };
    if engine < OLDEST_API {
        return Err(NodeError::ApiTooOld(format!("{}.{}", engine.0, engine.1)));
    }
    let ours = bollard::API_DEFAULT_VERSION;
    let (major_version, minor_version) = engine.min((ours.major_version, ours.minor_version));
    Ok(ClientVersion {
        major_version,
        minor_version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_newest_that_both_speak() {
        assert_eq!(agreed_version(Some("1.41")).unwrap().to_string(), "1.41");
        assert_eq!(
            agreed_version(Some("9.99")).unwrap().to_string(),
            bollard::API_DEFAULT_VERSION.to_string()
        );
        assert_eq!(
            agreed_version(Some("1.40")).unwrap_err(),
            NodeError::ApiTooOld("1.40".into())
        );
        for text in [None, Some(""), Some("1"), Some("1.x"), Some("../1.41")] {
            assert!(
                matches!(agreed_version(text), Err(NodeError::Malformed { .. })),
                "{text:?}"
            );
        }
    }
}
