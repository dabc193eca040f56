//! The engines in use, one per node, with a circuit breaker that outlives reconnects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::ids::NodeId;

use super::breaker::Breaker;
use super::engine::Engine;
use super::error::NodeError;
use super::target::NodeTarget;

/// Hands out one engine per node and keeps it while the node's target stays the same.
#[derive(Debug, Default)]
pub struct EnginePool {
    nodes: Mutex<HashMap<NodeId, Entry>>,
}

#[derive(Debug)]
struct Entry {
    fingerprint: [u8; 32],
    engine: Option<Engine>,
    breaker: Arc<Breaker>,
}

impl EnginePool {
    /// The node's engine: the one in use if its target is unchanged and it had no outage, else a new
    /// connection. Fails at once while the node's circuit is open.
    pub async fn engine(&self, node: &NodeId, target: &NodeTarget) -> Result<Engine, NodeError> {
        let fingerprint = target.fingerprint();
        let breaker = {
            let mut nodes = self.lock();
            let entry = nodes.entry(node.clone()).or_insert_with(|| Entry {
                fingerprint,
                engine: None,
                breaker: Arc::default(),
            });
            if entry.fingerprint != fingerprint {
                // A corrected address must not wait for the old one's pause.
                *entry = Entry {
                    fingerprint,
                    engine: None,
                    breaker: Arc::default(),
                };
            }
            match &entry.engine {
                Some(engine) if !engine.is_stale() => return Ok(engine.clone()),
                Some(_) | None => Arc::clone(&entry.breaker),
            }
        };
        // Not while the lock is held: tasks of other nodes go on, and two first users of this node
        // may both connect; the later connection is the one kept.
        let engine = Engine::connect_with(target, breaker).await?;
        if let Some(entry) = self.lock().get_mut(node)
            && entry.fingerprint == fingerprint
        {
            entry.engine = Some(engine.clone());
        }
        Ok(engine)
    }

    /// How long calls to the node still fail at once, if its circuit is open.
    pub fn left_alone_for(&self, node: &NodeId) -> Option<Duration> {
        self.lock()
            .get(node)
            .and_then(|entry| entry.breaker.closed_in(Instant::now()))
    }

    /// Drops what is kept of a node that was removed.
    pub fn forget(&self, node: &NodeId) {
        self.lock().remove(node);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, Entry>> {
        // Nothing panics while it is held.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
