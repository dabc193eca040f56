//! Listens to the engines' own events, so that the end of a container is known at once and not with the
//! next heartbeat.
//!
//! One worker watches each node: the one that holds its key in Redis. Events only make a heartbeat come
//! sooner; losing some costs half a minute.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::NodeId;
use domain::redis_keys::{self, NODE_WATCH_TTL};
use domain::tasks::TaskCall;
use entities::model::nodes;
use entities::repo::{assignment, fleet};
use futures::StreamExt as _;
use redis::{ExistenceCheck, SetExpiry, SetOptions};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::context::Context;
use crate::nodes::ContainerEventKind;

/// How often nodes are listed and claims renewed; a third of a claim's life.
const ROUND: Duration = Duration::from_secs(5);
/// As many nodes as one worker watches.
const MAX_WATCHED: u64 = 1_000;

/// Watches nodes until `stop`, then gives them up for others. `name` is this worker's own.
pub async fn run(context: Arc<Context>, name: String, stop: CancellationToken) {
    let mut watching = JoinSet::new();
    let mut watched: HashMap<NodeId, AbortHandle> = HashMap::new();
    let mut ticks = tokio::time::interval(ROUND);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => break,
        }
        while watching.try_join_next().is_some() {}
        watched.retain(|_, handle| !handle.is_finished());
        let nodes = match fleet::list_nodes(&context.db, None, MAX_WATCHED).await {
            Ok(nodes) => nodes,
            Err(error) => {
                debug!(%error, "the nodes to watch were not listed");
                continue;
            }
        };
        let reachable = nodes
            .into_iter()
            .filter(|node| node.host.as_deref().is_none_or(|host| host == context.host));
        for node in reachable {
            let mine = claim(&context, &name, &node.id).await;
            if !mine {
                if let Some(handle) = watched.remove(&node.id) {
                    handle.abort();
                }
            } else if let Entry::Vacant(unwatched) = watched.entry(node.id.clone()) {
                unwatched.insert(watching.spawn(watch(Arc::clone(&context), node.id)));
            }
        }
    }
    watching.shutdown().await;
    for node in watched.keys() {
        release(&context, &name, node).await;
    }
}

/// Takes the claim on a node's events, or renews it.
async fn claim(context: &Context, name: &str, node: &NodeId) -> bool {
    let key = redis_keys::node_watch(node);
    let options = SetOptions::default()
        .conditional_set(ExistenceCheck::NX)
        .with_expiration(SetExpiry::EX(NODE_WATCH_TTL.as_secs()));
    let mut redis = context.redis.clone();
    let taken: redis::RedisResult<Option<String>> =
        redis::AsyncCommands::set_options(&mut redis, &key, name, options).await;
    match taken {
        Ok(Some(_)) => return true,
        Ok(None) => {}
        Err(error) => {
            debug!(%error, "a node's watch was not claimed");
            return false;
        }
    }
    // Compare and extend in one step, so that a claim which has passed on is not extended.
    let renewed: redis::RedisResult<i64> = RENEW
        .script()
        .key(&key)
        .arg(name)
        .arg(NODE_WATCH_TTL.as_secs())
        .invoke_async(&mut redis)
        .await;
    renewed.is_ok_and(|renewed| renewed == 1)
}

async fn release(context: &Context, name: &str, node: &NodeId) {
    let released: redis::RedisResult<i64> = RELEASE
        .script()
        .key(redis_keys::node_watch(node))
        .arg(name)
        .invoke_async(&mut context.redis.clone())
        .await;
    if let Err(error) = released {
        debug!(%error, "a node's watch was not given up; it runs out by itself");
    }
}

/// A script's text.
struct Script(&'static str);

impl Script {
    fn script(&self) -> redis::Script {
        redis::Script::new(self.0)
    }
}

const RENEW: Script = Script(
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end return 0",
);
const RELEASE: Script =
    Script("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0");

/// Sends a heartbeat for every container that ends, until the stream breaks; the next round starts anew.
async fn watch(context: Arc<Context>, id: NodeId) {
    let node = match assignment::find_node(&context.db, &id).await {
        Ok(Some(node)) => node,
        Ok(None) => return,
        Err(error) => {
            debug!(%error, "a node to watch was not read");
            return;
        }
    };
    let engine = match context.engine(&node).await {
        Ok(engine) => engine,
        Err(error) => {
            debug!(node.id = %id, %error, "a node is not watched: it does not answer");
            return;
        }
    };
    let mut events = std::pin::pin!(engine.events(&context.install_id));
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => match event.kind {
                ContainerEventKind::Died { .. } => look(&context, &node, event.container.instance).await,
                // Heartbeats chase a start by themselves; what the kernel killed dies next.
                ContainerEventKind::Started | ContainerEventKind::OutOfMemory => {}
            },
            Err(error) => {
                debug!(node.id = %id, %error, "a node's events ended");
                return;
            }
        }
    }
}

async fn look(context: &Context, node: &nodes::Model, instance: domain::ids::InstanceId) {
    let call = TaskCall::SendHeartbeat(instance);
    if let Err(error) = context.send_in(&call, node, Duration::ZERO).await {
        warn!(%error, "the end of a container was not passed on; the next heartbeat finds it");
    }
}
