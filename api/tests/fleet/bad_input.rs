//! What is refused: a problem with the field and what would be right, nothing written, nothing queued.

use serde_json::{Value, json};

use crate::support::{System, merge, tls};

async fn refused(system: &System, path: &str, body: &Value, fields: &[&str]) -> anyhow::Result<()> {
    let before = system.footprint().await?;
    let reply = system.admin.post(&system.path(path), body).await?;
    let problem = reply.problem(422)?;
    let mut found = reply.invalid_fields()?;
    found.sort();
    anyhow::ensure!(found == fields, "{body} is refused by {found:?}, not {fields:?}");
    for error in problem["errors"].as_array().into_iter().flatten() {
        anyhow::ensure!(
            error["message"].as_str().is_some_and(|text| text.len() > 8),
            "{error} says little"
        );
    }
    anyhow::ensure!(
        system.footprint().await? == before,
        "{body} left something behind"
    );
    Ok(())
}

#[tokio::test]
async fn a_wrong_runner_is_refused_by_field() -> anyhow::Result<()> {
    let system = System::start().await?;
    let cases: [(Value, &[&str]); 23] = [
        (json!({"name": "a b"}), &["name"]),
        (json!({"name": 410}), &["name"]),
        (json!({"name": null}), &["name"]),
        (json!({"docker_image": "--privileged"}), &["docker_image"]),
        (json!({"docker_image": "a b"}), &["docker_image"]),
        (json!({"github_repo": "acme"}), &["github_repo"]),
        (json!({"github_repo": "https://github.com/a/b"}), &["github_repo"]),
        (json!({"scope": "org"}), &["github_repo"]),
        (json!({"scope": "enterprise"}), &["scope"]),
        (json!({"github_runner_token": null}), &["github_runner_token"]),
        (
            json!({"github_runner_token": "a b c d e f g"}),
            &["github_runner_token"],
        ),
        (json!({"credential_id": "x"}), &["credential_id"]),
        (
            json!({"github_runner_token": null, "credential_id": "x"}),
            &["credential_id"],
        ),
        (json!({"org_id": "x"}), &["org_id"]),
        (json!({"user_id": "x"}), &["user_id"]),
        (json!({"status": "busy"}), &["status"]),
        (json!({"is_deleted": true, "uid": "x"}), &["is_deleted", "uid"]),
        (
            json!({"labels": ["a,b", "ok", " x"]}),
            &["labels[0]", "labels[2]"],
        ),
        (json!({"max_instances": 0}), &["max_instances"]),
        (json!({"max_instances": 2, "min_idle": 3}), &["min_idle"]),
        (
            json!({"resources": {"cpus": 0, "memory_mb": 1, "pids": 1}}),
            &["resources.cpus", "resources.memory_mb", "resources.pids"],
        ),
        (
            json!({"resources": {"privileged": true}}),
            &["resources.privileged"],
        ),
        (
            json!({"node_selection": {"node_ids": ["x"]}}),
            &["node_selection.node_ids[0]"],
        ),
    ];
    for (change, fields) in cases {
        let mut body =
            json!({"name": "r", "github_repo": "acme/app", "github_runner_token": "AAAATOKENTOKENcdef"});
        merge(&mut body, change);
        refused(&system, "/runners", &body, fields).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_node_is_refused_by_field() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (mut swapped, other) = (tls()?, tls()?);
    swapped["key"] = other["key"].clone();
    let no_pem = json!({"ca": "x", "cert": "y", "key": "z"});
    let remote = |address: &str| json!({"name": "n", "type": "remote", "ip_address": address});
    let with = |mut body: Value, more: Value| {
        merge(&mut body, more);
        body
    };
    let cases: [(Value, &[&str]); 17] = [
        (json!({"name": "n", "type": "socket"}), &["socket_path"]),
        (
            json!({"name": "n", "type": "socket", "socket_path": "docker.sock"}),
            &["socket_path"],
        ),
        (
            json!({"name": "n", "type": "socket", "socket_path": "/a/../b"}),
            &["socket_path"],
        ),
        (
            json!({"name": "n", "type": "socket", "socket_path": "/a", "ip_address": "10.0.0.1"}),
            &["ip_address"],
        ),
        (json!({"name": "n", "type": "remote"}), &["ip_address"]),
        (remote("10.0.0.5"), &["tls"]),
        (remote("not an address"), &["ip_address"]),
        (remote("169.254.169.254"), &["ip_address"]),
        (remote("::ffff:169.254.169.254"), &["ip_address"]),
        (remote("0.0.0.0"), &["ip_address"]),
        (
            with(remote("10.0.0.5"), json!({"tls": no_pem})),
            &["tls.ca", "tls.cert", "tls.key"],
        ),
        (with(remote("10.0.0.5"), json!({"tls": swapped})), &["tls.key"]),
        (with(remote("127.0.0.1"), json!({"port": 0})), &["port"]),
        (with(remote("127.0.0.1"), json!({"port": 70000})), &["port"]),
        (
            json!({"name": "n", "type": "local", "socket_path": "/a", "port": 1}),
            &["port", "socket_path"],
        ),
        (
            json!({"name": "n", "type": "local", "capacity": 1001}),
            &["capacity"],
        ),
        (
            json!({"name": "n", "type": "cloud", "facts": {}}),
            &["facts", "type"],
        ),
    ];
    for (body, fields) in cases {
        refused(&system, "/nodes", &body, fields).await?;
    }
    system
        .admin
        .post(&system.path("/nodes"), &remote("127.0.0.1"))
        .await?
        .expect(201)?;
    Ok(())
}

#[tokio::test]
async fn a_wrong_credential_is_refused_by_field() -> anyhow::Result<()> {
    let system = System::start().await?;
    let cases: [(Value, &[&str]); 8] = [
        (json!({"secret": null}), &["secret"]),
        (json!({"secret": ""}), &["secret"]),
        (json!({"kind": "password"}), &["kind"]),
        (json!({"api_url": "http://github.example.org"}), &["api_url"]),
        (json!({"api_url": "https://169.254.169.254/"}), &["api_url"]),
        (json!({"web_url": "https://[fe80::1]/"}), &["web_url"]),
        (
            json!({"api_url": "https://user:pass@github.example.org"}),
            &["api_url"],
        ),
        (json!({"hint": "x", "org_id": "x"}), &["hint", "org_id"]),
    ];
    for (change, fields) in cases {
        let mut body = json!({"name": "c", "secret": "ghp_0123456789abcdef"});
        merge(&mut body, change);
        refused(&system, "/credentials", &body, fields).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_that_names_its_field() -> anyhow::Result<()> {
    let system = System::start().await?;
    system.runner("taken", json!({})).await?;
    system.node("taken", 1).await?;
    let before = system.footprint().await?;
    let runner =
        json!({"name": "taken", "github_repo": "acme/app", "github_runner_token": "AAAATOKENTOKENcdef"});
    let node = json!({"name": "taken", "type": "local"});
    for (path, body) in [("/runners", runner), ("/nodes", node)] {
        let reply = system.admin.post(&system.path(path), &body).await?;
        reply.problem(409)?;
        assert_eq!(reply.invalid_fields()?, ["name"]);
    }
    assert_eq!(system.footprint().await?, before);
    Ok(())
}

#[tokio::test]
async fn observed_fields_of_an_instance_are_never_taken_from_a_body() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (runner, instance, _) = system.instance("observed").await?;
    for field in [
        "instance_identifier",
        "instance_host",
        "instance_meta",
        "state",
        "node_id",
        "github_runner_id",
    ] {
        let reply = system
            .admin
            .put(&instance, &json!({"desired_state": "running", field: "x"}))
            .await?;
        reply.problem(422)?;
        assert_eq!(reply.invalid_fields()?, [field]);
        let reply = system
            .admin
            .patch(&instance, &json!({"status": "idle", field: "x"}))
            .await?;
        reply.problem(422)?;
    }
    let reply = system
        .admin
        .post(
            &format!("{runner}/instance"),
            &json!({"instance_identifier": "x"}),
        )
        .await?;
    reply.problem(422)?;
    Ok(())
}
