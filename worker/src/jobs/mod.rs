//! The jobs, one file each: the task as Celery sees it, and `run`, which does the work.
//!
//! A job is idempotent and safe when it is delivered twice at once: what changes an instance holds its
//! lease ([`crate::lease`]), what only looks writes nothing that a second look would contradict.

mod error;
mod expire_status;
mod finish_failed;
mod node_away;
mod outcome;
mod react;
mod stuck;
mod task;

pub mod check_node;
pub mod check_nodes;
pub mod collect_metrics;
pub mod conclude;
pub mod deregister;
pub mod dispatch_heartbeats;
pub mod dispatch_metrics;
pub mod fetch_logs;
pub mod follow_logs;
pub mod prune_expired;
pub mod prune_monitoring;
pub mod reconcile_all;
pub mod reconcile_runner;
pub mod register_runner;
pub mod send_heartbeat;
pub mod sweep_node;
pub mod unregister_runner;

pub use error::JobError;
pub use outcome::{moved, noted};

use celery_redis::WorkerBuilder;

/// Registers every task of [`domain::tasks::ALL`].
pub fn register_all(worker: WorkerBuilder) -> WorkerBuilder {
    worker
        .register::<register_runner::register_runner>()
        .register::<unregister_runner::unregister_runner>()
        .register::<send_heartbeat::send_heartbeat>()
        .register::<collect_metrics::collect_metrics>()
        .register::<reconcile_runner::reconcile_runner>()
        .register::<check_node::check_node>()
        .register::<fetch_logs::fetch_logs>()
        .register::<follow_logs::follow_logs>()
        .register::<dispatch_heartbeats::dispatch_heartbeats>()
        .register::<dispatch_metrics::dispatch_metrics>()
        .register::<reconcile_all::reconcile_all>()
        .register::<check_nodes::check_nodes>()
        .register::<prune_monitoring::prune_monitoring>()
        .register::<prune_expired::prune_expired>()
}
