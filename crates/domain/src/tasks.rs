//! The task contract between the processes: names, arguments and queues. A Python client sends the
//! same tasks with `app.send_task(name, args=[…])`. Arguments are ids only: a message is a hint, the
//! worker reads the truth from the database.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::ids::{InstanceId, LogStreamId, NodeId, RunnerId};

/// Queue of the tasks that change things; Celery's default queue.
pub const QUEUE_DEFAULT: &str = "celery";
/// Queue of the tasks that look at things and of housekeeping.
pub const QUEUE_MONITORING: &str = "monitoring";

/// The queue that only workers of this host consume; for nodes of type `local`.
pub fn host_queue(host: &str) -> String {
    format!("host.{host}")
}

/// Takes a JIT config or token, creates and starts the container, confirms it. Argument: instance id.
pub const REGISTER_RUNNER: &str = "register_runner";
/// Deregisters at GitHub first, then stops and removes the container. Argument: instance id.
pub const UNREGISTER_RUNNER: &str = "unregister_runner";
/// Looks at container and runner and refreshes `runner_status:{id}`. Argument: instance id.
pub const SEND_HEARTBEAT: &str = "send_heartbeat";
/// Samples the container, refreshes `runner_metrics:{id}`, adds a Monitoring row. Argument: instance id.
pub const COLLECT_METRICS: &str = "collect_metrics";
/// Compares desired with observed and sends the tasks above. Argument: runner id.
pub const RECONCILE_RUNNER: &str = "reconcile_runner";
/// Connects to a node, runs the named checks, refreshes its facts. Argument: node id.
pub const CHECK_NODE: &str = "check_node";
/// Reads the last lines of an instance's log and returns them as its result. Arguments: instance id, number of lines.
pub const FETCH_LOGS: &str = "fetch_logs";
/// Follows an instance's log into a stream for as long as somebody looks. Arguments: instance id, stream id, number
/// of earlier lines, and the time (RFC 3339) after which to go on, or null.
pub const FOLLOW_LOGS: &str = "follow_logs";
/// Sends `send_heartbeat` for every live instance. No argument.
pub const DISPATCH_HEARTBEATS: &str = "dispatch_heartbeats";
/// Sends `collect_metrics` for every live instance. No argument.
pub const DISPATCH_METRICS: &str = "dispatch_metrics";
/// Heals what is overdue and sends `reconcile_runner` for every runner that needs it. No argument.
pub const RECONCILE_ALL: &str = "reconcile_all";
/// Sends `check_node` for every node. No argument.
pub const CHECK_NODES: &str = "check_nodes";
/// Removes Monitoring rows past their retention. No argument.
pub const PRUNE_MONITORING: &str = "prune_monitoring";
/// Removes what has no other end: expired refresh tokens, old removed instances' rows. No argument.
pub const PRUNE_EXPIRED: &str = "prune_expired";

/// Every task the worker registers.
pub const ALL: [&str; 14] = [
    REGISTER_RUNNER,
    UNREGISTER_RUNNER,
    SEND_HEARTBEAT,
    COLLECT_METRICS,
    RECONCILE_RUNNER,
    CHECK_NODE,
    FETCH_LOGS,
    FOLLOW_LOGS,
    DISPATCH_HEARTBEATS,
    DISPATCH_METRICS,
    RECONCILE_ALL,
    CHECK_NODES,
    PRUNE_MONITORING,
    PRUNE_EXPIRED,
];

/// A task to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskCall {
    /// [`REGISTER_RUNNER`]
    RegisterRunner(InstanceId),
    /// [`UNREGISTER_RUNNER`]
    UnregisterRunner(InstanceId),
    /// [`SEND_HEARTBEAT`]
    SendHeartbeat(InstanceId),
    /// [`COLLECT_METRICS`]
    CollectMetrics(InstanceId),
    /// [`RECONCILE_RUNNER`]
    ReconcileRunner(RunnerId),
    /// [`CHECK_NODE`]
    CheckNode(NodeId),
    /// [`FETCH_LOGS`] with the number of lines.
    FetchLogs(InstanceId, u32),
    /// [`FOLLOW_LOGS`] with the stream, the number of earlier lines, and after which time's line to begin.
    FollowLogs(InstanceId, LogStreamId, u32, Option<DateTime<Utc>>),
}

