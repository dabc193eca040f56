//! What reconciling heals, makes and leaves alone.

use chrono::TimeDelta;
use domain::ids::NodeId;
use domain::instance::{DesiredState, InstanceState};
use entities::repo::assignment;
use runner_pilot_worker::jobs::{
    check_node, reconcile_all, reconcile_runner, register_runner, sweep_node, unregister_runner,
};
use runner_pilot_worker::steps::Step;

use super::faults::kill_at;
use super::support::{Fixture, RunnerKind};

#[tokio::test]
async fn spare_instances_are_made_once_however_many_ask() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let spare = RunnerKind {
        min_idle: 2,
        ..RunnerKind::default()
    };
    let runner = fixture.runner(spare).await?;
    let runs =
        futures::future::join_all((0..4).map(|_| reconcile_runner::run(&fixture.context, &runner))).await;
    assert!(runs.iter().all(Result::is_ok), "{runs:?}");
    let rows = assignment::list_of_runner(&fixture.context.db, &runner, 10).await?;
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter()
            .all(|row| row.state == "pending" && row.node_id == fixture.node.as_str())
    );
    assert_eq!(fixture.context.celery.queue_len("celery").await?, 2);
    Ok(())
}

#[tokio::test]
async fn an_overdue_instance_gets_its_task_again_and_once_only() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    fixture.pending(RunnerKind::default()).await?;
    reconcile_all::run(&fixture.context).await?;
    assert_eq!(
        fixture.context.celery.queue_len("celery").await?,
        0,
        "it is not overdue yet"
    );
    fixture.clock.advance(TimeDelta::seconds(61));
    reconcile_all::run(&fixture.context).await?;
    reconcile_all::run(&fixture.context).await?;
    assert_eq!(fixture.context.celery.queue_len("celery").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_left_over_container_is_removed_and_a_foreign_one_is_not() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let other = Fixture::start().await?;
    let theirs = other.pending(RunnerKind::default()).await?;
    register_runner::run(&other.context, &theirs).await?;
    let id = fixture.pending(RunnerKind::default()).await?;
    register_runner::run(&fixture.context, &id).await?;
    let checked = check_node::run(&fixture.context, &fixture.node).await?;
    assert_eq!(checked["status"], "active", "{checked}");
    assert_eq!(fixture.containers().await?.len(), 1, "it is in use");
    // The row says that it is gone, the container is still there: a node that was away meanwhile.
    fixture.forget_container(&id).await?;
    fixture.clock.advance(TimeDelta::minutes(3));
    let node = assignment::find_node(&fixture.context.db, &fixture.node)
        .await?
        .unwrap();
    assert_eq!(sweep_node::run(&fixture.context, &node).await?, 1);
    assert!(fixture.containers().await?.is_empty());
    assert_eq!(other.containers().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_second_node_that_leads_to_the_same_engine_takes_no_container_of_the_first() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let lasting = RunnerKind {
        ephemeral: false,
        ..RunnerKind::default()
    };
    let live = fixture.running(lasting).await?;
    let second = NodeId::new();
    fixture.add_node(&second, "here too", fixture.socket()?).await?;
    fixture.clock.advance(TimeDelta::minutes(3));
    let second = assignment::find_node(&fixture.context.db, &second)
        .await?
        .unwrap();
    assert_eq!(sweep_node::run(&fixture.context, &second).await?, 0);
    assert_eq!(fixture.containers().await?.len(), 1, "the instance is live");
    // Once nobody needs it, either node may sweep it.
    fixture.forget_container(&live).await?;
    fixture.clock.advance(TimeDelta::minutes(3));
    assert_eq!(sweep_node::run(&fixture.context, &second).await?, 1);
    assert!(fixture.containers().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_pending_instance_can_be_removed_before_anything_was_made() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.pending(RunnerKind::default()).await?;
    fixture.drain(&id, DesiredState::Removed).await?;
    unregister_runner::run(&fixture.context, &id, 0).await?;
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Removed);
    Ok(())
}

#[tokio::test]
async fn what_a_dead_worker_was_creating_is_healed_once_its_lease_is_over() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.pending(RunnerKind::default()).await?;
    kill_at(&fixture, Step::ContainerCreated, |worker| {
        let id = id.clone();
        async move { register_runner::run(&worker, &id).await }
    })
    .await?;
    reconcile_all::run(&fixture.context).await?;
    let sent = async || fixture.context.celery.queue_len("celery").await;
    assert_eq!(sent().await?, 0, "it may be at work");
    fixture.clock.advance(TimeDelta::seconds(46));
    reconcile_all::run(&fixture.context).await?;
    reconcile_all::run(&fixture.context).await?;
    assert_eq!(sent().await?, 1);
    Ok(())
}
