//! A seam for fault tests: jobs say which step they are about to leave, a test may stop them there.
//!
//! In production nobody listens and a step costs nothing.

use futures::future::{BoxFuture, FutureExt as _};

/// The places between two side effects at which a worker may be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The lease was taken.
    Claimed,
    /// The image is on the node.
    ImageReady,
    /// The container exists and was not started.
    ContainerCreated,
    /// GitHub has registered the runner, nothing was written down.
    Registered,
    /// The runner's id at GitHub was written down.
    RegistrationRecorded,
    /// The container was given its configuration.
    Fed,
    /// The container was started, nothing was written down.
    Started,
    /// The state `starting` was written down.
    RecordedStart,
    /// GitHub has forgotten the runner.
    Deregistered,
    /// The state `stopping` was written down.
    RecordedStopping,
    /// The container was stopped.
    Stopped,
    /// The container was removed, nothing was written down.
    Removed,
    /// An instance was looked at or measured, nothing was written down.
    Looked,
}

/// Hears of every step.
pub trait Steps: Send + Sync {
    /// Called between two side effects; the job goes on when the future ends.
    fn reached(&self, step: Step) -> BoxFuture<'_, ()>;
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Steps for Unobserved {
    fn reached(&self, _: Step) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}
