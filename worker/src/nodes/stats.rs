//! What a container uses: raw counters of one moment, and the percentages between two.

use std::collections::HashMap;

use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::StatsOptions;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use serde::{Deserialize, Serialize};

use super::container::OwnedContainer;
use super::engine::{CALL, Engine};
use super::error::NodeError;

/// The counters of one moment. It is serialisable, because the next sample may be taken by another worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When the engine read them, by its clock.
    pub read_at: Option<DateTime<Utc>>,
    /// CPU time the container has used since it started, in nanoseconds.
    pub cpu_ns: u64,
    /// CPU time of the whole node over all its CPUs, idle time included, in nanoseconds.
    pub system_ns: u64,
    /// How many CPUs the node has.
    pub node_cpus: u32,
    /// Memory in use without the page cache that could be dropped at once, in bytes.
    pub memory_bytes: u64,
    /// The memory limit, in bytes; the node's memory if there is none.
    pub memory_limit_bytes: u64,
    /// The used share of the filesystem behind the container's root, in percent; `None` if it can't be
    /// known there.
    pub disk_percent: Option<f64>,
}

/// Percentages, not rounded and not bounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Share of the CPU time that the container may use; `None` without an earlier sample of the same run.
    pub cpu: Option<f64>,
    /// Share of its memory limit.
    pub memory: f64,
    /// Used share of the filesystem behind its root; `None` if it can't be known there.
    pub disk: Option<f64>,
}

impl Engine {
    /// Reads the counters once, without the engine's one-second window. A container that does not run is
    /// a [`NodeError::Conflict`].
    pub async fn sample(&self, container: &OwnedContainer) -> Result<Sample, NodeError> {
        let options = StatsOptions {
            stream: false,
            one_shot: true,
        };
        let mut replies = self.docker().stats(container.id.as_str(), Some(options));
        let stats = self
            .guarded("read stats", CALL, async {
                match replies.next().await {
                    Some(Ok(stats)) => Ok(stats),
                    Some(Err(error)) => Err(NodeError::from_bollard("read stats", &error)),
                    None => Err(NodeError::Malformed {
                        operation: "read stats",
                        message: "it is empty".into(),
                    }),
                }
            })
            .await?;
        let counters = counters(stats)
            .ok_or_else(|| NodeError::Conflict(format!("container {} does not run", container.id)))?;
        Ok(Sample {
            disk_percent: self.disk_percent(container).await,
            ..counters
        })
    }
}

/// The share of what it may use, between two samples: Docker's own formula, but relative to the
/// container's CPU limit instead of to one CPU. `cpu_limit` is in CPUs; `None` means all of the node's.
/// An earlier sample of a previous run (its counter is larger) counts as none.
pub fn percent(previous: Option<&Sample>, current: &Sample, cpu_limit: Option<f64>) -> Usage {
    let cpu = previous.and_then(|previous| {
        let used = current.cpu_ns.checked_sub(previous.cpu_ns)?;
        let passed = current
            .system_ns
            .checked_sub(previous.system_ns)
            .filter(|ns| *ns > 0)?;
        let node_cpus = f64::from(current.node_cpus.max(1));
        let cpus_used = as_f64(used) / as_f64(passed) * node_cpus;
        let may_use = cpu_limit.filter(|limit| *limit > 0.0).unwrap_or(node_cpus);
        Some(cpus_used / may_use.min(node_cpus) * 100.0)
    });
    let memory = match current.memory_limit_bytes {
        0 => 0.0,
        limit => as_f64(current.memory_bytes) / as_f64(limit) * 100.0,
    };
    Usage {
        cpu,
        memory,
        disk: current.disk_percent,
    }
}

fn counters(stats: ContainerStatsResponse) -> Option<Sample> {
    let cpu = stats.cpu_stats?;
    let usage = cpu.cpu_usage?;
    let memory = stats.memory_stats?;
    // The engine answers for an ended container too, with no system counter and no memory.
    let system_ns = cpu.system_cpu_usage.filter(|ns| *ns > 0)?;
    let per_cpu = usage
        .percpu_usage
        .and_then(|list| u32::try_from(list.len()).ok())
        .unwrap_or_default();
    let droppable = inactive_file(memory.stats.as_ref());
    let used = memory.usage?;
    Some(Sample {
        read_at: stats.read,
        cpu_ns: usage.total_usage?,
        system_ns,
        node_cpus: cpu.online_cpus.filter(|n| *n > 0).unwrap_or(per_cpu),
        memory_bytes: used.saturating_sub(droppable),
        memory_limit_bytes: memory.limit.unwrap_or_default(),
        disk_percent: None,
    })
}

/// Page cache not used lately: `total_inactive_file` under cgroup v1, `inactive_file` under v2.
fn inactive_file(stats: Option<&HashMap<String, u64>>) -> u64 {
    stats
        .and_then(|stats| {
            stats
                .get("total_inactive_file")
                .or_else(|| stats.get("inactive_file"))
        })
        .copied()
        .unwrap_or_default()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a percentage of a counter needs few of its digits"
)]
fn as_f64(counter: u64) -> f64 {
    counter as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu_ns: u64, system_ns: u64) -> Sample {
        Sample {
            read_at: None,
            cpu_ns,
            system_ns,
            node_cpus: 4,
            memory_bytes: 256,
            memory_limit_bytes: 1024,
            disk_percent: Some(12.5),
        }
    }

    #[test]
    fn cpu_is_relative_to_the_limit() {
        // 4 CPUs for one second is 4e9; the container used one CPU for half of it.
        let (before, after) = (sample(0, 0), sample(500_000_000, 4_000_000_000));
        let cpu = |limit| percent(Some(&before), &after, limit).cpu.unwrap();
        assert!((cpu(Some(1.0)) - 50.0).abs() < 1e-9);
        assert!((cpu(Some(0.5)) - 100.0).abs() < 1e-9);
        assert!((cpu(None) - 12.5).abs() < 1e-9);
        // A limit above what the node has can't be used.
        assert!((cpu(Some(64.0)) - 12.5).abs() < 1e-9);
    }

    #[test]
    fn a_first_sample_and_one_of_an_earlier_run_give_no_cpu() {
        let now = sample(5, 10);
        assert_eq!(percent(None, &now, Some(1.0)).cpu, None);
        assert_eq!(percent(Some(&sample(9, 5)), &now, Some(1.0)).cpu, None);
        assert_eq!(percent(Some(&now), &now, Some(1.0)).cpu, None);
        assert!((percent(None, &now, None).memory - 25.0).abs() < 1e-9);
    }

    #[test]
    fn cache_that_could_be_dropped_is_not_use() {
        let reply = |stats: serde_json::Value| -> ContainerStatsResponse {
            serde_json::from_value(serde_json::json!({
                "cpu_stats": {"cpu_usage": {"total_usage": 7}, "system_cpu_usage": 9, "online_cpus": 2},
                "memory_stats": {"usage": 100, "limit": 400, "stats": stats},
            }))
            .unwrap()
        };
        for (stats, used) in [
            (
                serde_json::json!({"total_inactive_file": 40, "inactive_file": 1}),
                60,
            ),
            (serde_json::json!({"inactive_file": 30}), 70),
            (serde_json::json!({"inactive_file": 300}), 0),
        ] {
            assert_eq!(counters(reply(stats)).unwrap().memory_bytes, used);
        }
    }

    #[test]
    fn an_ended_container_has_no_counters() {
        let reply = serde_json::json!({"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}});
        assert_eq!(counters(serde_json::from_value(reply).unwrap()), None);
    }
}
