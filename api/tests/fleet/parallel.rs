//! Limits that hold against many requests at once.

use futures::future::join_all;
use serde_json::json;
use testkit::harness::database::DatabaseKind;

use crate::support::{System, uid};

async fn create_fifty(
    kind: DatabaseKind,
    max_instances: u32,
    capacity: u32,
) -> anyhow::Result<(usize, usize)> {
    let system = System::start_on(kind).await?;
    system.node("wide", capacity).await?;
    let runner = system
        .runner("many", json!({"max_instances": max_instances}))
        .await?;
    let path = system.path(&format!("/runners/{}/instance", uid(&runner)));
    let body = json!({});
    let replies = join_all((0..50).map(|_| system.admin.post(&path, &body))).await;
    let mut created = 0;
    for reply in replies {
        let reply = reply?;
        match reply.status.as_u16() {
            201 => created += 1,
            _ => drop(reply.problem(409)?),
        }
    }
    let tasks = system.tasks().await?;
    Ok((
        created,
        tasks.iter().filter(|task| *task == "register_runner").count(),
    ))
}

#[tokio::test]
async fn fifty_requests_at_once_make_no_more_instances_than_allowed() -> anyhow::Result<()> {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        assert_eq!(create_fifty(kind, 10, 1000).await?, (10, 10), "{kind:?}");
    }
    Ok(())
}

#[tokio::test]
async fn fifty_requests_at_once_do_not_overfill_a_node() -> anyhow::Result<()> {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        assert_eq!(create_fifty(kind, 1000, 7).await?, (7, 7), "{kind:?}");
    }
    Ok(())
}
