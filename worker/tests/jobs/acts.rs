//! What the tests do to instances, containers and nodes behind the jobs' backs.

use std::sync::Arc;

use anyhow::Context as _;
use domain::ids::InstanceId;
use domain::instance::{DesiredState, InstanceState};
use domain::node::NodeType;
use entities::repo::nodes::NodeSpec;
use entities::repo::{lifecycle, nodes};
use runner_pilot_worker::context::Context;
use runner_pilot_worker::steps::Unobserved;

use super::support::Fixture;

impl Fixture {
    /// Moves an instance to `draining`, as the api does.
    pub async fn drain(&self, id: &InstanceId, desired: DesiredState) -> anyhow::Result<()> {
        let step = lifecycle::Transition {
            to: InstanceState::Draining,
            from: &InstanceState::ALL,
            lease_token: None,
            desired: Some(desired),
            reason: None,
            message: "A test wants it so.",
        };
        lifecycle::apply(&self.context.db, id, &step, self.context.now())
            .await?
            .context("it could not be drained")?;
        Ok(())
    }

    /// Writes another runner's id at GitHub into an instance's row.
    pub async fn write_github_id(&self, id: &InstanceId, github_id: Option<i64>) -> anyhow::Result<()> {
        let token = uuid::Uuid::new_v4().to_string();
        let now = self.context.now();
        let lease = lifecycle::Lease {
            token: &token,
            until: now + chrono::TimeDelta::minutes(1),
        };
        lifecycle::claim(&self.context.db, id, &InstanceState::ALL, &lease, now)
            .await?
            .context("it could not be claimed")?;
        let observed = lifecycle::Observed {
            github_runner_id: Some(github_id),
            ..lifecycle::Observed::default()
        };
        lifecycle::record(&self.context.db, id, &token, observed, now).await?;
        Ok(lifecycle::release_lease(&self.context.db, id, &token).await?)
    }

    /// Freezes an instance's container.
    pub async fn pause(&self, id: &InstanceId) -> anyhow::Result<()> {
        let container = self
            .row(id)
            .await?
            .instance_identifier
            .context("it has no container")?;
        Ok(self.engine.docker().pause_container(&container).await?)
    }

    /// Lets a frozen container go on.
    pub async fn resume(&self, id: &InstanceId) -> anyhow::Result<()> {
        let container = self
            .row(id)
            .await?
            .instance_identifier
            .context("it has no container")?;
        Ok(self.engine.docker().unpause_container(&container).await?)
    }

    /// Points the node at a socket where nothing listens; the worker that believes in it.
    pub async fn unreachable_node(&self) -> anyhow::Result<Context> {
        self.point_node_at("/run/runner-pilot-tests/nothing.sock").await?;
        self.other_worker(Arc::new(Unobserved)).await
    }

    /// Points the node at the engine again.
    pub async fn reachable_node(&self) -> anyhow::Result<()> {
        let socket = self
            .engine
            .socket()
            .context("these tests need the engine's socket")?;
        self.point_node_at(&socket.display().to_string()).await
    }

    async fn point_node_at(&self, socket: &str) -> anyhow::Result<()> {
        let spec = NodeSpec {
            name: "here".to_owned(),
            node_type: NodeType::Socket,
            ip_address: None,
            port: None,
            socket_path: Some(socket.to_owned()),
            host: None,
            capacity: 100,
            is_active: true,
        };
        let (db, now) = (&self.context.db, self.context.now());
        nodes::update(db, &self.org, &self.node, spec, None, false, now)
            .await?
            .context("there is no such node")?;
        Ok(())
    }

    /// Writes down that an instance is removed without touching its container.
    pub async fn forget_container(&self, id: &InstanceId) -> anyhow::Result<()> {
        use InstanceState::{Draining, Removed, Stopping};
        self.drain(id, DesiredState::Removed).await?;
        for (from, to) in [(Draining, Stopping), (Stopping, Removed)] {
            let step = lifecycle::Transition {
                to,
                from: &[from],
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
}
