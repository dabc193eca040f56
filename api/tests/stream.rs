//! The event stream: what is told, what is told again, and when it ends.

mod support;

use std::time::{Duration, Instant};

use domain::change::Change;
use domain::ids::{NodeId, OrgId};
use domain::node::NodeStatus;
use futures::StreamExt as _;
use support::{Person, TestServer, expect};

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
            let next = tokio::time::timeout(Duration::from_secs(10), self.body.next()).await?;
            let bytes = next.ok_or_else(|| anyhow::anyhow!("the stream ended: {}", self.read))??;
            self.read.push_str(&String::from_utf8(bytes)?);
        }
        Ok(())
    }

    async fn until_end(&mut self) -> anyhow::Result<()> {
        while let Some(bytes) = tokio::time::timeout(Duration::from_secs(10), self.body.next()).await? {
            self.read.push_str(&String::from_utf8(bytes?)?);
        }
        Ok(())
    }

    fn last_id(&self) -> Option<String> {
        let ids = self.read.lines().filter_map(|line| line.strip_prefix("id:"));
        ids.last().map(|id| id.trim().to_owned())
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
    for _ in 0..20 {
        open.push(Listening::open(&server, &ada, &org, None).await?);
    }
    let refused = ada.client.get(&format!("/org/{org}/stream")).await?;
    assert!(refused.headers.contains_key("retry-after"));
    expect(refused, 429)?;
    Ok(())
}
