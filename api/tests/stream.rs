//! The event stream: what is told, what is told again, and when it ends.

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use domain::change::Change;
use domain::ids::{NodeId, OrgId};
use domain::node::NodeStatus;
use entities::repo::members;
use futures::StreamExt as _;
use support::{Person, TestServer, expect};
use testkit::harness::{RedisServer, eventually};

/// Streams that one user may have.
const PER_USER: usize = 20;
/// Far more than anything here takes but for a look at a membership.
const PATIENCE: Duration = Duration::from_secs(10);

struct Listening {
    body: std::pin::Pin<Box<dyn futures::Stream<Item = reqwest::Result<Vec<u8>>>>>,
    read: String,
}

impl Listening {
    async fn open(
        server: &TestServer,
        person: &Person,
        org: &str,
        after: Option<&str>,
    ) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let token = person.client.token().unwrap_or_default();
        let mut request = http
            .get(format!("{}/org/{org}/stream", server.base))
            .bearer_auth(token);
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        let reply = request.send().await?;
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

    /// Reads until the text stands in what was received; errors at the end of the stream.
    async fn until(&mut self, text: &str) -> anyhow::Result<()> {
        while !self.read.contains(text) {
            let next = tokio::time::timeout(PATIENCE, self.body.next()).await?;
            let bytes = next.ok_or_else(|| anyhow::anyhow!("the stream ended: {}", self.read))??;
            self.read.push_str(&String::from_utf8(bytes)?);
        }
        Ok(())
    }

    async fn until_end(&mut self) -> anyhow::Result<()> {
        self.ends_within(PATIENCE).await
    }

    async fn ends_within(&mut self, patience: Duration) -> anyhow::Result<()> {
        let ended = async {
            while let Some(bytes) = self.body.next().await {
                self.read.push_str(&String::from_utf8(bytes?)?);
            }
            Ok(())
        };
        tokio::time::timeout(patience, ended)
            .await
            .context("the stream did not end")?
    }

    /// Errors when anything but a comment comes meanwhile.
    async fn is_silent_for(&mut self, time: Duration) -> anyhow::Result<()> {
        let until = tokio::time::Instant::now() + time;
        while let Ok(bytes) = tokio::time::timeout_at(until, self.body.next()).await {
            let bytes = bytes.context("the stream ended")??;
            anyhow::ensure!(bytes.starts_with(b":"), "{}", String::from_utf8_lossy(&bytes));
        }
        Ok(())
    }

    fn last_id(&self) -> Option<String> {
        let mut ids = self.read.lines().filter_map(|line| line.strip_prefix("id:"));
        ids.next_back().map(|id| id.trim().to_owned())
    }
}

fn node_changed() -> (NodeId, Change) {
    let id = NodeId::new();
    (
        id.clone(),
        Change::NodeChanged {
            node_id: id,
            status: NodeStatus::Active,
        },
    )
}

#[tokio::test]
async fn a_change_reaches_an_open_page_and_is_replayed_after_a_break() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let org_id: OrgId = org.parse()?;
    let mut page = Listening::open(&server, &ada, &org, None).await?;
    page.until("ready").await?;
    let (first, change) = node_changed();
    server.context.publish(&org_id, &change).await;
    page.until(first.as_str()).await?;
    let last = page.last_id();
    drop(page);
    let (missed, change) = node_changed();
    server.context.publish(&org_id, &change).await;
    let mut page = Listening::open(&server, &ada, &org, last.as_deref()).await?;
    page.until(missed.as_str()).await?;
    assert!(
        !page.read.contains(first.as_str()) && !page.read.contains("resync"),
        "{}",
        page.read
    );
    Ok(())
}

#[tokio::test]
async fn a_page_that_was_away_too_long_is_told_to_read_everything_again() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let (_, change) = node_changed();
    server.context.publish(&org.parse()?, &change).await;
    let mut page = Listening::open(&server, &ada, &org, Some("1-1")).await?;
    page.until("resync").await?;
    Ok(())
}

