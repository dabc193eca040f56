//! What workers do on their own or every so often: heartbeats for all, the engines' events, their own
//! presence, and the removal of what is old.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::query_parameters::RestartContainerOptions;
use chrono::{DateTime, TimeDelta, Utc};
use domain::Clock as _;
use domain::ids::InstanceId;
use domain::permissions::{Permissions, Rights, Role};
use domain::redis_keys::{self, WORKERS};
use domain::tasks::TaskCall;
use domain::telemetry::RunnerMetrics;
use domain::worker::WorkerEntry;
use entities::repo::audit::NewEntry;
use entities::repo::invitations::NewInvitation;
use entities::repo::refresh_tokens::NewRefreshToken;
use entities::repo::samples::Sample;
use entities::repo::{audit, invitations, lifecycle, refresh_tokens, samples};
use redis::AsyncCommands as _;
use runner_pilot_worker::jobs::dispatch_heartbeats::to_live_instances;
use runner_pilot_worker::jobs::{prune_expired, prune_monitoring};
use runner_pilot_worker::presence;
use runner_pilot_worker::settings::QueueSettings;
use runner_pilot_worker::steps::Unobserved;
use runner_pilot_worker::watch;
use serde_json::{Value, json};
use testkit::harness::eventually;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::support::{Fixture, PATIENCE, RunnerKind};

impl Fixture {
    /// The messages in a queue: task, arguments, headers.
    pub async fn queued(&self, queue: &str) -> anyhow::Result<Vec<(Value, Value, Value)>> {
        let mut redis = self.redis.connection().await?;
        let texts: Vec<String> = redis.lrange(queue, 0, -1).await?;
        let read = |text: &String| {
            let message: Value = serde_json::from_str(text)?;
            let body = STANDARD.decode(message["body"].as_str().unwrap_or_default())?;
            let body: Value = serde_json::from_slice(&body)?;
            let headers = message["headers"].clone();
            Ok((headers["task"].clone(), body[0].clone(), headers))
        };
        texts.iter().map(read).collect()
    }
}

#[tokio::test]
async fn each_live_instance_gets_a_message_that_expires_with_its_period() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    // Neither has anything to look at.
    fixture.pending(RunnerKind::default()).await?;
    let removed = fixture.pending(RunnerKind::default()).await?;
    fixture.forget_container(&removed).await?;
    let mut redis = fixture.redis.connection().await?;
    let _: () = redis.del("monitoring").await?;

    let period = Duration::from_secs(30);
    let sent = to_live_instances(&fixture.context, period, TaskCall::CollectMetrics).await?;

    assert_eq!(sent, 1);
    let queued = fixture.queued("monitoring").await?;
    let [(task, args, headers)] = queued.as_slice() else {
        anyhow::bail!("{queued:?}");
    };
    assert_eq!((task, args), (&json!("collect_metrics"), &json!([id])));
    let expires: DateTime<Utc> = headers["expires"].as_str().unwrap_or_default().parse()?;
    let left = expires - fixture.clock.now();
    assert!(
        left > TimeDelta::zero() && left <= TimeDelta::seconds(30),
        "{left}"
    );
    Ok(())
}

#[tokio::test]
async fn samples_past_their_retention_are_removed_and_others_stay() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let instance = fixture.pending(RunnerKind::default()).await?;
    let now = fixture.context.now();
    let sample = |age: TimeDelta| Sample {
        instance: instance.clone(),
        at: now - age,
        metrics: RunnerMetrics {
            cpu_usage: 1.0,
            memory_usage: 2.0,
            disk_usage: 3.0,
        },
    };
    let ages = [TimeDelta::days(3), TimeDelta::hours(25), TimeDelta::hours(23)];
    samples::insert(&fixture.context.db, &ages.map(sample)).await?;
    assert_eq!(
        prune_monitoring::run(&fixture.context).await?,
        json!({"removed": 2, "rolled_up": 0})
    );
    assert_eq!(
        prune_monitoring::run(&fixture.context).await?,
        json!({"removed": 0, "rolled_up": 0})
    );
    fixture.clock.advance(TimeDelta::hours(2));
    assert_eq!(
        prune_monitoring::run(&fixture.context).await?,
        json!({"removed": 1, "rolled_up": 0})
    );
    Ok(())
}

