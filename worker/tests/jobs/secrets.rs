//! Secrets are nowhere but where they must be.

use std::collections::BTreeSet;

use domain::instance::{DesiredState, InstanceState};
use github::GitHub;
use runner_pilot_worker::jobs::{collect_metrics, fetch_logs, unregister_runner};
use secrecy::ExposeSecret as _;
use testkit::github::SANDBOX_PAT;
use testkit::harness::Canary;

use super::support::{Fixture, REPO, RunnerKind};

/// A registration token, as a person would copy it from GitHub's page.
pub async fn registration_token(fixture: &Fixture) -> anyhow::Result<String> {
    let github = GitHub::new(fixture.github.url(), SANDBOX_PAT.into())?;
    let minted = github.create_registration_token(&REPO.parse()?).await?;
    Ok(minted.token.expose_secret().to_owned())
}

#[tokio::test]
async fn no_secret_is_in_a_container_the_database_redis_or_a_result() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let token = registration_token(&fixture).await?;
    let mut canary = Canary::new();
    canary.add("registration token", &token)?;
    let own = RunnerKind {
        ephemeral: false,
        own_token: Some(&token),
        ..RunnerKind::default()
    };
    let id = fixture.running(own).await?;
    let minted = RunnerKind {
        ephemeral: false,
        ..RunnerKind::default()
    };
    let minted = fixture.running(minted).await?;
    let jit = fixture.running(RunnerKind::default()).await?;
    canary.add_issued(&fixture.github)?;
    let kinds: BTreeSet<&str> = fixture
        .github
        .issued_secrets()
        .iter()
        .map(|(kind, _)| *kind)
        .collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
    let label = fixture.label();
    canary.ensure_absent("the containers", &fixture.engine.told_about(&label).await?)?;
    for id in [&id, &minted, &jit] {
        let metrics = collect_metrics::run(&fixture.context, id).await?;
        canary.ensure_absent("the metrics", metrics.to_string().as_bytes())?;
        let log = fetch_logs::run(&fixture.context, id, 1000).await?;
        canary.ensure_absent("the log", log.as_bytes())?;
        let meta = fixture.row(id).await?.instance_meta.to_string();
        canary.ensure_absent("instance_meta", meta.as_bytes())?;
        fixture.drain(id, DesiredState::Removed).await?;
        unregister_runner::run(&fixture.context, id, 0).await?;
        assert_eq!(fixture.row(id).await?.state()?, InstanceState::Removed);
    }
    canary.ensure_absent("the database", &fixture.database.dump().await?)?;
    for (key, content) in fixture.redis.dump().await? {
        canary.ensure_absent(&key, &content)?;
    }
    Ok(())
}
