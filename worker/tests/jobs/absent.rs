//! Hosts that no worker runs on, and runners that nobody hears of any more.

use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use domain::change::Change;
use domain::ids::{InstanceId, NodeId};
use domain::instance::{InstanceState, InstanceStatus};
use domain::node::{NodeStatus, NodeType};
use domain::redis_keys::{self, WORKERS};
use domain::tasks::TaskCall;
use entities::repo::lifecycle::{self, Transition};
use entities::repo::node_checks::{self, NodeCheck};
use entities::repo::nodes::NodeSpec;
use entities::repo::{assignment, fleet, nodes, runners};
use redis::AsyncCommands as _;
use redis::streams::StreamRangeReply;
use runner_pilot_worker::jobs::dispatch_heartbeats::to_live_instances;
use runner_pilot_worker::jobs::{check_nodes, reconcile_all};
use serde_json::json;

use super::support::{Fixture, RunnerKind};

const AWAY: &str = "away";

impl Fixture {
    /// An active node of type `local`, of another host.
    async fn node_of(&self, host: &str) -> anyhow::Result<NodeId> {
        let (db, now, id) = (&self.context.db, self.context.now(), NodeId::new());
        let spec = NodeSpec {
            name: host.to_owned(),
            node_type: NodeType::Local,
            ip_address: None,
            port: None,
            socket_path: None,
            host: Some(host.to_owned()),
            capacity: 10,
            is_active: true,
        };
        nodes::insert(db, &id, &self.org, &self.user, spec, None, now).await?;
        let active = NodeCheck {
            status: NodeStatus::Active,
            reason: None,
            facts: None,
            checks: json!([]),
        };
        node_checks::record(db, &id, active, now).await?;
        Ok(id)
    }

    /// A worker says that it runs on that host.
    async fn announce_worker_on(&self, host: &str) -> anyhow::Result<()> {
        let now = self.context.now();
        let entry = json!({"host": host, "queues": ["celery", format!("host.{host}")], "concurrency": 1,
            "version": "1", "pid": 1, "started_at": now, "seen_at": now});
        let mut redis = self.redis.connection().await?;
        Ok(redis
            .hset(WORKERS, format!("w@{host}"), entry.to_string())
            .await?)
    }

    /// Moves an instance on without a container.
    async fn walk(&self, id: &InstanceId, states: &[InstanceState]) -> anyhow::Result<()> {
        for to in states {
            let step = Transition {
                to: *to,
                from: &InstanceState::ALL,
                lease_token: None,
                desired: None,
                reason: None,
                message: "A test says so.",
            };
            lifecycle::apply(&self.context.db, id, &step, self.context.now())
                .await?
                .context("the step is not allowed")?;
        }
        Ok(())
    }

    /// What the organisation's stream was told last.
    async fn last_change(&self) -> anyhow::Result<Change> {
        let mut redis = self.redis.connection().await?;
        let entries: StreamRangeReply = redis
            .xrevrange_count(redis_keys::events(&self.org), "+", "-", 1)
            .await?;
        let entry = entries.ids.first().context("nothing was told")?;
        let text: String = entry.get("change").context("an entry without its field")?;
        Ok(serde_json::from_str(&text)?)
    }
}

