//! The closed sets of `domain` as the documentation shows them.

use domain::{instance, logs, node, runner};
use poem_openapi::Enum;

/// Mirrors an enum of `domain`: the conversions name every variant, so that a new one fails to compile.
macro_rules! mirror {
    ($($(#[doc = $doc:literal])+ $name:ident = $of:path { $($(#[doc = $says:literal])+ $variant:ident,)+ })+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        #[oai(rename_all = "snake_case")]
        pub enum $name {
            $($(#[doc = $says])+ $variant,)+
        }

        impl From<$name> for $of {
            fn from(word: $name) -> Self {
                match word { $($name::$variant => Self::$variant,)+ }
            }
        }

        impl From<$of> for $name {
            fn from(word: $of) -> Self {
                match word { $(<$of>::$variant => Self::$variant,)+ }
            }
        }
    )+};
}

mirror! {
    /// How a node's engine is reached.
    NodeType = node::NodeType {
        /// By a unix socket's path on the worker's host.
        Socket,
        /// Over TCP, with mutual TLS.
        Remote,
        /// The default engine of the host that a worker runs on.
        Local,
    }
    /// Whether a node's engine answered the last check.
    NodeStatus = node::NodeStatus {
        /// It did.
        Active,
        /// It did not, or was never checked.
        Inactive,
    }
    /// Where a runner is registered.
    RunnerScope = runner::RunnerScope {
        /// At one repository.
        Repo,
        /// At an organisation.
        Org,
    }
    /// What a runner is doing, over all its instances.
    RunnerStatus = runner::RunnerStatus {
        /// No instance of it runs a job.
        Idle,
        /// At least one instance runs a job.
        Busy,
    }
    /// How a container reaches the network.
    NetworkMode = runner::NetworkMode {
        /// The engine's bridge.
        Bridge,
        /// The node's own network; only an admin may set it.
        Host,
    }
    /// Where an instance stands in its life.
    InstanceState = instance::InstanceState {
        /// No worker has taken it yet.
        Pending,
        /// Image, registration and container are being prepared.
        Creating,
        /// The container was started; the runner was not seen online yet.
        Starting,
        /// The runner was seen online.
        Running,
        /// It is to go; a job it runs is waited for.
        Draining,
        /// GitHub no longer knows the runner; the container is being removed.
        Stopping,
        /// No container and no registration; it can be started again.
        Stopped,
        /// Gone for good.
        Removed,
        /// It can't go on by itself; `state_reason` says why.
        Failed,
    }
    /// What a person wants of an instance.
    DesiredState = instance::DesiredState {
        /// A registered runner in a running container.
        Running,
        /// No container and no registration, but ready to be started again.
        Stopped,
        /// Gone.
        Removed,
    }
    /// What the runner in an instance is, as last reported.
    InstanceStatus = instance::InstanceStatus {
        /// Connected to GitHub; whether it runs a job is not known.
        Online,
        /// Not connected, or not heard of for five minutes.
        Offline,
        /// Running a job.
        Busy,
        /// Connected and waiting for a job.
        Idle,
    }
    /// Why a log is no longer followed.
    LogEnd = logs::LogEnd {
        /// The container has ended, or there is none.
        Ended,
        /// The node does not answer or broke off.
        NodeUnavailable,
        /// The worker that followed has stopped; connect again.
        WorkerStopped,
        /// The worker follows as many logs as it can; try again later.
        Busy,
        /// No worker answered; check that one runs and reaches the node.
        NoWorker,
        /// Lines may have been lost on the way; connect again.
        Overrun,
    }
}

/// What an entry on a timeline is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum EventKind {
    /// The instance's state changed.
    State,
    /// Work on it goes on.
    Progress,
    /// Something did not work, and is tried again.
    Warning,
    /// The last lines of the container's log, for who may read logs.
    Log,
}

impl EventKind {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Progress => "progress",
            Self::Warning => "warning",
            Self::Log => "log",
        }
    }
}
