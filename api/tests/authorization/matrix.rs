//! The table against the server: whom it refuses, whom it lets in, and that it is complete.

use std::collections::{BTreeMap, BTreeSet};

use domain::permissions::Permission;
use serde_json::json;

use super::driver::{operations, things};
use super::rows::Rule::{Admin, Granted, Member, Public, SignedIn};
use super::rows::rows;
use super::support::expect;

#[tokio::test]
async fn every_operation_has_a_row_and_every_row_an_operation() -> anyhow::Result<()> {
    let things = things().await?;
    let described: BTreeSet<String> = operations(&things.server)
        .await?
        .into_iter()
        .map(|operation| operation.id)
        .collect();
    let rows = rows();
    let missing: Vec<&String> = described
        .iter()
        .filter(|id| !rows.contains_key(id.as_str()))
        .collect();
    assert!(missing.is_empty(), "operations without a row: {missing:?}");
    let stale: Vec<&&str> = rows.keys().filter(|id| !described.contains(**id)).collect();
    assert!(stale.is_empty(), "rows without an operation: {stale:?}");
    Ok(())
}

#[tokio::test]
async fn who_may_not_call_an_operation_is_refused() -> anyhow::Result<()> {
    let things = things().await?;
    let server = &things.server;
    let member = server.person("member").await?;
    server
        .add(&things.admin, &things.org, &member, "member", &[])
        .await?;
    let stranger = server.person("stranger").await?;
    expect(
        stranger
            .client
            .post("/org", &json!({"name": "Elsewhere"}))
            .await?,
        201,
    )?;
    let removed = server.person("removed").await?;
    server
        .add(&things.admin, &things.org, &removed, "member", &[])
        .await?;
    expect(
        things
            .admin
            .client
            .delete(&format!("/org/{}/members/{}", things.org, removed.id))
            .await?,
        204,
    )?;
    let rows = rows();
    // One for each permission, who has all others; under no name, one who has them all.
    let mut nearly = BTreeMap::new();
    let lacking: BTreeSet<&str> = rows
        .values()
        .filter_map(|row| match row.rule {
            Granted(permission) => Some(permission),
            Public | SignedIn | Member | Admin => None,
        })
        .chain([""])
        .collect();
    for lacking in lacking {
        let person = server.person(&things.fresh()).await?;
        let granted: Vec<&str> = Permission::ALL
            .iter()
            .map(|permission| permission.as_str())
            .filter(|permission| *permission != lacking)
            .collect();
        server
            .add(&things.admin, &things.org, &person, "member", &granted)
            .await?;
        nearly.insert(lacking, person.client);
    }
    let mut wrong = Vec::new();
    let mut asked = 0;
    for operation in operations(server).await? {
        let Some(row) = rows.get(operation.id.as_str()) else {
            continue;
        };
        let path = things.path(&operation).await?;
        let lacking = if let Granted(permission) = row.rule {
            permission
        } else {
            ""
        };
        let expected = match row.rule {
            Public => vec![],
            SignedIn => vec![("anonymous", &server.anonymous, 401)],
            Member => vec![
                ("anonymous", &server.anonymous, 401),
                ("stranger", &stranger.client, 404),
                ("removed", &removed.client, 404),
            ],
            Granted(_) | Admin => vec![
                ("anonymous", &server.anonymous, 401),
                ("stranger", &stranger.client, 404),
                ("removed", &removed.client, 404),
                ("member", &member.client, 403),
                ("member with every other permission", &nearly[lacking], 403),
            ],
        };
        for (who, client, status) in expected {
            asked += 1;
            let answered = things.call(client.token(), &operation, &path).await?;
            if answered != status {
                wrong.push(format!("{who} {}: {answered} instead of {status}", operation.id));
            }
        }
    }
    println!("{asked} calls were refused as they should");
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

#[tokio::test]
async fn who_may_call_an_operation_is_let_in() -> anyhow::Result<()> {
    let things = things().await?;
    let server = &things.server;
    let rows = rows();
    let mut wrong = Vec::new();
    let mut asked = 0;
    for operation in operations(server).await? {
        let Some(row) = rows.get(operation.id.as_str()) else {
            continue;
        };
        let member = async |permissions: &[&str]| {
            let person = server.person(&things.fresh()).await?;
            server
                .add(&things.admin, &things.org, &person, "member", permissions)
                .await?;
            anyhow::Ok(person.client)
        };
        let admin = ("admin", things.admin.client.clone());
        let allowed = match row.rule {
            Public => vec![("anonymous", server.anonymous.clone())],
            // Not the admin: some of these end all of the caller's sessions.
            SignedIn => vec![("signed in", server.person(&things.fresh()).await?.client)],
            Member => vec![admin, ("member", member(&[]).await?)],
            Granted(permission) => vec![admin, ("granted", member(&[permission]).await?)],
            Admin => vec![admin],
        };
        for (who, client) in allowed {
            asked += 1;
            let path = things.path(&operation).await?;
            let answered = things.call(client.token(), &operation, &path).await?;
            if answered != row.success {
                wrong.push(format!(
                    "{who} {}: {answered} instead of {}",
                    operation.id, row.success
                ));
            }
        }
    }
    println!("{asked} calls were let in as they should");
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}
