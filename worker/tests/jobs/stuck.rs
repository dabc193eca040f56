//! Removals that don't get on: what is said of them, how often they are tried, and how they end.

use anyhow::Context as _;
use chrono::TimeDelta;
use domain::ids::InstanceId;
use domain::instance::{DesiredState, InstanceState};
use entities::repo::lifecycle::{self, Observed};
use runner_pilot_worker::jobs::{JobError, reconcile_all, send_heartbeat, unregister_runner};
use runner_pilot_worker::lease::Held;
use testkit::github::{Effect, Fault, Pat, SANDBOX_PAT};

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

/// How many messages there are for the workers.
async fn sent(fixture: &Fixture) -> anyhow::Result<u64> {
    Ok(fixture.context.celery.queue_len("celery").await?)
}

#[tokio::test]
async fn a_removal_that_comes_again_by_itself_is_not_sent_a_second_time() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    fixture.drain(&id, DesiredState::Removed).await?;
    let before = sent(&fixture).await?;
    fixture.clock.advance(TimeDelta::seconds(50));
    fixture
        .github
        .script(Fault::next(Effect::TooManyRequests(300)).on("DELETE", "/runners/"));
    let limited = unregister_runner::run(&fixture.context, &id, 0).await;
    assert!(
        matches!(limited, Err(JobError::Retry { after: Some(_), .. })),
        "{limited:?}"
    );
    // Past the state's own deadline, but inside the pause.
    fixture.clock.advance(TimeDelta::seconds(200));
    reconcile_all::run(&fixture.context).await?;
    assert_eq!(sent(&fixture).await?, before);

    // The last of its own retries leaves it to reconciling.
    let last = unregister_runner::run(&fixture.context, &id, 10).await?;
    assert!(last["left_to_reconciling"].is_string(), "{last}");
    fixture.clock.advance(TimeDelta::seconds(300));
    reconcile_all::run(&fixture.context).await?;
    reconcile_all::run(&fixture.context).await?;
    assert_eq!(sent(&fixture).await?, before + 1);
    Ok(())
}

#[tokio::test]
async fn looks_at_an_ended_container_send_its_removal_only_when_that_is_overdue() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    fixture.drain(&id, DesiredState::Removed).await?;
    fixture.engine.remove_containers(&fixture.label()).await?;
    let before = sent(&fixture).await?;
    for _ in 0..3 {
        send_heartbeat::run(&fixture.context, &id).await?;
    }
    assert_eq!(sent(&fixture).await?, before);
    fixture.clock.advance(TimeDelta::seconds(61));
    for _ in 0..3 {
        send_heartbeat::run(&fixture.context, &id).await?;
    }
    assert_eq!(sent(&fixture).await?, before + 1);
    Ok(())
}

#[tokio::test]
async fn what_github_did_not_answer_of_a_failed_instance_is_asked_again() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    fixture.github.script(
        Fault::next(Effect::Status(502, "no".to_owned()))
            .times(2)
            .on("DELETE", "/runners/"),
    );
    fixture.engine.remove_containers(&fixture.label()).await?;
    fixture.until(&id, InstanceState::Failed).await?;
    let row = fixture.row(&id).await?;
    assert!(row.github_runner_id.is_some());
    assert!(row.state_reason.unwrap().contains("is removed later"));
    reconcile_all::run(&fixture.context).await?;
    assert_eq!(fixture.github.registrations().len(), 1);

    reconcile_all::run(&fixture.context).await?;
    assert_eq!(fixture.github.registrations().len(), 1, "it was just tried");
    fixture.clock.advance(TimeDelta::minutes(6));
    let ran = reconcile_all::run(&fixture.context).await?;
    assert_eq!(ran["finished"], 1, "{ran}");
    assert!(fixture.github.registrations().is_empty());
    let row = fixture.row(&id).await?;
    assert_eq!(
        (row.state()?, row.github_runner_id),
        (InstanceState::Failed, None)
    );
    Ok(())
}

#[tokio::test]
async fn a_registration_whose_id_nobody_wrote_down_is_found_by_its_name() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    let (lease, _) = Held::take(&fixture.context, &id, &[InstanceState::Running])
        .await?
        .context("somebody else acts on it")?;
    let unknown = Observed {
        github_runner_id: Some(None),
        ..Observed::default()
    };
    let (db, now) = (&fixture.context.db, fixture.context.now());
    assert!(lifecycle::record(db, &id, lease.token(), unknown, now).await?);
    lease.release().await;
    fixture.github.revoke_pat(SANDBOX_PAT);
    fixture.engine.remove_containers(&fixture.label()).await?;
    fixture.until(&id, InstanceState::Failed).await?;
    fixture.github.add_pat(Pat::admin(SANDBOX_PAT));
    assert_eq!(fixture.github.registrations().len(), 1);
    fixture.clock.advance(TimeDelta::minutes(6));
    let ran = reconcile_all::run(&fixture.context).await?;
    assert_eq!(ran["finished"], 1, "{ran}");
    assert!(fixture.github.registrations().is_empty());
    fixture.clock.advance(TimeDelta::minutes(6));
    let ran = reconcile_all::run(&fixture.context).await?;
    assert_eq!(ran["finished"], 0, "nothing is left: {ran}");
    Ok(())
}

#[tokio::test]
async fn a_removal_that_was_given_up_goes_on_once_the_credential_is_mended() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    fixture.drain(&id, DesiredState::Removed).await?;
    fixture.github.revoke_pat(SANDBOX_PAT);
    assert!(unregister_runner::run(&fixture.context, &id, 0).await.is_err());
    fixture.clock.advance(TimeDelta::minutes(16));
    unregister_runner::run(&fixture.context, &id, 0).await?;
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Failed);
    fixture.github.add_pat(Pat::admin(SANDBOX_PAT));
    reconcile_all::run(&fixture.context).await?;
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Draining);
    unregister_runner::run(&fixture.context, &id, 0).await?;
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Removed);
    assert!(fixture.containers().await?.is_empty());
    Ok(())
}