#[tokio::test]
async fn samples_of_yesterday_become_means_of_five_minutes() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let instance = fixture.pending(RunnerKind::default()).await?;
    let hour = entities::repo::rollup::hour_of(fixture.context.now());
    let sample = |secs: i64| Sample {
        instance: instance.clone(),
        at: hour + TimeDelta::seconds(secs),
        metrics: RunnerMetrics {
            cpu_usage: 1.0,
            memory_usage: 2.0,
            disk_usage: 3.0,
        },
    };
    samples::insert(&fixture.context.db, &[0, 30, 60, 300].map(sample)).await?;
    assert_eq!(prune_monitoring::run(&fixture.context).await?["rolled_up"], 0);
    fixture.clock.advance(TimeDelta::hours(25));
    // Kept for more than the day that the fixture keeps samples for.
    let mut worker = fixture.other_worker(Arc::new(Unobserved)).await?;
    worker.monitoring.retention = TimeDelta::days(30);
    let ran = prune_monitoring::run(&worker).await?;
    assert_eq!(ran, json!({"removed": 0, "rolled_up": 2}));
    let ran = prune_monitoring::run(&worker).await?;
    assert_eq!(ran, json!({"removed": 0, "rolled_up": 0}));
    Ok(())
}

async fn token(fixture: &Fixture, hash: &str, expired_for: TimeDelta) -> anyhow::Result<()> {
    let now = fixture.context.now();
    let token = NewRefreshToken {
        user: &fixture.user,
        family: "family",
        token_hash: hash,
        expires_at: now - expired_for,
        family_expires_at: now,
        ip_address: None,
        user_agent: None,
    };
    Ok(refresh_tokens::insert(&fixture.context.db, token, now).await?)
}

/// One line of each sort of history, all of now.
async fn history(fixture: &Fixture, instance: &InstanceId) -> anyhow::Result<()> {
    let (db, now) = (&fixture.context.db, fixture.context.now());
    let line = NewEntry {
        org_id: Some(&fixture.org),
        user_id: None,
        actor: "ada@example.org",
        action: "runner.created",
        target: None,
        result: "success",
        ip_address: None,
        request_id: None,
        detail: json!({}),
    };
    audit::insert(db, line, now).await?;
    let entry = lifecycle::Event {
        kind: "progress",
        message: "Something happened.",
        detail: None,
    };
    lifecycle::add_event(db, &fixture.row(instance).await?, entry, now).await?;
    let invitation = NewInvitation {
        org: &fixture.org,
        email: "bob@example.org",
        rights: &Rights {
            role: Role::Member,
            permissions: Permissions::default(),
        },
        token_hash: &"c".repeat(64),
        invited_by: &fixture.user,
        expires_at: now,
    };
    invitations::insert(db, invitation, now).await?;
    Ok(())
}

