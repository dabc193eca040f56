//! Credentials.

use serde_json::{Value, json};

use crate::support::{System, uid};

fn pat(name: &str) -> Value {
    json!({"name": name, "kind": "pat", "secret": "ghp_0123456789abcdefWXYZ"})
}

#[tokio::test]
async fn a_credential_shows_its_last_four_characters_only() -> anyhow::Result<()> {
    let system = System::start().await?;
    let reply = system
        .admin
        .post(&system.path("/credentials"), &pat("main"))
        .await?;
    let made = reply.expect(201)?;
    assert_eq!(made["secret"], "****WXYZ");
    assert_eq!(made["api_url"], "http://127.0.0.1:9/");
    assert!(!reply.text().contains("ghp_"));
    let path = system.path(&format!("/credentials/{}", uid(&made)));
    let renamed = system
        .admin
        .put(&path, &json!({"name": "other"}))
        .await?
        .expect(200)?;
    assert_eq!(
        (&renamed["name"], &renamed["secret"]),
        (&json!("other"), &json!("****WXYZ"))
    );
    assert_eq!(
        system
            .admin
            .get(&system.path("/credentials?q=oth"))
            .await?
            .expect(200)?["total"],
        1
    );
    system.admin.delete(&path).await?.expect(204)?;
    system.admin.get(&path).await?.problem(404)?;
    Ok(())
}

#[tokio::test]
async fn a_stored_token_is_not_sent_to_another_address_unseen() -> anyhow::Result<()> {
    let system = System::start().await?;
    let made = system
        .admin
        .post(&system.path("/credentials"), &pat("main"))
        .await?
        .expect(201)?;
    let path = system.path(&format!("/credentials/{}", uid(&made)));
    let reply = system
        .admin
        .put(&path, &json!({"api_url": "http://127.0.0.1:19/"}))
        .await?;
    reply.problem(422)?;
    assert_eq!(reply.invalid_fields()?, ["secret"]);
    Ok(())
}

#[tokio::test]
async fn a_credential_in_use_is_not_deleted_and_its_runners_are_named() -> anyhow::Result<()> {
    let system = System::start().await?;
    let made = system
        .admin
        .post(&system.path("/credentials"), &pat("main"))
        .await?
        .expect(201)?;
    let path = system.path(&format!("/credentials/{}", uid(&made)));
    let with_it = json!({"github_runner_token": null, "credential_id": made["uid"]});
    let runner = system.runner("linux-x64", with_it).await?;
    assert_eq!(
        (&runner["credential_id"], runner.get("github_runner_token")),
        (&made["uid"], None)
    );
    let refused = system.admin.delete(&path).await?.problem(409)?;
    assert!(
        refused["detail"]
            .as_str()
            .is_some_and(|text| text.contains("linux-x64")),
        "{refused}"
    );
    system
        .admin
        .delete(&system.path(&format!("/runners/{}", uid(&runner))))
        .await?
        .expect(204)?;
    system.admin.delete(&path).await?.expect(204)?;
    Ok(())
}

#[tokio::test]
async fn a_credential_stays_at_its_github_while_instances_are_registered_there() -> anyhow::Result<()> {
    use domain::instance::InstanceState::{Draining, Stopped, Stopping};
    let system = System::start().await?;
    let made = system
        .admin
        .post(&system.path("/credentials"), &pat("main"))
        .await?
        .expect(201)?;
    let path = system.path(&format!("/credentials/{}", uid(&made)));
    let with_it = json!({"github_runner_token": null, "credential_id": made["uid"]});
    let runner = system.runner("linux-x64", with_it).await?;
    system.node("n", 1).await?;
    let instances = system.path(&format!("/runners/{}/instance", uid(&runner)));
    let instance = system.admin.post(&instances, &json!({})).await?.expect(201)?;
    let moved = json!({"api_url": "http://127.0.0.1:19/", "web_url": "http://127.0.0.1:20/",
        "secret": "ghp_0123456789abcdefABCD"});
    let reply = system.admin.put(&path, &moved).await?;
    let problem = reply.problem(409)?;
    assert_eq!(problem["code"], "in_use");
    assert_eq!(reply.invalid_fields()?, ["api_url", "web_url"]);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("linux-x64")),
        "{problem}"
    );
    // A new token for the same GitHub is what keeps instances alive.
    let renewed = json!({"secret": "ghp_0123456789abcdefABCD", "name": "renewed"});
    system.admin.put(&path, &renewed).await?.expect(200)?;
    system
        .walk(&uid(&instance).parse()?, &[Draining, Stopping, Stopped])
        .await?;
    system.admin.put(&path, &moved).await?.expect(200)?;
    Ok(())
}