#[tokio::test]
async fn another_organisations_changes_are_not_told() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let mut page = Listening::open(&server, &ada, &org, None).await?;
    page.until("ready").await?;
    let ((foreign, other), (own, change)) = (node_changed(), node_changed());
    server.context.publish(&OrgId::new(), &other).await;
    server.context.publish(&org.parse()?, &change).await;
    page.until(own.as_str()).await?;
    assert!(!page.read.contains(foreign.as_str()));
    Ok(())
}

#[tokio::test]
async fn open_pages_do_not_hold_up_a_stop() -> anyhow::Result<()> {
    let mut server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let mut page = Listening::open(&server, &ada, &org, None).await?;
    page.until("ready").await?;
    let started = Instant::now();
    server.shutdown.trigger();
    page.until_end().await?;
    tokio::time::timeout(Duration::from_secs(8), server.stopped()).await??;
    println!("stopped after {:.2} s", started.elapsed().as_secs_f64());
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    Ok(())
}

#[tokio::test]
async fn one_user_opens_so_many_streams_and_gets_them_back() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let mut open = Vec::new();
    for _ in 0..PER_USER {
        open.push(Listening::open(&server, &ada, &org, None).await?);
    }
    let refused = ada.client.get(&format!("/org/{org}/stream")).await?;
    assert!(refused.headers.contains_key("retry-after"));
    expect(refused, 429)?;
    Ok(())
}

#[tokio::test]
async fn a_change_is_on_the_page_at_once() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let org_id: OrgId = org.parse()?;
    let mut page = Listening::open(&server, &ada, &org, None).await?;
    page.until("ready").await?;
    let mut took = Vec::new();
    for _ in 0..50 {
        let (id, change) = node_changed();
        let started = Instant::now();
        server.context.publish(&org_id, &change).await;
        page.until(id.as_str()).await?;
        took.push(started.elapsed());
    }
    took.sort();
    let (median, p95) = (took[took.len() / 2], took[took.len() * 95 / 100]);
    println!("from publishing to the page: median {median:?}, p95 {p95:?}");
    assert!(median < Duration::from_millis(100), "median {median:?}");
    Ok(())
}

#[tokio::test]
async fn two_hundred_pages_get_a_change_once_each() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let mut pages = Vec::new();
    for number in 0..10 {
        let person = server.person(&format!("person{number}")).await?;
        server.add(&ada, &org, &person, "member", &[]).await?;
        for _ in 0..PER_USER {
            pages.push(Listening::open(&server, &person, &org, None).await?);
        }
    }
    for page in &mut pages {
        page.until("ready").await?;
    }
    let ((told, change), (marker, after)) = (node_changed(), node_changed());
    let started = Instant::now();
    server.context.publish(&org.parse()?, &change).await;
    for page in &mut pages {
        page.until(told.as_str()).await?;
    }
    println!("{} pages in {:?}", pages.len(), started.elapsed());
    server.context.publish(&org.parse()?, &after).await;
    for page in &mut pages {
        page.until(marker.as_str()).await?;
        assert_eq!(page.read.matches(told.as_str()).count(), 1, "{}", page.read);
    }
    assert_eq!(pages.len(), 200);
    Ok(())
}

