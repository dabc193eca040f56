//! The same task delivered many times at once.

use domain::instance::{DesiredState, InstanceState};
use futures::future::join_all;
use runner_pilot_worker::jobs::{JobError, register_runner, unregister_runner};

use super::faults::PauseAt;
use super::support::{Fixture, RunnerKind};

#[tokio::test]
async fn ten_deliveries_at_once_make_one_container_and_one_registration() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.pending(RunnerKind::default()).await?;
    let ends = join_all((0..10).map(|_| register_runner::run(&fixture.context, &id))).await;
    let started = ends
        .iter()
        .filter(|end| matches!(end, Ok(value) if value["state"] == "starting"))
        .count();
    assert_eq!(started, 1, "{ends:?}");
    assert!(
        ends.iter().all(|end| !matches!(end, Err(JobError::Fail { .. }))),
        "a delivery that came second must not fail: {ends:?}"
    );
    fixture.until(&id, InstanceState::Running).await?;
    assert_eq!(fixture.containers().await?.len(), 1);
    assert_eq!(fixture.github.registrations().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_late_delivery_finds_nothing_to_do() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    let again = register_runner::run(&fixture.context, &id).await?;
    assert!(again["skipped"].is_string(), "{again}");
    assert!(unregister_runner::run(&fixture.context, &id, 0).await?["skipped"].is_string());
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Running);
    Ok(())
}

#[tokio::test]
async fn ten_removals_at_once_remove_once() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    fixture.drain(&id, DesiredState::Removed).await?;
    let ends = join_all((0..10).map(|_| unregister_runner::run(&fixture.context, &id, 0))).await;
    assert!(
        ends.iter().all(|end| !matches!(end, Err(JobError::Fail { .. }))),
        "{ends:?}"
    );
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Removed);
    assert!(fixture.containers().await?.is_empty());
    assert!(fixture.github.registrations().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_wish_to_remove_that_comes_while_registering_wins() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.pending(RunnerKind::default()).await?;
    let pause = std::sync::Arc::new(PauseAt::new(runner_pilot_worker::steps::Step::ContainerCreated));
    let worker = fixture.other_worker(pause.clone()).await?;
    let registering = async { Ok(register_runner::run(&worker, &id).await) };
    let person = async {
        pause.reached.notified().await;
        fixture.drain(&id, DesiredState::Removed).await?;
        let early = unregister_runner::run(&fixture.context, &id, 0).await;
        anyhow::ensure!(
            matches!(early, Err(JobError::Retry { .. })),
            "it did not wait for the lease: {early:?}"
        );
        pause.go_on.notify_one();
        Ok(())
    };
    let (registered, ()) = tokio::try_join!(registering, person)?;
    assert!(registered.is_err(), "{registered:?}");
    unregister_runner::run(&fixture.context, &id, 0).await?;
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Removed);
    assert!(fixture.containers().await?.is_empty());
    assert!(fixture.github.registrations().is_empty());
    Ok(())
}
