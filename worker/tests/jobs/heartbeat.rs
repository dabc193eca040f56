//! What looks find, and what they write.

use std::sync::Arc;
use std::time::Duration;

use domain::instance::{DesiredState, InstanceState, InstanceStatus};
use domain::redis_keys;
use runner_pilot_worker::jobs::{collect_metrics, fetch_logs, send_heartbeat, unregister_runner};
use runner_pilot_worker::steps::Step;
use testkit::github::JobSpec;
use testkit::harness::eventually;

use super::faults::PauseAt;
use super::support::{Fixture, PATIENCE, REPO, RunnerKind};

const LASTING: RunnerKind<'static> = RunnerKind {
    ephemeral: false,
    own_token: None,
    image: testkit::runner_image::TAG,
    min_idle: 0,
};

async fn until_status(
    fixture: &Fixture,
    id: &domain::ids::InstanceId,
    status: InstanceStatus,
) -> anyhow::Result<()> {
    eventually(PATIENCE, &format!("the runner is {status}"), || async {
        let value = send_heartbeat::run(&fixture.context, id).await?;
        anyhow::ensure!(value["status"] == status.as_str(), "{value}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_status_in_redis_is_exactly_the_documented_one_and_follows_the_job() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(LASTING).await?;
    until_status(&fixture, &id, InstanceStatus::Idle).await?;
    let (value, ttl) = fixture.redis_value(&redis_keys::runner_status(&id)).await?;
    let fields: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["last_heartbeat", "status"]);
    assert!((1..=300).contains(&ttl), "{ttl}");
    fixture.github.queue_job(JobSpec::new(REPO, "sample", 6))?;
    until_status(&fixture, &id, InstanceStatus::Busy).await?;
    assert_eq!(fixture.row(&id).await?.status, "busy");
    until_status(&fixture, &id, InstanceStatus::Idle).await?;
    assert_eq!(fixture.row(&id).await?.status, "idle");
    Ok(())
}

#[tokio::test]
async fn without_a_credential_the_log_tells_the_status() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let token = super::secrets::registration_token(&fixture).await?;
    let own = RunnerKind {
        own_token: Some(&token),
        ..LASTING
    };
    let id = fixture.running(own).await?;
    until_status(&fixture, &id, InstanceStatus::Idle).await?;
    fixture.github.queue_job(JobSpec::new(REPO, "sample", 6))?;
    until_status(&fixture, &id, InstanceStatus::Busy).await?;
    until_status(&fixture, &id, InstanceStatus::Idle).await
}

#[tokio::test]
async fn metrics_are_exactly_three_percentages_and_become_a_row() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(LASTING).await?;
    for _ in 0..2 {
        let value = collect_metrics::run(&fixture.context, &id).await?;
        assert!(value["cpu_usage"].is_f64(), "{value}");
    }
    let (value, ttl) = fixture.redis_value(&redis_keys::runner_metrics(&id)).await?;
    let metrics = value.as_object().unwrap();
    let fields: Vec<&String> = metrics.keys().collect();
    assert_eq!(fields, ["cpu_usage", "disk_usage", "memory_usage"]);
    assert!(
        metrics
            .values()
            .all(|percent| (0.0..=100.0).contains(&percent.as_f64().unwrap())),
        "{value}"
    );
    assert!(value["memory_usage"].as_f64() > Some(0.0), "{value}");
    assert!((1..=600).contains(&ttl), "{ttl}");
    fixture.context.samples.flush(&fixture.context.db).await;
    let removed = entities::repo::housekeeping::prune_samples(
        &fixture.context.db,
        fixture.context.now() + chrono::TimeDelta::seconds(10),
        100,
    )
    .await?;
    assert_eq!(removed, 2, "each sample is one row");
    Ok(())
}

#[tokio::test]
async fn the_log_can_be_read() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(LASTING).await?;
    let log = fetch_logs::run(&fixture.context, &id, 100).await?;
    assert!(log.contains("Listening for Jobs"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_runner_that_github_forgot_is_replaced() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    let registered = fixture.github.registrations();
    // Frozen, the runner can't find out by itself: it goes on "listening" (actions/runner#4617).
    fixture.pause(&id).await?;
    fixture.github.forget_runner(registered[0].id);
    fixture.until(&id, InstanceState::Draining).await?;
    let row = fixture.row(&id).await?;
    assert_eq!(row.desired()?, DesiredState::Running);
    assert!(row.state_reason.unwrap().contains("GitHub no longer knows"));
    fixture.resume(&id).await?;
    unregister_runner::run(&fixture.context, &id, 0).await?;
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Pending);
    assert!(
        fixture.context.celery.queue_len("celery").await? > 0,
        "nobody was told to register it anew"
    );
    Ok(())
}

#[tokio::test]
async fn a_registration_deleted_at_github_fails_the_instance_and_says_so() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    let registered = fixture.github.registrations();
    fixture.github.forget_runner(registered[0].id);
    eventually(PATIENCE, "the end is noticed", || async {
        send_heartbeat::run(&fixture.context, &id).await?;
        let row = fixture.row(&id).await?;
        let ended = [InstanceState::Failed, InstanceState::Draining].contains(&row.state()?);
        anyhow::ensure!(ended, "{row:?}");
        let reason = row.state_reason.unwrap_or_default();
        anyhow::ensure!(
            reason.contains("deleted at GitHub") || reason.contains("no longer knows"),
            "{reason}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_node_that_does_not_answer_changes_nothing() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    let unreachable = fixture.unreachable_node().await?;
    let value = send_heartbeat::run(&unreachable, &id).await?;
    assert_eq!(value["skipped"], "the node did not answer");
    assert_eq!(fixture.row(&id).await?.state()?, InstanceState::Running);
    fixture.reachable_node().await?;
    tokio::time::timeout(
        Duration::from_secs(10),
        until_status(&fixture, &id, InstanceStatus::Idle),
    )
    .await?
}

#[tokio::test]
async fn a_look_that_overlaps_a_removal_leaves_nothing_in_redis() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    for measures in [false, true] {
        let id = fixture.running(LASTING).await?;
        let pause = Arc::new(PauseAt::new(Step::Looked));
        let worker = fixture.other_worker(pause.clone()).await?;
        let look = async {
            let seen = if measures {
                collect_metrics::run(&worker, &id).await?
            } else {
                send_heartbeat::run(&worker, &id).await?
            };
            anyhow::ensure!(seen["skipped"].is_string(), "{seen}");
            Ok(())
        };
        let removal = async {
            pause.reached.notified().await;
            fixture.drain(&id, DesiredState::Removed).await?;
            unregister_runner::run(&fixture.context, &id, 0).await?;
            pause.go_on.notify_one();
            Ok(())
        };
        tokio::try_join!(look, removal)?;
        let keys = fixture.redis.keys().await?;
        let left = |key: &&String| key.ends_with(id.as_str()) && key.starts_with("runner_");
        assert_eq!(keys.iter().find(left), None);
    }
    Ok(())
}
