//! A worker is killed between two steps; another one finishes with exactly one of everything.

use chrono::TimeDelta;
use domain::instance::{DesiredState, InstanceState};
use runner_pilot_worker::jobs::{register_runner, unregister_runner};
use runner_pilot_worker::steps::Step;
use testkit::harness::DatabaseKind;

use super::faults::{PauseAt, kill_at};
use super::support::{Fixture, RunnerKind};

async fn killed_while_registering(fixture: &Fixture, kind: RunnerKind<'_>, step: Step) -> anyhow::Result<()> {
    let id = fixture.pending(kind).await?;
    kill_at(fixture, step, |worker| {
        let id = id.clone();
        async move { register_runner::run(&worker, &id).await }
    })
    .await?;
    // The dead worker's lease runs out before its task comes again.
    fixture.clock.advance(TimeDelta::seconds(60));
    register_runner::run(&fixture.context, &id).await?;
    fixture.until(&id, InstanceState::Running).await?;
    let containers = fixture.containers().await?;
    anyhow::ensure!(containers.len() == 1, "{step:?}: {} containers", containers.len());
    let registered = fixture.github.registrations();
    anyhow::ensure!(registered.len() == 1, "{step:?}: {registered:?}");
    let row = fixture.row(&id).await?;
    anyhow::ensure!(
        row.github_runner_id == Some(registered[0].id),
        "{step:?}: {row:?}"
    );
    anyhow::ensure!(row.instance_identifier == containers[0].id, "{step:?}: {row:?}");
    remove(fixture, &id).await
}

async fn remove(fixture: &Fixture, id: &domain::ids::InstanceId) -> anyhow::Result<()> {
    fixture.drain(id, DesiredState::Removed).await?;
    unregister_runner::run(&fixture.context, id, 0).await?;
    ensure_gone(fixture, id).await
}

async fn ensure_gone(fixture: &Fixture, id: &domain::ids::InstanceId) -> anyhow::Result<()> {
    let row = fixture.row(id).await?;
    anyhow::ensure!(
        row.state()? == InstanceState::Removed && row.is_deleted,
        "{row:?}"
    );
    anyhow::ensure!(fixture.containers().await?.is_empty(), "a container is left");
    anyhow::ensure!(
        fixture.github.registrations().is_empty(),
        "a registration is left"
    );
    let keys = fixture.redis.keys().await?;
    anyhow::ensure!(
        !keys
            .iter()
            .any(|key| key.starts_with("runner_status:") || key.starts_with("runner_metrics:")),
        "{keys:?}"
    );
    Ok(())
}

const REGISTER: [Step; 8] = [
    Step::Claimed,
    Step::ImageReady,
    Step::ContainerCreated,
    Step::Registered,
    Step::RegistrationRecorded,
    Step::Fed,
    Step::Started,
    Step::RecordedStart,
];

#[tokio::test]
async fn a_jit_registration_survives_a_kill_at_every_step() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    // Killed after the last step, the task comes again and finds nothing to do.
    for step in REGISTER {
        killed_while_registering(&fixture, RunnerKind::default(), step).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_registration_by_token_survives_a_kill_at_every_step() -> anyhow::Result<()> {
    let fixture = Fixture::start_on(DatabaseKind::Postgres).await?;
    for step in REGISTER {
        let lasting = RunnerKind {
            ephemeral: false,
            ..RunnerKind::default()
        };
        killed_while_registering(&fixture, lasting, step).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_removal_survives_a_kill_at_every_step() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    for step in [
        Step::Claimed,
        Step::Deregistered,
        Step::RecordedStopping,
        Step::Stopped,
        Step::Removed,
    ] {
        let id = fixture.running(RunnerKind::default()).await?;
        fixture.drain(&id, DesiredState::Removed).await?;
        kill_at(&fixture, step, |worker| {
            let id = id.clone();
            async move { unregister_runner::run(&worker, &id, 0).await }
        })
        .await?;
        fixture.clock.advance(TimeDelta::seconds(60));
        unregister_runner::run(&fixture.context, &id, 0).await?;
        ensure_gone(&fixture, &id).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_worker_that_was_frozen_beyond_its_lease_does_nothing_more() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.pending(RunnerKind::default()).await?;
    let wake = std::sync::Arc::new(PauseAt::new(Step::ContainerCreated));
    let frozen = std::sync::Arc::new(fixture.other_worker(wake.clone()).await?);
    let zombie = async {
        let ended = register_runner::run(&frozen, &id).await;
        anyhow::ensure!(ended.is_err(), "the zombie believes to have succeeded: {ended:?}");
        Ok(())
    };
    let successor = async {
        wake.reached.notified().await;
        fixture.clock.advance(TimeDelta::seconds(90));
        register_runner::run(&fixture.context, &id).await?;
        fixture.until(&id, InstanceState::Running).await?;
        wake.go_on.notify_one();
        anyhow::Ok(())
    };
    tokio::try_join!(zombie, successor)?;
    anyhow::ensure!(fixture.containers().await?.len() == 1);
    anyhow::ensure!(fixture.github.registrations().len() == 1);
    fixture.until(&id, InstanceState::Running).await
}