#[tokio::test]
async fn what_has_no_other_end_is_removed_in_its_time() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let db = &fixture.context.db;
    token(&fixture, &"a".repeat(64), TimeDelta::days(8)).await?;
    token(&fixture, &"b".repeat(64), TimeDelta::days(6)).await?;
    let kept = fixture.pending(RunnerKind::default()).await?;
    let removed = fixture.pending(RunnerKind::default()).await?;
    fixture.forget_container(&removed).await?;

    let ran = prune_expired::run(&fixture.context).await?;
    assert_eq!(
        ran,
        json!({"refresh_tokens": 1, "instances": 0, "audit_log": 0, "timelines": 0,
        "invitations": 0, "workers": 0})
    );
    // The one whose reuse would still be a theft.
    assert!(refresh_tokens::find_by_hash(db, &"b".repeat(64)).await?.is_some());
    assert!(!fixture.timeline(&removed).await?.is_empty());

    fixture.clock.advance(TimeDelta::days(91));
    let ran = prune_expired::run(&fixture.context).await?;
    assert_eq!(
        ran,
        json!({"refresh_tokens": 1, "instances": 1, "audit_log": 0, "timelines": 0,
        "invitations": 0, "workers": 0})
    );
    assert!(fixture.row(&removed).await.is_err());
    assert!(fixture.row(&kept).await.is_ok());

    history(&fixture, &kept).await?;
    fixture.clock.advance(TimeDelta::days(364));
    let ran = prune_expired::run(&fixture.context).await?;
    assert_eq!(
        (&ran["audit_log"], &ran["timelines"], &ran["invitations"]),
        (&json!(0), &json!(0), &json!(0))
    );
    fixture.clock.advance(TimeDelta::days(2));
    let ran = prune_expired::run(&fixture.context).await?;
    assert_eq!(
        (&ran["audit_log"], &ran["timelines"], &ran["invitations"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert!(fixture.row(&kept).await.is_ok());
    Ok(())
}

fn settings(hostname: &str) -> QueueSettings {
    QueueSettings {
        concurrency: 7,
        queues: vec!["celery".to_owned()],
        hostname: hostname.to_owned(),
        visibility_timeout: Duration::from_mins(1),
    }
}

#[tokio::test]
async fn a_worker_is_listed_while_it_runs_and_no_longer() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let mut redis = fixture.redis.connection().await?;
    let (mut workers, stop) = (JoinSet::new(), CancellationToken::new());
    workers.spawn(presence::announce(
        fixture.context.redis.clone(),
        settings("runner-pilot@here"),
        fixture.clock.clone(),
        stop.clone(),
    ));
    let entry: WorkerEntry = eventually(PATIENCE, "the worker is listed", || async {
        let mut redis = fixture.redis.connection().await?;
        let json: Option<String> = redis.hget(WORKERS, "runner-pilot@here").await?;
        let json = json.ok_or_else(|| anyhow::anyhow!("not yet"))?;
        Ok(serde_json::from_str(&json)?)
    })
    .await?;
    assert_eq!((entry.host.as_str(), entry.concurrency), ("here", 7));
    assert_eq!(entry.queues, ["celery", "host.here"]);

    // Of others, who were killed: one lately, one long ago, and one that nobody can read.
    let mut other = entry.clone();
    other.seen_at = fixture.clock.now() - TimeDelta::minutes(9);
    let _: () = redis
        .hset(WORKERS, "lately@there", serde_json::to_string(&other)?)
        .await?;
    other.seen_at = fixture.clock.now() - TimeDelta::minutes(11);
    let _: () = redis
        .hset(WORKERS, "long-ago@there", serde_json::to_string(&other)?)
        .await?;
    let _: () = redis.hset(WORKERS, "rubbish@there", "{").await?;
    let forgotten = presence::forget_gone(&fixture.context.redis, fixture.clock.now()).await?;
    assert_eq!(forgotten, 2);

    stop.cancel();
    workers.join_all().await;
    let left: Vec<String> = redis.hkeys(WORKERS).await?;
    assert_eq!(left, ["lately@there"]);
    Ok(())
}

/// Who watches the fixture's node.
async fn watcher(fixture: &Fixture) -> anyhow::Result<Option<String>> {
    let mut redis = fixture.redis.connection().await?;
    Ok(redis.get(redis_keys::node_watch(&fixture.node)).await?)
}

/// Ends an instance's container again and again until that is passed on.
async fn until_an_end_is_passed_on(fixture: &Fixture, id: &InstanceId) -> anyhow::Result<()> {
    let container = fixture.row(id).await?.instance_identifier.unwrap_or_default();
    let mut redis = fixture.redis.connection().await?;
    let _: () = redis.del("monitoring").await?;
    eventually(PATIENCE, "the end is passed on", || async {
        let at_once = RestartContainerOptions {
            t: Some(0),
            ..RestartContainerOptions::default()
        };
        let docker = fixture.engine.docker();
        docker.restart_container(&container, Some(at_once)).await?;
        let queued = fixture.queued("monitoring").await?;
        let is_look = |(task, args, _): &(Value, Value, Value)| {
            (task, args) == (&json!("send_heartbeat"), &json!([id]))
        };
        anyhow::ensure!(queued.iter().any(is_look), "{queued:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn one_worker_listens_to_an_engine_and_another_takes_over() -> anyhow::Result<()> {
    let fixture = Fixture::start().await?;
    let id = fixture.running(RunnerKind::default()).await?;
    let (mut workers, mut stops) = (JoinSet::new(), Vec::new());
    for name in ["first@here", "second@here"] {
        let context = Arc::new(fixture.other_worker(Arc::new(Unobserved)).await?);
        let stop = CancellationToken::new();
        workers.spawn(watch::run(context, name.to_owned(), stop.clone()));
        stops.push((name.to_owned(), stop));
    }
    let first = eventually(PATIENCE, "somebody listens", || async {
        watcher(&fixture).await?.ok_or_else(|| anyhow::anyhow!("nobody"))
    })
    .await?;
    until_an_end_is_passed_on(&fixture, &id).await?;

    let stop_of = |name: &str| {
        stops
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, stop)| stop)
    };
    stop_of(&first).unwrap().cancel();
    let second = eventually(PATIENCE, "another one listens", || async {
        let now = watcher(&fixture).await?;
        now.filter(|now| *now != first)
            .ok_or_else(|| anyhow::anyhow!("nobody"))
    })
    .await?;
    until_an_end_is_passed_on(&fixture, &id).await?;

    stop_of(&second).unwrap().cancel();
    workers.join_all().await;
    assert_eq!(watcher(&fixture).await?, None);
    Ok(())
}
