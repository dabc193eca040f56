//! What a request costs the database. Alone in its binary, because it counts the statements of the
//! whole process.

mod support;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use support::{TestServer, expect, text};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// The statements that the driver tells of, in their order.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<Vec<String>>>);

impl Statements {
    fn said(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was said since it was asked last.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.said())
    }
}

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            let mut summary = String::new();
            event.record(&mut Summary(&mut summary));
            // The pool opens a connection when it likes to; what that says is no request's cost.
            if !summary.starts_with("PRAGMA") {
                self.said().push(summary);
            }
        }
    }
}

/// Reads the beginning of a statement from the event that tells of it.
struct Summary<'a>(&'a mut String);

impl Visit for Summary<'_> {
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "summary" {
            self.0.push_str(value);
        }
    }
}

#[tokio::test]
async fn what_is_read_of_a_fleet_costs_as_many_statements_for_many_instances_as_for_few() -> anyhow::Result<()>
{
    let statements = Statements::default();
    tracing_subscriber::registry().with(statements.clone()).init();
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let cost = async |what: &str| {
        statements.take();
        expect(ada.client.get(&format!("/org/{org}/{what}")).await?, 200)?;
        let said = statements.take();
        assert!(!said.is_empty(), "no statement of {what} was told of");
        println!("{what}: {said:#?}");
        anyhow::Ok(said.len())
    };
    let asked = ["overview", "instances", "instances?status=offline", "runners"];
    let overview_of_none = cost("overview").await?;
    let mut for_few = Vec::new();
    for name in ["one", "two", "three", "four"] {
        let node = json!({"name": name, "type": "socket", "socket_path": "/run/x.sock", "capacity": 100});
        let nodes = format!("/org/{org}/nodes");
        let node = text(&expect(ada.client.post(&nodes, &node).await?, 201)?, "/uid")?;
        let runner = json!({"name": name, "github_repo": "acme/app", "max_instances": 100,
            "github_runner_token": "AAAATOKENTOKENcdef"});
        let runners = format!("/org/{org}/runners");
        let runner = text(&expect(ada.client.post(&runners, &runner).await?, 201)?, "/uid")?;
        for _ in 0..10 {
            let instances = format!("{runners}/{runner}/instance");
            let made = ada.client.post(&instances, &json!({"node_id": node})).await?;
            expect(made, 201)?;
        }
        if name == "one" {
            for what in asked {
                for_few.push(cost(what).await?);
            }
        }
    }
    let mut for_many = Vec::new();
    for what in asked {
        for_many.push(cost(what).await?);
    }
    let page = expect(
        ada.client.get(&format!("/org/{org}/runners?sort=name")).await?,
        200,
    )?;
    let mut for_removal = Vec::new();
    for index in [0, 1] {
        let runner = text(&page, &format!("/items/{index}/uid"))?;
        if index == 1 {
            // One more than the other has.
            let instances = format!("/org/{org}/runners/{runner}/instance");
            expect(ada.client.post(&instances, &json!({})).await?, 201)?;
        }
        statements.take();
        expect(
            ada.client.delete(&format!("/org/{org}/runners/{runner}")).await?,
            204,
        )?;
        for_removal.push(statements.take().len());
    }
    let each = for_removal[1] - for_removal[0];
    assert!(
        each <= 3,
        "each instance of a deleted runner costs {each} statements, one of them for its node"
    );
    // The past of one runner and of its node, before and after more instances are there.
    let runner = text(&page, "/items/2/uid")?;
    let there = expect(
        ada.client
            .get(&format!("/org/{org}/runners/{runner}/instance"))
            .await?,
        200,
    )?;
    let node = text(&there, "/items/0/node_id")?;
    let pasts = [
        format!("runners/{runner}/metrics"),
        format!("runners/{runner}/events"),
        format!("nodes/{node}/metrics"),
        format!("nodes/{node}/events"),
    ];
    let cost_of_pasts = async || {
        let mut costs = Vec::new();
        for past in &pasts {
            costs.push(cost(past).await?);
        }
        anyhow::Ok(costs)
    };
    let pasts_of_few = cost_of_pasts().await?;
    for _ in 0..10 {
        let instances = format!("/org/{org}/runners/{runner}/instance");
        let made = ada.client.post(&instances, &json!({"node_id": node})).await?;
        expect(made, 201)?;
    }
    let pasts_of_many = cost_of_pasts().await?;
    println!("{pasts:?}: {pasts_of_few:?} statements for 10 instances, {pasts_of_many:?} for 20");
    assert_eq!(pasts_of_many, pasts_of_few);
    println!("{asked:?}: {for_few:?} statements for 10 instances, {for_many:?} for 40 on 4 nodes");
    assert_eq!(for_few[0], overview_of_none);
    assert_eq!(for_many, for_few);
    Ok(())
}
