//! Nodes: what is taken, what is kept secret, and what is queued.

use domain::redis_keys::WORKERS;
use domain::worker::WorkerEntry;
use domain::{Clock as _, SystemClock};
use redis::AsyncCommands as _;
use serde_json::json;

use crate::support::{System, tls, uid};

#[tokio::test]
async fn a_node_is_added_listed_changed_checked_and_removed() -> anyhow::Result<()> {
    let system = System::start().await?;
    let node = system.node("one", 4).await?;
    assert_eq!(
        (&node["status"], &node["capacity"]),
        (&json!("inactive"), &json!(4))
    );
    assert_eq!(node["instances_in_use"], 0);
    let path = system.path(&format!("/nodes/{}", uid(&node)));
    let changed = system
        .admin
        .put(&path, &json!({"name": "two"}))
        .await?
        .expect(200)?;
    assert_eq!(
        (&changed["name"], &changed["socket_path"]),
        (&json!("two"), &json!("/run/x.sock"))
    );
    system
        .admin
        .post(&format!("{path}/check"), &json!({}))
        .await?
        .expect(202)?;
    let checks = system.messages("celery").await?;
    assert_eq!(checks.len(), 3);
    for (task, args, _) in checks {
        assert_eq!((task.as_str(), args), ("check_node", json!([uid(&node)])));
    }
    let page = system
        .admin
        .get(&system.path("/nodes?q=TW&status=inactive&type=socket"))
        .await?
        .expect(200)?;
    assert_eq!(
        (&page["total"], &page["items"][0]["uid"]),
        (&json!(1), &node["uid"])
    );
    system.admin.delete(&path).await?.expect(204)?;
    system.admin.get(&path).await?.problem(404)?;
    system.admin.delete(&path).await?.problem(404)?;
    // The name is free again.
    system.node("two", 1).await?;
    Ok(())
}

#[tokio::test]
async fn a_local_node_is_checked_by_its_own_host() -> anyhow::Result<()> {
    let system = System::start().await?;
    let body = json!({"name": "here", "type": "local", "host": "box-7"});
    let node = system
        .admin
        .post(&system.path("/nodes"), &body)
        .await?
        .expect(201)?;
    // Nobody is there to check it, which is told at once.
    assert!(system.messages("host.box-7").await?.is_empty());
    assert_eq!(node["status"], "inactive");
    assert_eq!(node["checks"][0]["message"], "No worker runs on host box-7");
    let entry = WorkerEntry {
        host: "box-7".to_owned(),
        queues: vec!["celery".to_owned(), "host.box-7".to_owned()],
        concurrency: 1,
        version: "0.1.0".to_owned(),
        pid: 7,
        started_at: SystemClock.now(),
        seen_at: SystemClock.now(),
    };
    let mut redis = system.redis.connection().await?;
    let () = redis
        .hset(WORKERS, "runner-pilot@box-7", serde_json::to_string(&entry)?)
        .await?;
    let check = system.path(&format!("/nodes/{}/check", uid(&node)));
    system.admin.post(&check, &json!({})).await?.expect(202)?;
    let (task, args, _) = &system.messages("host.box-7").await?[0];
    assert_eq!((task.as_str(), args), ("check_node", &json!([uid(&node)])));
    let body = json!({"name": "own", "type": "local"});
    let own = system
        .admin
        .post(&system.path("/nodes"), &body)
        .await?
        .expect(201)?;
    assert!(own["host"].as_str().is_some_and(|host| !host.is_empty()));
    Ok(())
}

#[tokio::test]
async fn tls_material_is_taken_and_never_given_back() -> anyhow::Result<()> {
    let system = System::start().await?;
    let body = json!({"name": "far", "type": "remote", "ip_address": "10.9.8.7", "tls": tls()?});
    let reply = system.admin.post(&system.path("/nodes"), &body).await?;
    let node = reply.expect(201)?;
    assert_eq!((&node["has_tls"], &node["port"]), (&json!(true), &json!(2376)));
    assert!(!reply.text().contains("BEGIN"));
    let path = system.path(&format!("/nodes/{}", uid(&node)));
    // What is absent stays.
    let changed = system
        .admin
        .put(&path, &json!({"port": 2399}))
        .await?
        .expect(200)?;
    assert_eq!(
        (&changed["has_tls"], &changed["port"]),
        (&json!(true), &json!(2399))
    );
    // Another type has no use for it.
    let moved = json!({"type": "socket", "socket_path": "/run/docker.sock"});
    let moved = system.admin.put(&path, &moved).await?.expect(200)?;
    assert_eq!(
        (&moved["has_tls"], moved.get("ip_address")),
        (&json!(false), None)
    );
    Ok(())
}

#[tokio::test]
async fn a_node_with_instances_is_neither_removed_nor_moved() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (_, instance, _) = system.instance("held").await?;
    let node = system.admin.get(&instance).await?.expect(200)?["node_id"].clone();
    let path = system.path(&format!("/nodes/{}", node.as_str().unwrap_or_default()));
    assert_eq!(system.admin.get(&path).await?.expect(200)?["instances_in_use"], 1);
    assert_eq!(system.admin.delete(&path).await?.problem(409)?["code"], "in_use");
    let moved = json!({"socket_path": "/run/other.sock"});
    assert_eq!(
        system.admin.put(&path, &moved).await?.problem(409)?["code"],
        "in_use"
    );
    system
        .admin
        .put(&path, &json!({"capacity": 7}))
        .await?
        .expect(200)?;
    Ok(())
}
