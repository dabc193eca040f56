//! `follow_logs`: who looks gets lines, and whatever stands in the way is told.

use domain::ids::{InstanceId, LogStreamId};
use domain::logs::{BATCH_FIELD, LogBatch, LogEnd};
use domain::redis_keys;
use redis::AsyncCommands as _;
use redis::streams::StreamRangeReply;
use runner_pilot_worker::follow::Beginning;
use runner_pilot_worker::jobs::follow_logs;
use testkit::harness::eventually;

use super::support::{Fixture, PATIENCE, RunnerKind};

const BEGINNING: Beginning = Beginning {
    tail: 100,
    after: None,
};

/// Somebody who looks.
async fn viewer(fixture: &Fixture) -> anyhow::Result<LogStreamId> {
    let id = LogStreamId::new();
    let mut redis = fixture.redis.connection().await?;
    let _: () = redis.set(redis_keys::logs_lease(&id), "1").await?;
    Ok(id)
}

async fn batches(fixture: &Fixture, viewer: &LogStreamId) -> anyhow::Result<Vec<LogBatch>> {
    let mut redis = fixture.redis.connection().await?;
    let found: StreamRangeReply = redis.xrange_all(redis_keys::logs(viewer)).await?;
    let texts = found
        .ids
        .iter()
        .filter_map(|entry| entry.get::<String>(BATCH_FIELD));
    Ok(texts
        .map(|text| serde_json::from_str(&text))
        .collect::<Result<_, _>>()?)
}

#[tokio::test]
async fn a_running_instances_log_reaches_who_looks_until_the_worker_stops() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    let viewer = viewer(&fixture).await?;
    follow_logs::run(&fixture.context, &id, &viewer, BEGINNING).await?;
    eventually(PATIENCE, "the runner's own words", || async {
        let seen = batches(&fixture, &viewer).await?;
        let mut lines = seen.iter().flat_map(|batch| &batch.lines);
        anyhow::ensure!(lines.any(|line| line.contains("Listening for Jobs")), "{seen:?}");
        Ok(())
    })
    .await?;
    fixture.context.followers.stop();
    eventually(PATIENCE, "the end is told", || async {
        let last = batches(&fixture, &viewer).await?.pop();
        let end = last.as_ref().and_then(|batch| batch.end);
        anyhow::ensure!(end == Some(LogEnd::WorkerStopped), "{last:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_message_that_comes_twice_is_followed_once() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    let viewer = viewer(&fixture).await?;
    follow_logs::run(&fixture.context, &id, &viewer, BEGINNING).await?;
    let seen = async || {
        let seen = batches(&fixture, &viewer).await?;
        let mut lines = seen.iter().flat_map(|batch| &batch.lines);
        anyhow::ensure!(lines.any(|line| line.contains("Listening for Jobs")), "{seen:?}");
        anyhow::Ok(seen)
    };
    eventually(PATIENCE, "lines come", || async { seen().await.map(drop) }).await?;
    follow_logs::run(&fixture.context, &id, &viewer, BEGINNING).await?;
    eventually(PATIENCE, "one of two gives up", || async {
        let count = fixture.context.followers.count();
        anyhow::ensure!(count == 1, "{count}");
        Ok(())
    })
    .await?;
    let seen = seen().await?;
    let lines = seen.iter().flat_map(|batch| &batch.lines);
    let said = lines.filter(|line| *line == "√ Connected to GitHub").count();
    assert_eq!(said, 1, "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn without_a_container_or_a_node_the_viewer_is_told_so() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.pending(RunnerKind::default()).await?;
    let end = async |context: &std::sync::Arc<runner_pilot_worker::context::Context>| {
        let viewer = viewer(&fixture).await?;
        follow_logs::run(context, &id, &viewer, BEGINNING).await?;
        let last = batches(&fixture, &viewer).await?.pop();
        anyhow::Ok(last.and_then(|batch| batch.end))
    };
    assert_eq!(end(&fixture.context).await?, Some(LogEnd::Ended));
    let blind = std::sync::Arc::new(fixture.unreachable_node().await?);
    assert_eq!(end(&blind).await?, Some(LogEnd::NodeUnavailable));
    Ok(())
}

#[tokio::test]
async fn nothing_is_followed_for_who_no_longer_looks() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let viewer = LogStreamId::new();
    follow_logs::run(&fixture.context, &InstanceId::new(), &viewer, BEGINNING).await?;
    assert_eq!(batches(&fixture, &viewer).await?, []);
    assert_eq!(fixture.context.followers.count(), 0);
    Ok(())
}
