//! Where one organisation ends and the next begins, and when a grant ends.

use serde_json::json;

use super::driver::{operations, things};
use super::rows::rows;
use super::support::{expect, text};

#[tokio::test]
async fn a_child_is_not_reached_through_another_organisation() -> anyhow::Result<()> {
    let things = things().await?;
    let server = &things.server;
    let eve = server.person("eve").await?;
    let other = text(
        &expect(eve.client.post("/org", &json!({"name": "Elsewhere"})).await?, 201)?,
        "/uid",
    )?;
    let rows = rows();
    let mut wrong = Vec::new();
    for operation in operations(server).await? {
        let has_child = operation.path.matches('{').count() > 1;
        if !has_child || !rows.contains_key(operation.id.as_str()) {
            continue;
        }
        let path = things.path(&operation).await?.replace(&things.org, &other);
        let answered = things.call(eve.client.token(), &operation, &path).await?;
        if answered != 404 {
            wrong.push(format!("{}: {answered}", operation.id));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

#[tokio::test]
async fn a_withdrawn_grant_acts_at_once() -> anyhow::Result<()> {
    let things = things().await?;
    let server = &things.server;
    let bob = server.person("bob").await?;
    server
        .add(&things.admin, &things.org, &bob, "member", &["create_node"])
        .await?;
    let path = format!("/org/{}/nodes", things.org);
    let body = |name: &str| json!({"name": name, "type": "socket", "socket_path": "/run/x.sock"});
    expect(bob.client.post(&path, &body("one")).await?, 201)?;
    let member = format!("/org/{}/members/{}", things.org, bob.id);
    expect(
        things
            .admin
            .client
            .put(&member, &json!({"permissions": {}}))
            .await?,
        200,
    )?;
    expect(bob.client.post(&path, &body("two")).await?, 403)?;
    Ok(())
}
