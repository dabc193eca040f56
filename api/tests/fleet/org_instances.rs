//! All instances of an organisation: filters, names, paging, size, and nobody else's.

use std::time::{Duration, Instant};

use domain::instance::{InstanceState, InstanceStatus};
use domain::redis_keys;
use domain::telemetry::RunnerStatus;
use entities::repo::{fleet, nodes, runners};
use serde_json::{Value, json};
use testkit::harness::database::DatabaseKind;

use crate::support::{System, uid};

const BOTH: [DatabaseKind; 2] = [DatabaseKind::Sqlite, DatabaseKind::Postgres];

async fn list(system: &System, query: &str) -> anyhow::Result<Value> {
    let path = system.path(&format!("/instances?{query}"));
    system.admin.get(&path).await?.expect(200)
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .map(|item| item["name"].as_str().unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn all_instances_are_listed_with_the_names_of_their_runners_and_nodes() -> anyhow::Result<()> {
    for kind in BOTH {
        let system = System::start_on(kind).await?;
        let (one, _, first) = system.instance("one").await?;
        let (_, _, second) = system.instance("two").await?;
        system.walk(&second, &[InstanceState::Failed]).await?;

        let page = list(&system, "").await?;
        assert_eq!(page["total"], 2, "{page}");
        let item = &page["items"][0];
        assert_eq!((uid(item), &item["runner_name"]), (first.as_str(), &json!("one")));
        assert!(item["node_name"].is_string(), "{item}");

        let (runner, node) = (&item["runner_id"], &item["node_id"]);
        let of_runner = list(
            &system,
            &format!("runner_id={}", runner.as_str().unwrap_or_default()),
        )
        .await?;
        assert_eq!(
            (&of_runner["total"], uid(&of_runner["items"][0])),
            (&json!(1), first.as_str())
        );
        let on_node = list(&system, &format!("node_id={}", node.as_str().unwrap_or_default())).await?;
        assert!(
            on_node["items"]
                .as_array()
                .is_some_and(|items| !items.is_empty() && items.iter().all(|item| item["node_id"] == *node)),
            "{on_node}"
        );
        assert_eq!(list(&system, "state=failed").await?["total"], 1);
        assert_eq!(list(&system, "state=failed&state=pending").await?["total"], 2);
        assert_eq!(list(&system, "state=failed,pending").await?["total"], 2);
        assert_eq!(list(&system, "q=TWO-").await?["total"], 1);
        let sorted = list(&system, "sort=-name&limit=1&offset=1").await?;
        assert!(names(&sorted)[0].starts_with("one-"), "{sorted}");

        let below_it = system.admin.get(&format!("{one}/instance")).await?.expect(200)?;
        assert_eq!(below_it["items"][0]["runner_name"], "one", "{below_it}");
        assert!(below_it["items"][0]["node_name"].is_string(), "{below_it}");
    }
    Ok(())
}

#[tokio::test]
async fn every_invalid_parameter_of_a_list_is_named_with_what_it_must_be() -> anyhow::Result<()> {
    let system = System::start().await?;
    let query = "limit=many&offset=-1&sort=password&q=%00&state=asleep&status=bored&runner_id=1&node_id=2";
    let reply = system
        .admin
        .get(&system.path(&format!("/instances?{query}")))
        .await?;
    let problem = reply.problem(422)?;
    assert_eq!(
        reply.invalid_fields()?,
        [
            "limit",
            "offset",
            "sort",
            "q",
            "state",
            "status",
            "runner_id",
            "node_id"
        ],
        "{problem}"
    );
    for error in problem["errors"].as_array().into_iter().flatten() {
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.starts_with("must be "), "{error}");
    }
    let twice = system.admin.get(&system.path("/runners?limit=1&limit=2")).await?;
    assert_eq!(
        twice.problem(422)?["errors"][0]["message"],
        "must be given only once"
    );
    let metrics = format!(
        "{}/metrics?from=yesterday&to=&points=x",
        system.instance("box").await?.1
    );
    let reply = system.admin.get(&metrics).await?;
    reply.problem(422)?;
    assert_eq!(reply.invalid_fields()?, ["from", "to", "points"]);
    Ok(())
}

/// Adds instances as the api does, without a request for each; their ids.
async fn add(system: &System, count: usize) -> anyhow::Result<Vec<domain::ids::InstanceId>> {
    let runner = system.runner("crowd", json!({"max_instances": 1000})).await?;
    let node = system.node("wide", 1000).await?;
    let (db, now) = (&system.context.db, system.context.now());
    let org = system.org.trim_start_matches("/org/").parse()?;
    let runner = runners::find(db, &org, &uid(&runner).parse()?).await?;
    let runner = runner.ok_or_else(|| anyhow::anyhow!("no runner"))?;
    let node = nodes::find(db, &org, &uid(&node).parse()?).await?;
    let node = node.ok_or_else(|| anyhow::anyhow!("no node"))?.id()?;
    let txn = entities::begin(db).await?;
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(fleet::insert_instance(&txn, &runner, &node, now).await?.id()?);
    }
    txn.commit().await?;
    Ok(ids)
}

#[tokio::test]
async fn ten_thousand_instances_are_listed_in_a_few_queries_also_by_status() -> anyhow::Result<()> {
    for kind in BOTH {
        let mut first_page = None;
        let system = System::start_on(kind).await?;
        let ids = add(&system, 10_000).await?;
        let report = RunnerStatus {
            status: InstanceStatus::Busy,
            last_heartbeat: system.context.now(),
        };
        let report = serde_json::to_string(&report)?;
        let mut pipeline = redis::pipe();
        for id in ids.iter().step_by(4) {
            pipeline.set(redis_keys::runner_status(id), &report);
        }
        let () = pipeline
            .query_async(&mut system.redis.connection().await?)
            .await?;
        for (query, total) in [
            ("limit=50", 10_000),
            ("limit=100&offset=9900&sort=-created_at", 10_000),
            ("limit=50&sort=-state_changed_at", 10_000),
            ("limit=50&sort=name", 10_000),
            ("limit=50&sort=state", 10_000),
            ("limit=50&q=crowd", 10_000),
            ("limit=50&status=busy&offset=2450", 2_500),
            ("limit=50&status=busy,offline", 10_000),
            ("limit=50&status=idle", 0),
        ] {
            // The quickest of several: what a busy machine adds is not the list's.
            let mut took = Duration::MAX;
            for _ in 0..5 {
                let begun = Instant::now();
                let page = list(&system, query).await?;
                took = took.min(begun.elapsed());
                assert_eq!(page["total"], total, "{query}");
            }
            println!("{kind:?} {query}: {took:?}");
            // A query for each instance would take thousands of times as long.
            let first_page = *first_page.get_or_insert(took);
            assert!(
                took < first_page * 100,
                "{kind:?} {query}: {took:?}, the first page {first_page:?}"
            );
        }
    }
    Ok(())
}
