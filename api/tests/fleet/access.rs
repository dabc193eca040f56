//! Who sees and does what: tenants, parents, grants.

use reqwest::Method;
use serde_json::json;

use crate::support::{System, uid};

/// Every operation below a runner's instance.
const BELOW_INSTANCE: [(&str, &str); 10] = [
    ("GET", ""),
    ("PUT", ""),
    ("PATCH", ""),
    ("DELETE", ""),
    ("POST", "/start"),
    ("POST", "/stop"),
    ("POST", "/restart"),
    ("GET", "/metrics"),
    ("GET", "/events"),
    ("GET", "/logs"),
];

fn body_of(method: &str, rest: &str) -> Option<serde_json::Value> {
    match (method, rest) {
        ("PUT", _) => Some(json!({"desired_state": "stopped"})),
        ("PATCH", _) => Some(json!({"status": "idle"})),
        _ => None,
    }
}

#[tokio::test]
async fn another_organisations_things_are_not_there() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (runner, instance, _) = system.instance("ours").await?;
    let node = uid(&system.admin.get(&system.path("/nodes")).await?.expect(200)?["items"][0]).to_owned();
    let stranger = system.account("mallory").await?;
    let org = stranger
        .post("/org", &json!({"name": "evil"}))
        .await?
        .expect(201)?;
    let theirs = format!("/org/{}", uid(&org));
    let tasks = system.tasks().await?;
    // By our path, and by their own organisation with our ids.
    for path in [runner.clone(), runner.replace(&system.org, &theirs)] {
        for (method, body) in [
            ("GET", None),
            ("PUT", Some(json!({"name": "x"}))),
            ("DELETE", None),
        ] {
            stranger
                .send(Method::from_bytes(method.as_bytes())?, &path, body.as_ref())
                .await?
                .problem(404)?;
        }
        stranger
            .post(&format!("{path}/clone"), &json!({"name": "x"}))
            .await?
            .problem(404)?;
        stranger
            .post(&format!("{path}/instance"), &json!({}))
            .await?
            .problem(404)?;
        stranger.get(&format!("{path}/instance")).await?.problem(404)?;
    }
    for path in [instance.clone(), instance.replace(&system.org, &theirs)] {
        for (method, rest) in BELOW_INSTANCE {
            let body = body_of(method, rest);
            let method = Method::from_bytes(method.as_bytes())?;
            stranger
                .send(method, &format!("{path}{rest}"), body.as_ref())
                .await?
                .problem(404)?;
        }
    }
    for path in [
        system.path(&format!("/nodes/{node}")),
        format!("{theirs}/nodes/{node}"),
    ] {
        stranger.get(&path).await?.problem(404)?;
        stranger.put(&path, &json!({"name": "x"})).await?.problem(404)?;
        stranger.delete(&path).await?.problem(404)?;
        stranger
            .post(&format!("{path}/check"), &json!({}))
            .await?
            .problem(404)?;
    }
    // Nor may a runner of theirs name our node or credential.
    let body = json!({"name": "r", "github_repo": "a/b", "github_runner_token": "AAAATOKENTOKENcdef",
        "node_selection": {"node_ids": [node]}});
    let reply = stranger.post(&format!("{theirs}/runners"), &body).await?;
    reply.problem(422)?;
    assert_eq!(reply.invalid_fields()?, ["node_selection.node_ids[0]"]);
    assert_eq!(system.tasks().await?, tasks);
    Ok(())
}

#[tokio::test]
async fn an_instance_is_found_under_its_own_runner_only() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (runner, instance, _) = system.instance("parent").await?;
    let other = system.runner("other", json!({})).await?;
    let mismatched = instance.replace(&runner, &system.path(&format!("/runners/{}", uid(&other))));
    for (method, rest) in BELOW_INSTANCE {
        let body = body_of(method, rest);
        let method = Method::from_bytes(method.as_bytes())?;
        system
            .admin
            .send(method, &format!("{mismatched}{rest}"), body.as_ref())
            .await?
            .problem(404)?;
    }
    system.admin.get(&instance).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn a_member_reads_and_does_only_what_is_granted() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (runner, instance, _) = system.instance("granted").await?;
    let node = uid(&system.admin.get(&system.path("/nodes")).await?.expect(200)?["items"][0]).to_owned();
    let node = system.path(&format!("/nodes/{node}"));
    let member = system.member("carol", json!({"create_instance": true})).await?;
    for path in [
        &runner,
        &instance,
        &node,
        &system.path("/credentials"),
        &format!("{instance}/metrics"),
    ] {
        member.get(path).await?.expect(200)?;
    }
    let runner_body = json!({"name": "x", "github_repo": "a/b", "github_runner_token": "AAAATOKENTOKENcdef"});
    let refused = [
        ("POST", system.path("/runners"), Some(runner_body)),
        ("PUT", runner.clone(), Some(json!({"name": "x"}))),
        ("DELETE", runner.clone(), None),
        (
            "PATCH",
            format!("{runner}/status"),
            Some(json!({"status": "busy"})),
        ),
        ("POST", format!("{runner}/clone"), Some(json!({"name": "x"}))),
        ("PUT", instance.clone(), Some(json!({"desired_state": "stopped"}))),
        ("PATCH", instance.clone(), Some(json!({"status": "busy"}))),
        ("DELETE", instance.clone(), None),
        ("POST", format!("{instance}/stop"), None),
        ("GET", format!("{instance}/logs"), None),
        (
            "POST",
            system.path("/nodes"),
            Some(json!({"name": "x", "type": "local"})),
        ),
        ("PUT", node.clone(), Some(json!({"name": "x"}))),
        ("POST", format!("{node}/check"), None),
        ("DELETE", node, None),
        (
            "POST",
            system.path("/credentials"),
            Some(json!({"name": "x", "secret": "ghp_0123456789"})),
        ),
    ];
    for (method, path, body) in refused {
        member
            .send(Method::from_bytes(method.as_bytes())?, &path, body.as_ref())
            .await?
            .problem(403)?;
    }
    member
        .post(&format!("{runner}/instance"), &json!({}))
        .await?
        .expect(201)?;
    Ok(())
}