impl TaskCall {
    /// The task's registered name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RegisterRunner(_) => REGISTER_RUNNER,
            Self::UnregisterRunner(_) => UNREGISTER_RUNNER,
            Self::SendHeartbeat(_) => SEND_HEARTBEAT,
            Self::CollectMetrics(_) => COLLECT_METRICS,
            Self::ReconcileRunner(_) => RECONCILE_RUNNER,
            Self::CheckNode(_) => CHECK_NODE,
            Self::FetchLogs(..) => FETCH_LOGS,
            Self::FollowLogs(..) => FOLLOW_LOGS,
        }
    }

    /// The positional arguments, as they stand in the message.
    pub fn args(&self) -> Vec<serde_json::Value> {
        match self {
            Self::RegisterRunner(id)
            | Self::UnregisterRunner(id)
            | Self::SendHeartbeat(id)
            | Self::CollectMetrics(id) => {
                vec![id.as_str().into()]
            }
            Self::ReconcileRunner(id) => vec![id.as_str().into()],
            Self::CheckNode(id) => vec![id.as_str().into()],
            Self::FetchLogs(id, lines) => vec![id.as_str().into(), (*lines).into()],
            Self::FollowLogs(id, stream, lines, after) => {
                let after = after.map(|after| after.to_rfc3339_opts(SecondsFormat::Nanos, true));
                vec![
                    id.as_str().into(),
                    stream.as_str().into(),
                    (*lines).into(),
                    after.into(),
                ]
            }
        }
    }

    /// The queue it goes to. `host` is set for a node of type `local`: only a worker there can reach it.
    pub fn queue(&self, host: Option<&str>) -> String {
        match (self, host) {
            // It touches no node itself, so any worker will do.
            (Self::ReconcileRunner(_), _) => QUEUE_DEFAULT.to_owned(),
            (_, Some(host)) => host_queue(host),
            (Self::SendHeartbeat(_) | Self::CollectMetrics(_), None) => QUEUE_MONITORING.to_owned(),
            (
                Self::RegisterRunner(_)
                | Self::UnregisterRunner(_)
                | Self::CheckNode(_)
                | Self::FetchLogs(..)
                | Self::FollowLogs(..),
                None,
            ) => QUEUE_DEFAULT.to_owned(),
        }
    }

    /// After how long it is no longer worth running, given the period at which it is sent again.
    pub fn expires_after(&self, period: Duration) -> Option<Duration> {
        match self {
            Self::SendHeartbeat(_) | Self::CollectMetrics(_) => Some(period),
            // Someone waits for the answer on an open connection, not longer than this.
            Self::FetchLogs(..) | Self::FollowLogs(..) => Some(Duration::from_secs(15)),
            Self::RegisterRunner(_)
            | Self::UnregisterRunner(_)
            | Self::ReconcileRunner(_)
            | Self::CheckNode(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_of_a_local_node_go_to_its_host_and_others_to_the_documented_queues() {
        let id = InstanceId::new();
        assert_eq!(TaskCall::RegisterRunner(id.clone()).queue(None), "celery");
        assert_eq!(TaskCall::SendHeartbeat(id.clone()).queue(None), "monitoring");
        assert_eq!(TaskCall::SendHeartbeat(id).queue(Some("box")), "host.box");
        assert_eq!(
            TaskCall::ReconcileRunner(RunnerId::new()).queue(Some("box")),
            "celery"
        );
    }

    #[test]
    fn every_task_has_a_name_of_its_own() {
        let names: std::collections::HashSet<_> = ALL.into_iter().collect();
        assert_eq!(names.len(), ALL.len());
    }
}
