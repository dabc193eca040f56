//! Runners.

use serde_json::{Value, json};

use crate::support::{System, uid};

#[tokio::test]
async fn a_runner_has_its_defaults_and_shows_its_token_masked() -> anyhow::Result<()> {
    let system = System::start().await?;
    let runner = system.runner("linux-x64", json!({})).await?;
    let expected = json!({"status": "idle", "scope": "repo", "ephemeral": true, "min_idle": 0, "max_instances": 10,
        "labels": [], "github_runner_token": "****cdef", "runner_group_id": 1,
        "docker_image": "ghcr.io/actions/actions-runner:2.336.0",
        "resources": {"cpus": 2.0, "memory_mb": 4096, "pids": 2048, "network": "bridge"},
        "node_selection": {"node_ids": []}});
    for (name, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(&runner[name], value, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name_the_token_too() -> anyhow::Result<()> {
    let system = System::start().await?;
    let runner = system
        .runner(
            "one",
            json!({"labels": ["gpu", "GPU", "a b"], "max_instances": 3}),
        )
        .await?;
    assert_eq!(runner["labels"], json!(["gpu", "a b"]));
    let path = system.path(&format!("/runners/{}", uid(&runner)));
    let change = json!({"name": "two", "resources": {"memory_mb": 128}, "ephemeral": false});
    let changed = system.admin.put(&path, &change).await?.expect(200)?;
    assert_eq!(
        (&changed["name"], &changed["github_runner_token"]),
        (&json!("two"), &json!("****cdef"))
    );
    assert_eq!(
        (&changed["labels"], &changed["ephemeral"]),
        (&json!(["gpu", "a b"]), &json!(false))
    );
    assert_eq!(
        changed["resources"],
        json!({"cpus": 2.0, "memory_mb": 128, "pids": 2048, "network": "bridge"})
    );
    let change = json!({"github_runner_token": "BBBBTOKENTOKEN9876"});
    assert_eq!(
        system.admin.put(&path, &change).await?.expect(200)?["github_runner_token"],
        "****9876"
    );
    Ok(())
}

#[tokio::test]
async fn a_clone_has_everything_but_name_and_instances() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (runner, _, _) = system.instance("original").await?;
    let reply = system
        .admin
        .post(&format!("{runner}/clone"), &json!({"name": "copy"}))
        .await?;
    let copy = reply.expect(201)?;
    assert_eq!(
        (&copy["instances_in_use"], &copy["github_runner_token"]),
        (&json!(0), &json!("****cdef"))
    );
    let taken = system
        .admin
        .post(&format!("{runner}/clone"), &json!({"name": "copy"}))
        .await?;
    taken.problem(409)?;
    assert_eq!(taken.invalid_fields()?, ["name"]);
    // The copy's token opens in the copy's row: a further copy can be made of it.
    let path = system.path(&format!("/runners/{}/clone", uid(&copy)));
    system
        .admin
        .post(&path, &json!({"name": "third"}))
        .await?
        .expect(201)?;
    Ok(())
}

#[tokio::test]
async fn a_runner_is_found_by_text_status_and_order() -> anyhow::Result<()> {
    let system = System::start().await?;
    for name in ["alpha", "beta", "gamma"] {
        system.runner(name, json!({})).await?;
    }
    let list = |query: &str| {
        let path = system.path(&format!("/runners?{query}"));
        let admin = system.admin.clone();
        async move { admin.get(&path).await?.expect(200) }
    };
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|item| item["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let page = list("sort=-name&limit=2").await?;
    assert_eq!(
        (names(&page), &page["total"]),
        (vec!["gamma".to_owned(), "beta".to_owned()], &json!(3))
    );
    assert_eq!(names(&list("sort=-name&limit=2&offset=2").await?), ["alpha"]);
    assert_eq!(names(&list("q=ET").await?), ["beta"]);
    let beta = uid(&list("q=beta").await?["items"][0]).to_owned();
    let path = system.path(&format!("/runners/{beta}/status"));
    let busy = system
        .admin
        .patch(&path, &json!({"status": "busy"}))
        .await?
        .expect(200)?;
    assert_eq!(busy["status"], "busy");
    assert_eq!(names(&list("status=busy").await?), ["beta"]);
    assert_eq!(names(&list("status=idle").await?), ["alpha", "gamma"]);
    Ok(())
}

#[tokio::test]
async fn a_deleted_runner_lets_its_instances_drain() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (runner, instance, id) = system.instance("leaving").await?;
    system.admin.delete(&runner).await?.expect(204)?;
    system.admin.get(&runner).await?.problem(404)?;
    system.admin.get(&instance).await?.problem(404)?;
    let row = entities::repo::lifecycle::find(&system.context.db, &id).await?;
    let row = row.map(|row| (row.state, row.desired_state));
    assert_eq!(row, Some(("draining".to_owned(), "removed".to_owned())));
    let last = system.messages("celery").await?.pop();
    assert_eq!(
        last.map(|(task, args, _)| (task, args)),
        Some(("unregister_runner".to_owned(), json!([id.as_str()])))
    );
    // The name is free again.
    system.runner("leaving", json!({})).await?;
    Ok(())
}

#[tokio::test]
async fn only_an_admin_gives_a_runner_the_nodes_network() -> anyhow::Result<()> {
    let system = System::start().await?;
    let member = system
        .member("bob", json!({"create_runner": true, "update_runner": true}))
        .await?;
    let body = json!({"name": "net", "github_repo": "a/b", "github_runner_token": "AAAATOKENTOKENcdef",
        "resources": {"network": "host"}});
    member.post(&system.path("/runners"), &body).await?.problem(403)?;
    let runner = system
        .admin
        .post(&system.path("/runners"), &body)
        .await?
        .expect(201)?;
    assert_eq!(runner["resources"]["network"], "host");
    // What an admin has set may stay, but not be copied.
    let path = system.path(&format!("/runners/{}", uid(&runner)));
    member.put(&path, &json!({"min_idle": 1})).await?.expect(200)?;
    for (field, value) in [
        ("docker_image", json!("evil/image:1")),
        ("github_repo", json!("b/c")),
        ("labels", json!(["other"])),
    ] {
        let reply = member.put(&path, &json!({field: value})).await?;
        reply.problem(403)?;
        assert_eq!(reply.invalid_fields()?, [field]);
        system
            .admin
            .put(&path, &json!({field: value}))
            .await?
            .expect(200)?;
    }
    member
        .post(&format!("{path}/clone"), &json!({"name": "net2"}))
        .await?
        .problem(403)?;
    Ok(())
}

#[tokio::test]
async fn a_runner_is_listed_with_its_instances_counted() -> anyhow::Result<()> {
    use domain::instance::InstanceState::{Creating, Failed, Running, Starting};
    let system = System::start().await?;
    let (runner, busy, id) = system.instance("counted").await?;
    system.runner("empty", json!({})).await?;
    system.walk(&id, &[Creating, Starting, Running]).await?;
    system
        .admin
        .patch(&busy, &json!({"status": "busy"}))
        .await?
        .expect(200)?;
    for states in [&[][..], &[Failed]] {
        let made = system
            .admin
            .post(&format!("{runner}/instance"), &json!({}))
            .await?
            .expect(201)?;
        system.walk(&uid(&made).parse()?, states).await?;
    }
    let page = system
        .admin
        .get(&system.path("/runners?sort=name"))
        .await?
        .expect(200)?;
    let counts = &page["items"][0]["instances"];
    let expected = json!({"total": 3, "pending": 1, "starting": 0, "idle": 0, "busy": 1, "online": 0,
        "offline": 0, "draining": 0, "stopped": 0, "failed": 1});
    assert_eq!(*counts, expected);
    assert_eq!(page["items"][0]["instances_in_use"], 2);
    assert_eq!(page["items"][1]["instances"]["total"], 0);
    assert_eq!(
        system.admin.get(&runner).await?.expect(200)?["instances"],
        expected
    );
    Ok(())
}

#[tokio::test]
async fn where_a_runner_is_registered_stays_while_instances_live() -> anyhow::Result<()> {
    use domain::instance::InstanceState::{Draining, Stopped, Stopping};
    let system = System::start().await?;
    let credential = json!({"name": "main", "kind": "pat", "secret": "ghp_0123456789abcdefWXYZ"});
    let credential = system
        .admin
        .post(&system.path("/credentials"), &credential)
        .await?
        .expect(201)?;
    let (runner, _, id) = system.instance("here").await?;
    let moves = [
        ("github_repo", json!({"github_repo": "acme/other"})),
        ("scope", json!({"scope": "org", "github_repo": "acme"})),
        ("credential_id", json!({"credential_id": credential["uid"]})),
    ];
    for (field, change) in &moves {
        let reply = system.admin.put(&runner, change).await?;
        assert_eq!(reply.problem(409)?["code"], "in_use", "{field}");
        assert!(
            reply.invalid_fields()?.iter().any(|name| name == field),
            "{field}"
        );
    }
    // The same target again and anything else are no matter.
    let same = json!({"github_repo": "acme/app", "scope": "repo", "min_idle": 0, "labels": ["gpu"]});
    system.admin.put(&runner, &same).await?.expect(200)?;
    system.walk(&id, &[Draining, Stopping, Stopped]).await?;
    for (_, change) in &moves {
        system.admin.put(&runner, change).await?.expect(200)?;
    }
    Ok(())
}
