//! A log that is followed over HTTP. The tests play the worker's part in Redis.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use domain::ids::{InstanceId, LogStreamId};
use domain::instance::InstanceState;
use domain::logs::{BATCH_FIELD, LogBatch, LogEnd};
use domain::redis_keys;
use entities::repo::lifecycle;
use futures::StreamExt as _;
use redis::AsyncCommands as _;
use serde_json::{Value, json};
use testkit::harness::{ApiClient, eventually};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::support::System;

const SOON: Duration = Duration::from_secs(20);

/// Somebody who looks at a log.
struct Viewer {
    body: std::pin::Pin<Box<dyn futures::Stream<Item = reqwest::Result<Vec<u8>>>>>,
    read: String,
}

impl Viewer {
    async fn open(client: &ApiClient, instance: &str) -> anyhow::Result<Self> {
        Self::open_after(client, instance, "nothing").await
    }

    async fn open_after(client: &ApiClient, instance: &str, id: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let reply = http
            .get(client.address(&format!("{instance}/logs/stream?tail=7")))
            .bearer_auth(client.token().unwrap_or_default())
            .header("Last-Event-ID", id)
            .send()
            .await?;
        anyhow::ensure!(reply.status() == 200, "{}", reply.status());
        let body = reply
            .bytes_stream()
            .map(|bytes| bytes.map(|bytes| bytes.to_vec()))
            .boxed_local();
        Ok(Self {
            body,
            read: String::new(),
        })
    }

    async fn until(&mut self, text: &str) -> anyhow::Result<()> {
        while !self.read.contains(text) {
            let next = tokio::time::timeout(SOON, self.body.next()).await?;
            let bytes = next.ok_or_else(|| anyhow::anyhow!("it ended: {}", self.read))??;
            self.read.push_str(&String::from_utf8(bytes)?);
        }
        Ok(())
    }

