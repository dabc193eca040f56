//! Instances: created, directed, refused where their state does not allow it.

use domain::instance::InstanceState::{Creating, Draining, Running, Starting, Stopped, Stopping};
use serde_json::{Value, json};

use crate::support::{System, uid};

#[tokio::test]
async fn a_new_instance_is_pending_and_its_registration_is_queued() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (runner, instance, id) = system.instance("fresh").await?;
    let view = system.admin.get(&instance).await?.expect(200)?;
    assert_eq!(
        (&view["state"], &view["desired_state"]),
        (&json!("pending"), &json!("running"))
    );
    assert_eq!(
        (&view["status"], view.get("instance_identifier")),
        (&json!("offline"), None)
    );
    let tail = id.as_str().rsplit('-').next().unwrap_or_default();
    assert_eq!(view["name"], format!("fresh-{tail}"));
    // As any Celery worker reads it.
    let (task, args, message) = system.messages("celery").await?.pop().unwrap_or_default();
    assert_eq!((task.as_str(), args), ("register_runner", json!([id.as_str()])));
    assert_eq!(message["properties"]["delivery_info"]["routing_key"], "celery");
    assert_eq!(message["content-type"], "application/json");
    assert!(message["headers"]["id"].is_string() && message["headers"]["lang"].is_string());
    // Without a body it is the same.
    let bare = system
        .admin
        .send(reqwest::Method::POST, &format!("{runner}/instance"), None)
        .await?;
    bare.expect(201)?;
    let page = system
        .admin
        .get(&format!("{runner}/instance?state=pending&q=fresh"))
        .await?
        .expect(200)?;
    assert_eq!(page["total"], 2);
    let events = system
        .admin
        .get(&format!("{instance}/events"))
        .await?
        .expect(200)?;
    assert_eq!(
        (&events["total"], &events["items"][0]["kind"]),
        (&json!(1), &json!("state"))
    );
    Ok(())
}

#[tokio::test]
async fn what_runs_is_stopped_started_restarted_and_deleted() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (_, instance, id) = system.instance("life").await?;
    let post = |rest: &str| {
        let (admin, path) = (system.admin.clone(), format!("{instance}/{rest}"));
        async move { admin.post(&path, &json!({})).await }
    };
    let facts = |view: &Value| (view["state"].clone(), view["desired_state"].clone());
    system.walk(&id, &[Creating, Starting, Running]).await?;
    assert_eq!(
        facts(&post("stop").await?.expect(202)?),
        (json!("draining"), json!("stopped"))
    );
    system.walk(&id, &[Stopping, Stopped]).await?;
    assert_eq!(
        facts(&post("start").await?.expect(202)?),
        (json!("pending"), json!("running"))
    );
    system.walk(&id, &[Creating, Starting, Running]).await?;
    assert_eq!(
        facts(&post("restart").await?.expect(202)?),
        (json!("draining"), json!("running"))
    );
    let gone = system.admin.delete(&instance).await?.expect(202)?;
    assert_eq!(facts(&gone), (json!("draining"), json!("removed")));
    system.admin.delete(&instance).await?.expect(202)?;
    let expected = [
        "check_node",
        "register_runner",
        "unregister_runner",
        "register_runner",
        "unregister_runner",
    ];
    assert_eq!(system.tasks().await?, expected);
    Ok(())
}

#[tokio::test]
async fn what_the_state_does_not_allow_is_refused_with_the_reason() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (_, instance, id) = system.instance("no").await?;
    let refused = |rest: &'static str| {
        let (admin, path) = (system.admin.clone(), format!("{instance}/{rest}"));
        async move {
            let problem = admin.post(&path, &json!({})).await?.problem(409)?;
            anyhow::Ok(problem["detail"].as_str().unwrap_or_default().to_owned())
        }
    };
    assert!(refused("start").await?.contains("being started already"));
    system.walk(&id, &[Creating, Starting, Running]).await?;
    assert!(refused("start").await?.contains("runs already"));
    system.walk(&id, &[Draining, Stopping, Stopped]).await?;
    assert!(refused("stop").await?.contains("stopped already"));
    assert!(refused("restart").await?.contains("start it"));
    let before = system.tasks().await?;
    system.admin.delete(&instance).await?.expect(202)?;
    assert!(refused("start").await?.contains("being removed"));
    assert_eq!(system.tasks().await?.len(), before.len() + 1);
    Ok(())
}

#[tokio::test]
async fn a_wish_is_put_once_and_does_nothing_the_second_time() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (_, instance, id) = system.instance("wish").await?;
    system.walk(&id, &[Creating, Starting, Running]).await?;
    let before = system.tasks().await?.len();
    for _ in 0..2 {
        let view = system
            .admin
            .put(&instance, &json!({"desired_state": "stopped"}))
            .await?
            .expect(200)?;
        assert_eq!(
            (&view["state"], &view["desired_state"]),
            (&json!("draining"), &json!("stopped"))
        );
    }
    assert_eq!(system.tasks().await?.len(), before + 1);
    let view = system
        .admin
        .put(&instance, &json!({"desired_state": "running"}))
        .await?
        .expect(200)?;
    assert_eq!(view["desired_state"], "running");
    Ok(())
}

#[tokio::test]
async fn without_room_nothing_is_created_and_the_answer_says_what_to_do() -> anyhow::Result<()> {
    let system = System::start().await?;
    let runner = system.runner("roomless", json!({"max_instances": 5})).await?;
    let path = system.path(&format!("/runners/{}/instance", uid(&runner)));
    let code = |body: Value| {
        let (admin, path) = (system.admin.clone(), path.clone());
        async move { anyhow::Ok(admin.post(&path, &body).await?.problem(409)?["code"].clone()) }
    };
    assert_eq!(code(json!({})).await?, "no_node");
    let node = system.node("small", 1).await?;
    system
        .admin
        .post(&path, &json!({"node_id": node["uid"]}))
        .await?
        .expect(201)?;
    assert_eq!(code(json!({})).await?, "no_room");
    assert_eq!(code(json!({"node_id": node["uid"]})).await?, "no_room");
    let closed = json!({"is_active": false, "capacity": 9});
    system
        .admin
        .put(&system.path(&format!("/nodes/{}", uid(&node))), &closed)
        .await?
        .expect(200)?;
    assert_eq!(code(json!({})).await?, "no_node");
    assert_eq!(system.admin.get(&path).await?.expect(200)?["total"], 1);
    Ok(())
}

#[tokio::test]
async fn a_node_outside_the_selection_or_unknown_is_refused_by_its_field() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (one, two) = (system.node("one", 5).await?, system.node("two", 5).await?);
    let only_one = json!({"node_selection": {"node_ids": [one["uid"]]}});
    let runner = system.runner("picky", only_one).await?;
    let path = system.path(&format!("/runners/{}/instance", uid(&runner)));
    let unknown = domain::ids::NodeId::new();
    for node in [uid(&two), unknown.as_str(), "nonsense"] {
        let reply = system.admin.post(&path, &json!({"node_id": node})).await?;
        reply.problem(422)?;
        assert_eq!(reply.invalid_fields()?, ["node_id"], "{node}");
    }
    assert_eq!(
        system.admin.post(&path, &json!({})).await?.expect(201)?["node_id"],
        one["uid"]
    );
    Ok(())
}
