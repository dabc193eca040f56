//! Removals while the instance's node does not answer, or is deleted.

use chrono::TimeDelta;
use domain::instance::{DesiredState, InstanceState};
use entities::repo::{assignment, nodes};
use runner_pilot_worker::jobs::{JobError, sweep_node, unregister_runner};

use super::support::{Fixture, RunnerKind};

#[tokio::test]
async fn a_runner_on_a_node_that_is_away_is_taken_off_github_and_fails_in_the_end() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    fixture.drain(&id, DesiredState::Removed).await?;
    let worker = fixture.unreachable_node().await?;

    let away = unregister_runner::run(&worker, &id, 0).await;
    assert!(matches!(away, Err(JobError::Retry { .. })), "{away:?}");
    assert!(fixture.github.registrations().is_empty());
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Stopping);

    fixture.clock.advance(TimeDelta::minutes(14));
    assert!(unregister_runner::run(&worker, &id, 1).await.is_err());
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Stopping);
    fixture.clock.advance(TimeDelta::minutes(2));
    unregister_runner::run(&worker, &id, 2).await?;
    let row = fixture.row(&id).await?;
    assert_eq!(row.state()?, InstanceState::Failed);
    assert_eq!(row.desired()?, DesiredState::Removed);
    assert_eq!(row.github_runner_id, None);
    let reason = row.state_reason.unwrap();
    assert!(
        reason.contains("has not answered for 15 minutes")
            && reason.contains("removed when the node is back"),
        "{reason}"
    );
    let in_use = nodes::count_in_use(&fixture.context.db, [fixture.node.as_str()]).await?;
    assert!(in_use.is_empty(), "{in_use:?}");

    fixture.reachable_node().await?;
    fixture.clock.advance(TimeDelta::minutes(3));
    let node = assignment::find_node(&fixture.context.db, &fixture.node)
        .await?
        .unwrap();
    assert_eq!(sweep_node::run(&fixture.context, &node).await?, 1);
    assert!(fixture.containers().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_removal_goes_on_when_the_node_is_back_in_time() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    fixture.drain(&id, DesiredState::Removed).await?;
    let worker = fixture.unreachable_node().await?;
    assert!(unregister_runner::run(&worker, &id, 0).await.is_err());
    fixture.reachable_node().await?;
    unregister_runner::run(&fixture.context, &id, 1).await?;
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Removed);
    assert!(fixture.containers().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_runner_with_its_own_token_on_a_dead_node_does_not_drain_for_ever() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let token = super::secrets::registration_token(&fixture).await?;
    let own = RunnerKind {
        own_token: Some(&token),
        ..RunnerKind::default()
    };
    let id = fixture.running(own).await?;
    fixture.drain(&id, DesiredState::Removed).await?;
    let worker = fixture.unreachable_node().await?;
    assert!(unregister_runner::run(&worker, &id, 0).await.is_err());
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Draining);
    fixture.clock.advance(TimeDelta::minutes(16));
    unregister_runner::run(&worker, &id, 1).await?;
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Failed);
    Ok(())
}

#[tokio::test]
async fn an_instance_of_a_deleted_node_is_removed_without_it() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    fixture.drain(&id, DesiredState::Removed).await?;
    let worker = fixture.unreachable_node().await?;
    let (db, now) = (&fixture.context.db, fixture.context.now());
    assert!(nodes::soft_delete(db, &fixture.org, &fixture.node, now).await?);
    unregister_runner::run(&worker, &id, 0).await?;
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Removed);
    assert!(fixture.github.registrations().is_empty());
    let timeline = fixture.timeline(&id).await?.join("\n");
    assert!(timeline.contains("The node here was deleted"), "{timeline}");
    Ok(())
}
