//! What an operator's settings keep organisations from naming.

use serde_json::{Value, json};
use testkit::harness::Reply;
use testkit::harness::database::DatabaseKind;

use crate::support::{System, uid};

fn refuses(reply: &Reply, field: &str) -> anyhow::Result<()> {
    let problem = reply.problem(422)?;
    anyhow::ensure!(
        reply.invalid_fields()? == [field],
        "{field} is not what {problem} is about"
    );
    anyhow::ensure!(problem["errors"][0]["code"] == "not_allowed", "{problem}");
    Ok(())
}

#[tokio::test]
async fn what_the_operator_does_not_offer_is_refused_by_its_field() -> anyhow::Result<()> {
    let strict = [
        ("NODE_TYPES", "socket,remote"),
        ("NODE_SOCKET_PATHS", "/run/x.sock"),
        ("NODE_NETWORKS", "10.0.0.0/8"),
        ("HOST_NETWORK_ALLOWED", "false"),
        ("LOOPBACK_GITHUB_ALLOWED", "false"),
    ];
    let system = System::start_with(DatabaseKind::Sqlite, &strict).await?;
    let post = async |list: &str, body: Value| system.admin.post(&system.path(list), &body).await;
    let before = system.footprint().await?;
    let local = post("/nodes", json!({"name": "l", "type": "local"})).await?;
    refuses(&local, "type")?;
    let socket = json!({"name": "s", "type": "socket", "socket_path": "/run/y.sock"});
    refuses(&post("/nodes", socket).await?, "socket_path")?;
    let remote = json!({"name": "r", "type": "remote", "ip_address": "127.0.0.1", "port": 2375});
    refuses(&post("/nodes", remote).await?, "ip_address")?;
    let host = json!({"name": "h", "github_repo": "a/b", "github_runner_token": "AAAATOKENTOKENcdef",
        "resources": {"network": "host"}});
    refuses(&post("/runners", host).await?, "resources.network")?;
    let credential =
        |api_url: &str| json!({"name": "c", "secret": "ghp_0123456789abcdefWXYZ", "api_url": api_url});
    refuses(
        &post("/credentials", credential("http://127.0.0.1:6379/")).await?,
        "api_url",
    )?;
    assert_eq!(system.footprint().await?, before);

    // What is offered, and the GitHub that the installation itself is set to use.
    let node = system.node("n", 1).await?;
    let made = post("/credentials", credential("http://127.0.0.1:9/"))
        .await?
        .expect(201)?;
    let path = system.path(&format!("/nodes/{}", uid(&node)));
    let moved = system
        .admin
        .put(&path, &json!({"socket_path": "/run/y.sock"}))
        .await?;
    refuses(&moved, "socket_path")?;
    let path = system.path(&format!("/credentials/{}", uid(&made)));
    let moved = json!({"api_url": "http://127.0.0.1:19/", "secret": "ghp_0123456789abcdefWXYZ"});
    refuses(&system.admin.put(&path, &moved).await?, "api_url")?;
    Ok(())
}

#[tokio::test]
async fn nothing_is_restricted_unless_the_operator_says_so() -> anyhow::Result<()> {
    let system = System::start().await?;
    for node in [
        json!({"name": "a", "type": "socket", "socket_path": "/tmp/any/where.sock"}),
        json!({"name": "b", "type": "remote", "ip_address": "127.0.0.1", "port": 2375}),
        json!({"name": "c", "type": "local"}),
    ] {
        system
            .admin
            .post(&system.path("/nodes"), &node)
            .await?
            .expect(201)?;
    }
    let credential =
        json!({"name": "c", "secret": "ghp_0123456789abcdefWXYZ", "api_url": "http://127.0.0.1:19/"});
    let credentials = system.path("/credentials");
    system.admin.post(&credentials, &credential).await?.expect(201)?;
    system
        .runner("h", json!({"resources": {"network": "host"}}))
        .await?;
    Ok(())
}
