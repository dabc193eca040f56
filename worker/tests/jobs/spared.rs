//! Jobs that go on although their instance was given up.

use anyhow::Context as _;
use chrono::TimeDelta;
use domain::ids::InstanceId;
use domain::instance::{DesiredState, InstanceState};
use entities::repo::assignment;
use entities::repo::lifecycle::{self, Transition};
use runner_pilot_worker::jobs::{register_runner, send_heartbeat, sweep_node, unregister_runner};
use runner_pilot_worker::steps::Step;
use testkit::github::{Job, JobSpec};
use testkit::harness::eventually;

use super::faults::kill_at;
use super::support::{Fixture, PATIENCE, REPO, RunnerKind};

/// A job that some runner of the fixture has begun.
async fn begun_job(fixture: &Fixture, seconds: u32) -> anyhow::Result<Job> {
    let job = fixture.github.queue_job(JobSpec::new(REPO, "sample", seconds))?;
    fixture
        .github
        .wait_until("the job runs", PATIENCE, |github| {
            github.job(job.id).filter(|job| job.started_at.is_some())
        })
        .await
}

fn ensure_succeeded(fixture: &Fixture, job: &Job) -> anyhow::Result<()> {
    let job = fixture.github.job(job.id);
    let conclusion = job.map(|job| format!("{:?}", job.conclusion));
    anyhow::ensure!(conclusion.as_deref() == Some("Some(Succeeded)"), "{conclusion:?}");
    Ok(())
}

async fn sweep(fixture: &Fixture) -> anyhow::Result<usize> {
    let node = assignment::find_node(&fixture.context.db, &fixture.node)
        .await?
        .context("the node is gone")?;
    Ok(sweep_node::run(&fixture.context, &node).await?)
}

/// Writes down that an instance has failed while its container runs.
async fn fail(fixture: &Fixture, id: &InstanceId) -> anyhow::Result<()> {
    let step = Transition {
        to: InstanceState::Failed,
        from: &InstanceState::ALL,
        lease_token: None,
        desired: None,
        reason: Some("The node was away."),
        message: "A test says so.",
    };
    let (db, now) = (&fixture.context.db, fixture.context.now());
    anyhow::ensure!(lifecycle::apply(db, id, &step, now).await?.is_some());
    // So that it counts as a left-over.
    fixture.clock.advance(TimeDelta::minutes(3));
    Ok(())
}

#[tokio::test]
async fn a_left_over_that_runs_a_job_is_not_swept_until_the_job_is_done() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let token = super::secrets::registration_token(&fixture).await?;
    for own_token in [None, Some(token.as_str())] {
        let lasting = RunnerKind {
            ephemeral: false,
            own_token,
            ..RunnerKind::default()
        };
        let id = fixture.running(lasting).await?;
        let job = begun_job(&fixture, 10).await?;
        // GitHub calls the job begun before the runner has it, and with an own token only the log protects the runner.
        eventually(PATIENCE, "the runner is busy", || async {
            let value = send_heartbeat::run(&fixture.context, &id).await?;
            anyhow::ensure!(value["status"] == "busy", "{value}");
            Ok(())
        })
        .await?;
        fail(&fixture, &id).await?;
        assert_eq!(sweep(&fixture).await?, 0, "own token: {}", own_token.is_some());
        eventually(PATIENCE, "it is swept", || async {
            anyhow::ensure!(sweep(&fixture).await? == 1);
            Ok(())
        })
        .await?;
        ensure_succeeded(&fixture, &job)?;
        assert!(fixture.containers().await?.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn a_left_over_that_may_get_a_job_is_taken_off_github_before_it_is_swept() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    fail(&fixture, &id).await?;
    assert_eq!(sweep(&fixture).await?, 1);
    assert!(fixture.containers().await?.is_empty());
    assert!(fixture.github.registrations().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_job_on_a_node_that_was_away_for_all_attempts_is_waited_for() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.pending(RunnerKind::default()).await?;
    // Nobody hears that the container was started.
    kill_at(&fixture, Step::Started, |worker| {
        let id = id.clone();
        async move { register_runner::run(&worker, &id).await }
    })
    .await?;
    let job = begun_job(&fixture, 8).await?;
    let worker = fixture.unreachable_node().await?;
    for _ in 0..5 {
        fixture.clock.advance(TimeDelta::seconds(60));
        assert!(register_runner::run(&worker, &id).await.is_err());
    }
    let row = fixture.row(&id).await?;
    assert_eq!(row.state()?, InstanceState::Draining, "{row:?}");
    assert_eq!(row.desired()?, DesiredState::Removed);
    fixture.reachable_node().await?;
    eventually(PATIENCE, "the instance is removed", || async {
        let _ = unregister_runner::run(&fixture.context, &id, 1).await;
        anyhow::ensure!(fixture.row(&id).await?.is_deleted);
        Ok(())
    })
    .await?;
    ensure_succeeded(&fixture, &job)?;
    assert!(fixture.containers().await?.is_empty());
    Ok(())
}
