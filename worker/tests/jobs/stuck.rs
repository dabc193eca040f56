//! Removals that don't get on: what is said of them, how often they are tried, and how they end.

use chrono::TimeDelta;
use domain::ids::InstanceId;
use domain::instance::{DesiredState, InstanceState};
use runner_pilot_worker::jobs::{JobError, unregister_runner};
use testkit::github::{Pat, SANDBOX_PAT};

use super::support::{Fixture, RunnerKind};

async fn stuck_events(fixture: &Fixture, id: &InstanceId) -> anyhow::Result<usize> {
    let timeline = fixture.timeline(id).await?;
    let stuck = |line: &&String| line.starts_with("The removal does not get on");
    Ok(timeline.iter().filter(stuck).count())
}

#[tokio::test]
async fn a_removal_that_github_refuses_says_so_once_and_fails_in_the_end() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    fixture.drain(&id, DesiredState::Removed).await?;
    fixture.github.revoke_pat(SANDBOX_PAT);
    for _ in 0..3 {
        let refused = unregister_runner::run(&fixture.context, &id, 0).await;
        assert!(matches!(refused, Err(JobError::Fail { .. })), "{refused:?}");
    }
    let row = fixture.row(&id).await?;
    assert_eq!(row.state()?, InstanceState::Draining);
    let reason = row.state_reason.unwrap();
    assert!(reason.contains("does not accept the token"), "{reason}");
    assert_eq!(stuck_events(&fixture, &id).await?, 1);

    fixture.clock.advance(TimeDelta::minutes(16));
    unregister_runner::run(&fixture.context, &id, 0).await?;
    let row = fixture.row(&id).await?;
    assert_eq!(row.state()?, InstanceState::Failed);
    assert_eq!(row.desired()?, DesiredState::Removed);
    assert!(row.github_runner_id.is_some());

    // Asked for again, once the token is good again.
    fixture.github.add_pat(Pat::admin(SANDBOX_PAT));
    fixture.drain(&id, DesiredState::Removed).await?;
    unregister_runner::run(&fixture.context, &id, 0).await?;
    let row = fixture.row(&id).await?;
    assert_eq!(row.state()?, InstanceState::Removed);
    assert_eq!(row.state_reason, None);
    assert!(fixture.github.registrations().is_empty());
    assert!(fixture.containers().await?.is_empty());
    Ok(())
}
