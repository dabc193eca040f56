//! The fleet at a glance: from the database in a fixed number of queries, and from Redis what waits and
//! who works.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::redis_keys::WORKERS;
use domain::tasks::{QUEUE_DEFAULT, QUEUE_MONITORING, host_queue};
use domain::worker::WorkerEntry;
use entities::repo::overview::{self, NodeUse};
use futures::future::try_join_all;
use redis::AsyncCommands as _;

use crate::access::OrgAccess;
use crate::context::Context;
use crate::dto::overview::{Overview, QueueView, WorkerView, amount};
use crate::error::{ApiError, chain};

/// How far back failures are told.
const RECENT: TimeDelta = TimeDelta::hours(24);
/// How many failures are told.
const MAX_FAILURES: u64 = 10;
/// How many nodes are told.
const MAX_NODES: u64 = 500;
/// How long Redis may take.
const REDIS_TIMEOUT: Duration = Duration::from_secs(2);

/// What there is, what failed, what waits and who works.
pub async fn read(context: &Context, access: &OrgAccess) -> Result<Overview, ApiError> {
    let (db, org, now) = (&context.db, &access.org_id, context.now());
    let instances = overview::count_instances(db, org).await?;
    let runners = overview::count_runners(db, org).await?;
    let nodes = overview::list_node_use(db, org, MAX_NODES).await?;
    let failures = overview::list_failures(db, org, now - RECENT, MAX_FAILURES).await?;
    let names = queue_names(&nodes);
    let asked = tokio::time::timeout(REDIS_TIMEOUT, async {
        tokio::join!(queues(context, names.clone()), workers(context, &names, now))
    });
    let (queues, workers) = asked.await.unwrap_or_else(|_| {
        tracing::warn!("Redis does not answer: an overview goes without queues and workers");
        (None, None)
    });
    Ok(Overview::of(
        &instances, &runners, nodes, failures, queues, workers,
    ))
}

/// The queues that this organisation's tasks go through.
fn queue_names(nodes: &[NodeUse]) -> Vec<String> {
    let mut hosts: Vec<&str> = nodes.iter().filter_map(|node| node.host.as_deref()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    [QUEUE_DEFAULT, QUEUE_MONITORING]
        .map(str::to_owned)
        .into_iter()
        .chain(hosts.into_iter().map(host_queue))
        .collect()
}

async fn queues(context: &Context, names: Vec<String>) -> Option<Vec<QueueView>> {
    let counted = try_join_all(names.into_iter().map(|name| async move {
        let waiting = amount(context.tasks.queue_len(&name).await?);
        Ok::<_, celery_redis::Error>(QueueView { name, waiting })
    }));
    counted
        .await
        .inspect_err(|error| tracing::warn!(error = %chain(error), "the queues were not counted"))
        .ok()
}

/// The workers that take such tasks and were seen within three of their own refreshes.
async fn workers(context: &Context, queues: &[String], now: DateTime<Utc>) -> Option<Vec<WorkerView>> {
    let entries: redis::RedisResult<HashMap<String, String>> = context.redis.clone().hgetall(WORKERS).await;
    let entries = entries
        .inspect_err(|error| tracing::warn!(error = %chain(error), "the workers were not listed"))
        .ok()?;
    let mut workers: Vec<WorkerView> = entries
        .into_iter()
        .filter_map(|(name, json)| Some((name, serde_json::from_str::<WorkerEntry>(&json).ok()?)))
        .filter(|(_, entry)| entry.is_alive(now))
        .filter_map(|(name, entry)| {
            let mut taken = entry.queues;
            // The names of other organisations' hosts are no business of this one.
            taken.retain(|queue| queues.contains(queue));
            (!taken.is_empty()).then_some(WorkerView {
                name,
                queues: taken,
                concurrency: entry.concurrency,
                version: entry.version,
                started_at: entry.started_at,
                seen_at: entry.seen_at,
            })
        })
        .collect();
    workers.sort_by(|one, other| one.name.cmp(&other.name));
    Some(workers)
}