#[tokio::test]
async fn a_restart_of_redis_leaves_pages_open_and_has_them_read_again() -> anyhow::Result<()> {
    let mut server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let org_id: OrgId = org.parse()?;
    let mut page = Listening::open(&server, &ada, &org, None).await?;
    page.until("ready").await?;
    let (before, change) = node_changed();
    server.context.publish(&org_id, &change).await;
    page.until(before.as_str()).await?;
    let last = page.last_id();
    server.redis.kill()?;
    page.until("stalled").await?;
    let refused = ada.client.get(&format!("/org/{org}/stream")).await?;
    expect(refused, 503)?;
    server.redis.start_again().await?;
    page.until("resync").await?;
    let later = eventually(PATIENCE, "a change is published again", async || {
        let (id, change) = node_changed();
        server.context.publish(&org_id, &change).await;
        let mut redis = server.redis.connection().await?;
        let key = domain::redis_keys::events(&org_id);
        let written: usize = redis::AsyncCommands::xlen(&mut redis, key).await?;
        anyhow::ensure!(written > 0, "nothing is in the stream");
        Ok(id)
    })
    .await?;
    page.until(later.as_str()).await?;
    // What this Redis no longer holds can't be told again.
    let mut returned = Listening::open(&server, &ada, &org, last.as_deref()).await?;
    returned.until("resync").await?;
    Ok(())
}

#[tokio::test]
async fn a_removed_members_pages_end() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let org_id: OrgId = org.parse()?;
    let (told, untold) = (server.person("bob").await?, server.person("eve").await?);
    let mut pages = Vec::new();
    for person in [&told, &untold] {
        server.add(&ada, &org, person, "member", &[]).await?;
        let mut page = Listening::open(&server, person, &org, None).await?;
        page.until("ready").await?;
        pages.push(page);
    }
    let removed = ada
        .client
        .delete(&format!("/org/{org}/members/{}", told.id))
        .await?;
    expect(removed, 204)?;
    // Past the api, as when Redis was away at that moment: nobody is told.
    let (db, now) = (&server.context.db, server.context.now());
    assert!(members::remove(db, &org_id, &untold.id.parse()?, now).await?);
    let user_id = told.id.parse()?;
    let started = Instant::now();
    server
        .context
        .publish(&org_id, &Change::MemberChanged { user_id })
        .await;
    pages[0].until_end().await?;
    println!("told of its removal, a page ended after {:?}", started.elapsed());
    assert!(!pages[0].read.contains(&told.id), "{}", pages[0].read);
    pages[1].ends_within(Duration::from_secs(35)).await?;
    println!("by looking, it ended after {:?}", started.elapsed());
    // It was silent for longer than the pause between two comments.
    assert!(pages[1].read.lines().any(|line| line == ":"), "{}", pages[1].read);
    Ok(())
}

/// How often each command was called, but for the asking itself.
async fn commands(redis: &RedisServer) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut connection = redis.connection().await?;
    let text: String = redis::cmd("INFO")
        .arg("commandstats")
        .query_async(&mut connection)
        .await?;
    let calls = text.lines().filter_map(|line| {
        let (command, figures) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let calls = figures.split(',').next()?.parse().ok()?;
        Some((command.to_owned(), calls))
    });
    // A connection introduces itself.
    let asking = |command: &str| command == "info" || command.starts_with("client");
    Ok(calls.filter(|(command, _)| !asking(command)).collect())
}

#[tokio::test]
async fn idle_pages_cost_redis_nothing() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let mut pages = Vec::new();
    for _ in 0..5 {
        let mut page = Listening::open(&server, &ada, &org, None).await?;
        page.until("ready").await?;
        pages.push(page);
    }
    let (id, change) = node_changed();
    server.context.publish(&org.parse()?, &change).await;
    for page in &mut pages {
        page.until(id.as_str()).await?;
    }
    // The hub goes back to its read after it handed on.
    eventually(PATIENCE, "one read waits", async || {
        let mut connection = server.redis.connection().await?;
        let clients: String = redis::cmd("INFO")
            .arg("clients")
            .query_async(&mut connection)
            .await?;
        let waits = clients.lines().any(|line| line.trim() == "blocked_clients:1");
        anyhow::ensure!(waits, "{clients}");
        Ok(())
    })
    .await?;
    let before = commands(&server.redis).await?;
    assert!(before.get("xread").is_some_and(|calls| *calls > 0), "{before:?}");
    pages[0].is_silent_for(Duration::from_secs(2)).await?;
    assert_eq!(commands(&server.redis).await?, before);
    Ok(())
}