#[tokio::test]
async fn a_host_without_a_worker_gets_no_task_and_its_node_is_inactive() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let (db, queue) = (&fixture.context.db, "host.away");
    let node = fixture.node_of(AWAY).await?;
    let runner = fixture.runner(RunnerKind::default()).await?;
    let runner = runners::find(db, &fixture.org, &runner)
        .await?
        .context("no runner")?;
    let pending = fleet::insert_instance(db, &runner, &node, fixture.context.now()).await?;
    let live = fleet::insert_instance(db, &runner, &node, fixture.context.now())
        .await?
        .id()?;
    let to_running = [
        InstanceState::Creating,
        InstanceState::Starting,
        InstanceState::Running,
    ];
    fixture.walk(&live, &to_running).await?;

    assert_eq!(
        check_nodes::run(&fixture.context).await?,
        json!({"sent": 1, "unserved": 1})
    );
    let row = assignment::find_node(db, &node).await?.context("no node")?;
    assert_eq!(row.status, "inactive");
    let reason = row.status_reason.unwrap_or_default();
    assert!(reason.contains("No worker runs on host away"), "{reason}");
    let told = Change::NodeChanged {
        node_id: node.clone(),
        status: NodeStatus::Inactive,
    };
    assert_eq!(fixture.last_change().await?, told);
    let period = Duration::from_secs(30);
    assert_eq!(
        to_live_instances(&fixture.context, period, TaskCall::SendHeartbeat).await?,
        0
    );
    fixture.clock.advance(TimeDelta::seconds(61));
    reconcile_all::run(&fixture.context).await?;
    assert_eq!(fixture.context.celery.queue_len(queue).await?, 0);

    // With a worker there, everything goes out again.
    fixture.clock.advance(TimeDelta::seconds(61));
    fixture.announce_worker_on(AWAY).await?;
    assert_eq!(check_nodes::run(&fixture.context).await?["unserved"], 0);
    assert_eq!(
        to_live_instances(&fixture.context, period, TaskCall::SendHeartbeat).await?,
        1
    );
    reconcile_all::run(&fixture.context).await?;
    let queued = fixture.queued(queue).await?;
    let healed = queued
        .iter()
        .find(|(task, ..)| task == "register_runner")
        .context("it was not healed")?;
    assert_eq!(healed.1, json!([pending.uid]));
    assert!(
        healed.2["expires"].is_string(),
        "a healed task lives for ever: {healed:?}"
    );

    // Killed without a word: its entry grows old.
    fixture.clock.advance(TimeDelta::seconds(31));
    assert_eq!(check_nodes::run(&fixture.context).await?["unserved"], 1);
    Ok(())
}

#[tokio::test]
async fn a_runner_that_nobody_hears_of_is_offline_and_no_spare_one() -> anyhow::Result<()> {
    use InstanceState::{Creating, Running, Starting};
    let fixture = Fixture::start().await?;
    let spare = RunnerKind {
        min_idle: 2,
        ..RunnerKind::default()
    };
    let runner = fixture.runner(spare).await?;
    let (silent, heard) = (fixture.instance(&runner).await?, fixture.instance(&runner).await?);
    let last = fixture.context.now();
    for id in [&silent, &heard] {
        fixture.walk(id, &[Creating, Starting, Running]).await?;
        lifecycle::record_status(&fixture.context.db, id, InstanceStatus::Idle, last).await?;
    }
    fixture.clock.advance(TimeDelta::seconds(290));
    let ran = reconcile_all::run(&fixture.context).await?;
    assert_eq!((&ran["offline"], &ran["runners"]), (&json!(0), &json!(0)));

    fixture.clock.advance(TimeDelta::seconds(15));
    let mut redis = fixture.redis.connection().await?;
    // The database is told of a heartbeat once a minute only.
    let _: () = redis.set(redis_keys::runner_status(&heard), "{}").await?;
    let ran = reconcile_all::run(&fixture.context).await?;
    assert_eq!((&ran["offline"], &ran["runners"]), (&json!(1), &json!(1)));
    let row = fixture.row(&silent).await?;
    assert_eq!((row.status.as_str(), row.state.as_str()), ("offline", "running"));
    assert_eq!(
        row.last_heartbeat.map(|at| at.timestamp()),
        Some(last.timestamp()),
        "it was heard of when it was heard of"
    );
    assert_eq!(fixture.row(&heard).await?.status, "idle");
    let told = Change::InstanceChanged {
        runner_id: runner,
        instance_id: silent,
        state: Running,
        status: InstanceStatus::Offline,
    };
    assert_eq!(fixture.last_change().await?, told);
    assert_eq!(reconcile_all::run(&fixture.context).await?["offline"], 0);
    Ok(())
}
