//! What is done how often: one table.

use std::time::Duration;

use celery_redis::Signature;
use celery_redis::beat::Entry;
use domain::tasks::{
    CHECK_NODES, DISPATCH_HEARTBEATS, DISPATCH_METRICS, PRUNE_EXPIRED, PRUNE_MONITORING, QUEUE_MONITORING,
    RECONCILE_ALL,
};

use crate::settings::Periods;

/// How often old rows are removed.
const PRUNE: Duration = Duration::from_hours(1);

/// The periodic tasks, each with its period. All go to the queue `monitoring`.
pub fn table(periods: &Periods) -> [(&'static str, Duration); 6] {
    [
        (DISPATCH_HEARTBEATS, periods.heartbeat),
        (DISPATCH_METRICS, periods.metrics),
        (RECONCILE_ALL, periods.reconcile),
        (CHECK_NODES, periods.node_check),
        (PRUNE_MONITORING, PRUNE),
        (PRUNE_EXPIRED, PRUNE),
    ]
}

/// The entries of the beat. A tick that no worker could serve within its period has been overtaken by the
/// next one, so it expires: ticks never pile up.
pub fn entries(periods: &Periods) -> Vec<Entry> {
    table(periods)
        .into_iter()
        .map(|(task, period)| {
            let signature = Signature::new(task).queue(QUEUE_MONITORING).ignore_result(true);
            Entry::every(task, period, signature).expires(period)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIODS: Periods = Periods {
        heartbeat: Duration::from_secs(1),
        metrics: Duration::from_secs(2),
        reconcile: Duration::from_secs(3),
        node_check: Duration::from_secs(4),
    };

    #[test]
    fn every_scheduled_task_is_one_that_workers_know_and_stands_once() {
        let names: std::collections::HashSet<_> = table(&PERIODS).iter().map(|(task, _)| *task).collect();
        assert_eq!(names.len(), table(&PERIODS).len());
        assert!(names.iter().all(|name| domain::tasks::ALL.contains(name)));
    }

    #[test]
    fn every_task_without_arguments_is_scheduled() {
        let periodic = domain::tasks::ALL.iter().filter(|name| {
            name.starts_with("dispatch_")
                || name.starts_with("prune_")
                || ["reconcile_all", "check_nodes"].contains(name)
        });
        let scheduled = table(&PERIODS).map(|(task, _)| task);
        for name in periodic {
            assert!(scheduled.contains(name), "{name} is never sent");
        }
    }
}
