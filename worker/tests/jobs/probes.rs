//! What the tests look at: the instance's row, its containers, its timeline, its keys in Redis.

use anyhow::Context as _;
use bollard::models::ContainerSummary;
use domain::ids::InstanceId;
use domain::instance::InstanceState;
use entities::model::runner_instances;
use entities::repo::page::{ListQuery, Sort};
use entities::repo::{lifecycle, timeline};
use runner_pilot_worker::jobs::send_heartbeat;
use serde_json::Value;
use testkit::harness::eventually;

use super::support::{Fixture, PATIENCE};

impl Fixture {
    /// Looks at the instance until it is in that state.
    pub async fn until(&self, id: &InstanceId, state: InstanceState) -> anyhow::Result<()> {
        eventually(PATIENCE, &format!("the instance is {state}"), || async {
            send_heartbeat::run(&self.context, id).await?;
            let row = self.row(id).await?;
            anyhow::ensure!(
                row.state()? == state,
                "it is {} ({:?})",
                row.state,
                row.state_reason
            );
            Ok(())
        })
        .await
    }

    /// The instance's row.
    pub async fn row(&self, id: &InstanceId) -> anyhow::Result<runner_instances::Model> {
        lifecycle::find(&self.context.db, id)
            .await?
            .context("there is no such instance")
    }

    /// All containers of this installation.
    pub async fn containers(&self) -> anyhow::Result<Vec<ContainerSummary>> {
        self.engine.containers(&self.label()).await
    }

    /// The label that this installation's containers carry.
    pub fn label(&self) -> String {
        format!("{}={}", domain::container::LABEL_INSTALL, self.context.install_id)
    }

    /// The timeline's sentences, oldest first.
    pub async fn timeline(&self, id: &InstanceId) -> anyhow::Result<Vec<String>> {
        let query = ListQuery {
            limit: 100,
            offset: 0,
            sort: Sort {
                column: "uid",
                descending: false,
            },
            q: None,
        };
        let entries = timeline::Entries {
            kind: None,
            with_log: true,
        };
        let page = timeline::list(&self.context.db, &self.org, id, entries, &query).await?;
        Ok(page.items.into_iter().map(|event| event.message).collect())
    }

    /// The JSON value of a Redis key and its time to live in seconds.
    pub async fn redis_value(&self, key: &str) -> anyhow::Result<(Value, i64)> {
        let mut redis = self.redis.connection().await?;
        let (text, ttl): (Option<String>, i64) =
            redis::pipe().get(key).ttl(key).query_async(&mut redis).await?;
        let text = text.with_context(|| format!("there is no key {key}"))?;
        Ok((serde_json::from_str(&text)?, ttl))
    }
}
