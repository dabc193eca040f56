//! Images that have to be pulled, and some that can't be had.

use domain::ids::NodeId;
use domain::instance::InstanceState;
use runner_pilot_worker::jobs::{JobError, register_runner};
use testkit::engine::EngineSim;

use super::support::{Fixture, RunnerKind};

#[tokio::test]
async fn a_pull_is_told_on_the_timeline() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let engine = EngineSim::start()?;
    engine.add_pullable_image("acme/runner:2");
    let node = NodeId::new();
    fixture.add_node(&node, "simulated", engine.socket_path()).await?;
    let kind = RunnerKind {
        image: "acme/runner:2",
        ..RunnerKind::default()
    };
    let id = fixture.instance_on(&fixture.runner(kind).await?, &node).await?;
    register_runner::run(&fixture.context, &id).await?;
    let timeline = fixture.timeline(&id).await?;
    assert!(
        timeline
            .iter()
            .any(|entry| entry.starts_with("Pulling the image: 1 of 1 layers")),
        "{timeline:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_image_that_can_not_be_had_fails_the_instance_and_says_what_to_do() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let kind = RunnerKind {
        // Loopback, port 1: a registry that is surely not there.
        image: "127.0.0.1:1/no/such:1",
        ..RunnerKind::default()
    };
    let id = fixture.pending(kind).await?;
    let mut attempts = 0;
    let ended = loop {
        attempts += 1;
        match register_runner::run(&fixture.context, &id).await {
            Err(JobError::Retry { .. }) if attempts < 10 => {}
            ended => break ended,
        }
    };
    assert!(matches!(ended, Err(JobError::Fail { .. })), "{ended:?}");
    assert_eq!(attempts, 5);
    let row = fixture.row(&id).await?;
    assert_eq!(row.state()?, InstanceState::Failed);
    let reason = row.state_reason.unwrap_or_default();
    assert!(reason.contains("docker load"), "{reason}");
    assert!(fixture.containers().await?.is_empty());
    assert!(fixture.github.registrations().is_empty());
    Ok(())
}
