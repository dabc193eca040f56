//! The node driver: everything that is asked of a Docker engine, over a unix socket or mutual TLS.
//!
//! It knows nothing of the database, Redis or GitHub. A node's engine is untrusted: each reply has a
//! bound on its size and time, ids are checked before they go into a path, and a container is touched
//! only after its labels were read and found to be ours. Start with [`EnginePool`], which hands out an
//! [`Engine`] per node, then [`Engine::create_or_adopt`].

mod address;
mod breaker;
mod check;
mod container;
mod dial;
mod disk;
mod engine;
mod error;
mod events;
mod exec;
mod facts;
mod host;
mod image;
mod input;
mod logs;
mod pool;
mod spec;
mod stats;
mod target;
mod tls;

pub use check::{Check, NodeReport, check};
pub use container::{ContainerId, ContainerState, Created, FoundContainer, OwnedContainer};
pub use engine::Engine;
pub use error::NodeError;
pub use events::{ContainerEvent, ContainerEventKind};
pub use exec::{ExecCommand, ExecOutcome};
pub use facts::NodeFacts;
pub use host::HostFigures;
pub use image::{ImageOutcome, PullProgress};
pub use input::Fed;
pub use pool::EnginePool;
pub use spec::ContainerSpec;
pub use stats::{Sample, Usage, percent};
pub use target::{NodeTarget, TlsMaterial};
