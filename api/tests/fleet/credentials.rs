//! Credentials.

use serde_json::{Value, json};
use testkit::harness::database::DatabaseKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

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
    // Runners with tokens of their own are registered at `web_url`, with tokens made with the stored one.
    for field in ["api_url", "web_url"] {
        let reply = system
            .admin
            .put(&path, &json!({field: "http://127.0.0.1:19/"}))
            .await?;
        reply.problem(422)?;
        assert_eq!(reply.invalid_fields()?, ["secret"], "{field}");
    }
    let same = json!({"web_url": made["web_url"], "api_url": made["api_url"], "name": "renamed"});
    system.admin.put(&path, &same).await?.expect(200)?;
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

/// A GitHub that answers every request with 401.
async fn refusing_github() -> anyhow::Result<(String, JoinSet<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let mut server = JoinSet::new();
    server.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let body = r#"{"message":"Bad credentials"}"#;
            let answer = format!(
                "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            if stream.read(&mut request).await.is_ok() {
                // A client that went away misses its answer.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    Ok((url, server))
}

#[tokio::test]
async fn a_token_that_github_refuses_is_not_stored() -> anyhow::Result<()> {
    let (github, _server) = refusing_github().await?;
    let system = System::start_with(DatabaseKind::Sqlite, &[("GITHUB_API_URL", &github)]).await?;
    let before = system.footprint().await?;
    let reply = system
        .admin
        .post(&system.path("/credentials"), &pat("main"))
        .await?;
    let problem = reply.problem(422)?;
    assert_eq!(reply.invalid_fields()?, ["secret"]);
    assert_eq!(problem["errors"][0]["code"], "refused");
    assert!(!reply.text().contains("ghp_"), "the token is echoed");
    assert_eq!(system.footprint().await?, before);
    Ok(())
}
