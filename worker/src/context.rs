//! What every job of one worker shares.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use celery_redis::{Client, Signature};
use chrono::{DateTime, Utc};
use domain::Clock;
use domain::ids::InstanceId;
use domain::keyring::Keyring;
use domain::node::NodeType;
use domain::tasks::TaskCall;
use entities::DatabaseConnection;
use entities::model::nodes;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use url::Url;

use crate::follow::Followers;
use crate::github_access::GithubAccess;
use crate::jobs::JobError;
use crate::node_access::{self, Reach};
use crate::nodes::{Engine, EnginePool, Sample};
use crate::presence;
use crate::sample_buffer::SampleBuffer;
use crate::settings::MonitoringSettings;
use crate::steps::{Step, Steps};

/// Longest time to wait for Redis, so that a hung one costs a retry and not a slot.
const REDIS_TIMEOUT: Duration = Duration::from_secs(3);
/// As many instances' last samples as are remembered.
const MAX_REMEMBERED: usize = 10_000;

/// What every job of one worker shares.
pub struct Context {
    /// The truth.
    pub db: DatabaseConnection,
    /// Status, metrics and events.
    pub redis: ConnectionManager,
    /// Sends tasks.
    pub celery: Client,
    /// Opens secrets.
    pub keyring: Keyring,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The label value that marks containers as ours.
    pub install_id: String,
    /// This worker's machine, as nodes of type `local` name it.
    pub host: String,
    /// Where this host's default engine is.
    pub docker_host: Option<String>,
    /// Whether a remote node without TLS may be elsewhere than on loopback.
    pub allow_plain_tcp_nodes: bool,
    /// Where runners without a credential register.
    pub github_url: Url,
    /// How often things are looked at.
    pub monitoring: MonitoringSettings,
    /// The engines in use.
    pub engines: EnginePool,
    /// GitHub.
    pub github: GithubAccess,
    /// Samples on their way to the database.
    pub samples: SampleBuffer,
    /// The previous sample of each instance.
    pub last_samples: LastSamples,
    /// Logs that are followed.
    pub followers: Followers,
    /// Hears of every step; nobody in production.
    pub steps: Arc<dyn Steps>,
}

impl Context {
    /// The current time, UTC.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Says that a job is between two side effects.
    pub async fn reached(&self, step: Step) {
        self.steps.reached(step).await;
    }

    /// What this worker's settings say of reaching engines.
    pub fn reach(&self) -> Reach<'_> {
        Reach {
            docker_host: self.docker_host.as_deref(),
            allow_plain_tcp: self.allow_plain_tcp_nodes,
        }
    }

    /// A node's engine.
    ///
    /// A node that is local to another host is out of reach here: this host's own engine would answer, and
    /// know nothing of its containers.
    pub async fn engine(&self, node: &nodes::Model) -> Result<Engine, JobError> {
        let local = node.r#type == NodeType::Local.as_str();
        if let Some(host) = node.host.as_deref().filter(|host| local && *host != self.host) {
            return Err(JobError::retry(format!(
                "the node is the host {host} itself; only a worker that runs there reaches it"
            )));
        }
        let target = node_access::target_of(node, &self.keyring, self.reach())?;
        Ok(self.engines.engine(&node_access::id_of(node)?, &target).await?)
    }

    /// The hosts whose tasks somebody takes: this one, and those of the other workers.
    pub async fn served_hosts(&self) -> redis::RedisResult<HashSet<String>> {
        let mut hosts = presence::served_hosts(&self.redis, self.now()).await?;
        hosts.insert(self.host.clone());
        Ok(hosts)
    }

    /// Sends a task to the workers that can reach this node, after a delay.
    pub async fn send_in(
        &self,
        call: &TaskCall,
        node: &nodes::Model,
        delay: Duration,
    ) -> Result<(), JobError> {
        let mut signature = self.signature(call, node.queue_host());
        if !delay.is_zero() {
            signature = signature.countdown(delay);
        }
        self.celery.send(&signature).await?;
        Ok(())
    }

    /// A task as it is sent. `host` is set for what only workers of that host can reach.
    pub fn signature(&self, call: &TaskCall, host: Option<&str>) -> Signature {
        let signature = Signature::new(call.name())
            .args(call.args())
            .queue(call.queue(host))
            .ignore_result(true);
        match call.expires_after(self.monitoring.heartbeat_interval) {
            Some(after) => signature.expires_in(after),
            None => signature,
        }
    }
}

/// Opens the way to Redis: made at the first use, made again when it breaks.
pub fn redis_connection(url: &str) -> redis::RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(REDIS_TIMEOUT))
        .set_response_timeout(Some(REDIS_TIMEOUT))
        .set_number_of_retries(1);
    ConnectionManager::new_lazy_with_config(redis::Client::open(url)?, config)
}

/// The previous counters of each instance, for the CPU share between two samples. Only in this process:
/// another worker's first sample falls back to the share since the container's start.
#[derive(Debug, Default)]
pub struct LastSamples(Mutex<HashMap<InstanceId, Sample>>);

impl LastSamples {
    /// Remembers a sample and hands out the one before.
    pub fn replace(&self, id: &InstanceId, sample: Sample) -> Option<Sample> {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() >= MAX_REMEMBERED && !samples.contains_key(id) {
            // The next samples fall back once, which is cheaper than knowing who is gone.
            samples.clear();
        }
        samples.insert(id.clone(), sample)
    }

    /// Forgets an instance that is gone.
    pub fn forget(&self, id: &InstanceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}