    /// The last event, once the stream has ended.
    async fn last(&mut self, patience: Duration) -> anyhow::Result<Value> {
        let reading = async {
            while let Some(bytes) = self.body.next().await {
                self.read.push_str(&String::from_utf8(bytes?)?);
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(patience, reading).await??;
        let mut events = self.read.lines().filter_map(|line| line.strip_prefix("data:"));
        Ok(serde_json::from_str(events.next_back().unwrap_or("null").trim())?)
    }
}

/// An instance with a container.
async fn instance(system: &System) -> anyhow::Result<(String, InstanceId)> {
    let (_, path, id) = system.instance("one").await?;
    let (db, now) = (&system.context.db, system.context.now());
    let lease = lifecycle::Lease {
        token: "test",
        until: now + TimeDelta::minutes(1),
    };
    let claimed = lifecycle::claim(db, &id, &InstanceState::ALL, &lease, now).await?;
    anyhow::ensure!(claimed.is_some(), "{id} is not claimed");
    let container = lifecycle::Observed {
        instance_identifier: Some(Some("ab".repeat(32))),
        ..lifecycle::Observed::default()
    };
    let written = lifecycle::record(db, &id, "test", container, now).await?;
    anyhow::ensure!(written, "{id} has no container");
    Ok((path, id))
}

/// The stream that a worker was asked to fill, as many as were asked for.
async fn asked(system: &System, count: usize) -> anyhow::Result<Vec<(Value, LogStreamId)>> {
    eventually(SOON, "a worker is asked", || async {
        let messages = system.messages("celery").await?;
        let asked = messages.iter().filter(|(task, ..)| task == "follow_logs");
        let asked: Vec<(Value, LogStreamId)> = asked
            .map(|(_, args, _)| Ok((args.clone(), serde_json::from_value(args[1].clone())?)))
            .collect::<anyhow::Result<_>>()?;
        anyhow::ensure!(asked.len() == count, "{asked:?}");
        Ok(asked)
    })
    .await
}

async fn push(system: &System, viewer: &LogStreamId, batch: &LogBatch) -> anyhow::Result<()> {
    let mut redis = system.redis.connection().await?;
    let json = serde_json::to_string(batch)?;
    let key = redis_keys::logs(viewer);
    let before: usize = redis.xlen(&key).await?;
    let _: String = redis
        .xadd(&key, format!("{}-0", before + 1), &[(BATCH_FIELD, json)])
        .await?;
    Ok(())
}

fn lines(lines: &[&str]) -> LogBatch {
    LogBatch {
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        ..LogBatch::default()
    }
}

#[tokio::test]
async fn lines_reach_the_viewer_until_the_end() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (path, id) = instance(&system).await?;
    let mut viewer = Viewer::open(&system.admin, &path).await?;
    let (args, stream) = asked(&system, 1).await?.remove(0);
    assert_eq!(args, json!([id, stream, 7, null]));
    let mut redis = system.redis.connection().await?;
    let ttl: i64 = redis.ttl(redis_keys::logs_lease(&stream)).await?;
    assert!((1..=15).contains(&ttl), "{ttl}");
    push(&system, &stream, &LogBatch::default()).await?;
    viewer.until(r#""lines":[]"#).await?;
    let started = Instant::now();
    push(
        &system,
        &stream,
        &lines(&["one", "<script>alert(1)</script>\u{1b}[0m"]),
    )
    .await?;
    viewer.until("one").await?;
    println!("from Redis to the viewer: {:?}", started.elapsed());
    let skipped = LogBatch {
        skipped: 7,
        end: Some(LogEnd::Ended),
        ..lines(&["last"])
    };
    push(&system, &stream, &skipped).await?;
    let last = viewer.last(SOON).await?;
    assert_eq!(
        last,
        json!({"event": "end", "lines": ["last"], "skipped": 7, "reason": "ended"})
    );
    assert!(viewer.read.contains("event: lines") || viewer.read.contains("event:lines"));
    Ok(())
}

#[tokio::test]
async fn the_lease_is_renewed_while_somebody_looks_and_runs_out_after() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (path, _) = instance(&system).await?;
    // A plain connection, which ends at once when it is dropped, as a browser's does.
    let url: reqwest::Url = system.admin.address(&format!("{path}/logs/stream")).parse()?;
    let address = (url.host_str().unwrap_or_default(), url.port().unwrap_or_default());
    let mut viewer = TcpStream::connect(address).await?;
    let token = system.admin.token().unwrap_or_default();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n",
        url.path()
    );
    viewer.write_all(request.as_bytes()).await?;
    let (_, stream) = asked(&system, 1).await?.remove(0);
    let lease = redis_keys::logs_lease(&stream);
    let mut redis = system.redis.connection().await?;
    let ttl = async || {
        let mut redis = system.redis.connection().await?;
        anyhow::Ok(redis.pttl::<_, i64>(&lease).await?)
    };
    // Shortened from outside: only a renewal makes it long again.
    let _: () = redis.pexpire(&lease, 8_000).await?;
    eventually(SOON, "the lease is renewed", || async {
        let ttl = ttl().await?;
        anyhow::ensure!(ttl > 9_000, "{ttl}");
        Ok(())
    })
    .await?;
    drop(viewer);
    let _: () = redis.pexpire(&lease, 6_500).await?;
    eventually(Duration::from_secs(12), "the lease runs out", || async {
        anyhow::ensure!(ttl().await? == -2, "still there");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn without_a_worker_the_viewer_is_told_so_and_without_a_container_at_once() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (_, bare, _) = system.instance("bare").await?;
    let last = Viewer::open(&system.admin, &bare).await?.last(SOON).await?;
    assert_eq!(last["reason"], "ended");
    assert_eq!(asked(&system, 0).await?.len(), 0);
    let (path, _) = instance(&system).await?;
    let last = Viewer::open(&system.admin, &path).await?.last(SOON).await?;
    assert_eq!(
        (&last["event"], &last["reason"]),
        (&json!("end"), &json!("no_worker"))
    );
    Ok(())
}

#[tokio::test]
async fn a_worker_that_falls_silent_ends_the_stream_and_who_connects_again_has_another_one_begin()
-> anyhow::Result<()> {
    let system = System::start().await?;
    let (path, _) = instance(&system).await?;
    let mut viewer = Viewer::open(&system.admin, &path).await?;
    let (_, stream) = asked(&system, 1).await?.remove(0);
    let at = "2026-01-02T03:04:05.678901234Z";
    let stamped = LogBatch {
        last: Some(at.parse()?),
        ..lines(&["one"])
    };
    push(&system, &stream, &stamped).await?;
    let last = viewer.last(SOON).await?;
    assert_eq!(last["reason"], "worker_stopped");
    assert!(viewer.read.contains(&format!("id: {at}\n")), "{}", viewer.read);
    let mut again = Viewer::open_after(&system.admin, &path, at).await?;
    let asked = asked(&system, 2).await?;
    let (args, other) = asked.into_iter().find(|(_, id)| *id != stream).unwrap();
    assert_eq!(args[3], at);
    push(&system, &other, &lines(&["two"])).await?;
    again.until("two").await
}

#[tokio::test]
async fn a_batch_that_was_lost_on_the_way_ends_the_stream() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (path, _) = instance(&system).await?;
    let mut viewer = Viewer::open(&system.admin, &path).await?;
    let (_, stream) = asked(&system, 1).await?.remove(0);
    push(&system, &stream, &lines(&["one"])).await?;
    viewer.until("one").await?;
    let mut redis = system.redis.connection().await?;
    let json = serde_json::to_string(&lines(&["three"]))?;
    let _: String = redis
        .xadd(redis_keys::logs(&stream), "3-0", &[(BATCH_FIELD, json)])
        .await?;
    let last = viewer.last(SOON).await?;
    assert_eq!((&last["reason"], &last["lines"]), (&json!("overrun"), &json!([])));
    Ok(())
}

#[tokio::test]
async fn a_redis_that_restarts_ends_the_stream_and_says_why() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    let (path, _) = instance(&system).await?;
    let mut viewer = Viewer::open(&system.admin, &path).await?;
    let (_, stream) = asked(&system, 1).await?.remove(0);
    push(&system, &stream, &lines(&["one"])).await?;
    viewer.until("one").await?;
    system.redis.kill()?;
    system.redis.start_again().await?;
    let last = viewer.last(Duration::from_secs(30)).await?;
    assert_eq!(last["reason"], "overrun");
    Ok(())
}

#[tokio::test]
async fn a_user_follows_so_many_logs_and_no_more() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (path, _) = instance(&system).await?;
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(Viewer::open(&system.admin, &path).await?);
    }
    let refused = system.admin.get(&format!("{path}/logs/stream")).await?;
    assert!(refused.headers.contains_key("retry-after"));
    refused.expect(429)?;
    let wrong = system.admin.get(&format!("{path}/logs/stream?tail=0")).await?;
    wrong.expect(422)?;
    Ok(())
}
