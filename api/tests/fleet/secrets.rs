//! Secrets that are given in appear nowhere again.

use std::sync::PoisonError;

use serde_json::json;
use testkit::harness::Canary;
use testkit::harness::database::DatabaseKind;

use crate::support::{LOG, System, tls, uid};

async fn nothing_gives_secrets_away(kind: DatabaseKind) -> anyhow::Result<()> {
    let system = System::start_on(kind).await?;
    let (token, pat) = (
        "ACANARYRUNNERTOKEN0123456789X",
        "ghp_CanaryCredential0123456789abcdefghij",
    );
    let tls = tls()?;
    let key = tls["key"].as_str().unwrap_or_default();
    let mut canary = Canary::new();
    canary.add("the runner's token", token)?;
    canary.add("the credential", pat)?;
    let key_line = key.lines().nth(1).unwrap_or_default();
    canary.add("the node's key", key_line)?;
    let node = json!({"name": "n", "type": "remote", "ip_address": "10.1.2.3", "tls": tls});
    let credential = json!({"name": "c", "secret": pat});
    let runner = json!({"name": "r", "github_repo": "a/b", "github_runner_token": token});
    let mut answers = Vec::new();
    for (list, body) in [
        ("/nodes", node),
        ("/credentials", credential),
        ("/runners", runner),
    ] {
        let reply = system.admin.post(&system.path(list), &body).await?;
        let made = reply.expect(201)?;
        answers.extend(reply.body);
        let path = system.path(&format!("{list}/{}", uid(&made)));
        answers.extend(system.admin.get(&path).await?.body);
        answers.extend(system.admin.put(&path, &json!({"name": "renamed"})).await?.body);
        answers.extend(system.admin.get(&system.path(list)).await?.body);
        // Refused bodies hold secrets, too.
        let mut wrong = body.clone();
        wrong["nonsense"] = json!(true);
        wrong["name"] = json!("spoilt name");
        answers.extend(system.admin.post(&system.path(list), &wrong).await?.body);
        if list == "/runners" {
            answers.extend(
                system
                    .admin
                    .post(&format!("{path}/clone"), &json!({"name": "k"}))
                    .await?
                    .body,
            );
            answers.extend(
                system
                    .admin
                    .post(&format!("{path}/instance"), &json!({}))
                    .await?
                    .body,
            );
        }
    }
    answers.extend(system.admin.get(&system.path("/audit")).await?.body);
    canary.ensure_absent("an answer", &answers)?;
    canary.ensure_absent("the database", &system.database.dump().await?)?;
    for (name, content) in system.redis.dump().await? {
        canary.ensure_absent(&name, &content)?;
    }
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(!log.is_empty());
    canary.ensure_absent("the log", &log)
}

#[tokio::test]
async fn no_answer_database_redis_or_log_holds_a_secret() -> anyhow::Result<()> {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        nothing_gives_secrets_away(kind).await?;
    }
    Ok(())
}
