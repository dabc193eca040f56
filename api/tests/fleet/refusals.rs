//! What a refusal says: which field it is about and what would help; and that it leaves a trace.

use domain::node::NodeStatus;
use entities::repo::node_checks::{self, NodeCheck};
use serde_json::{Value, json};
use testkit::harness::Reply;
use testkit::harness::database::DatabaseKind;

use crate::support::{System, uid};

/// The refusal's code, after making sure that it names the field and a fix.
fn names(reply: &Reply, status: u16, field: &str) -> anyhow::Result<String> {
    let problem = reply.problem(status)?;
    let fields = reply.invalid_fields()?;
    anyhow::ensure!(fields == [field], "{field} is not what {problem} is about");
    let message = problem["errors"][0]["message"].as_str().unwrap_or_default();
    anyhow::ensure!(message.len() > 15, "{problem} says little");
    Ok(problem["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_conflict_about_a_field_names_it_and_a_fix() -> anyhow::Result<()> {
    let system = System::start().await?;
    let runner = system.runner("r", json!({"max_instances": 5})).await?;
    let instances = system.path(&format!("/runners/{}/instance", uid(&runner)));
    let create = async |body: Value| system.admin.post(&instances, &body).await;
    assert_eq!(names(&create(json!({})).await?, 409, "node_id")?, "no_node");
    let node = system.node("n", 1).await?;
    let made = create(json!({})).await?.expect(201)?;
    assert_eq!(names(&create(json!({})).await?, 409, "node_id")?, "no_room");
    let full = create(json!({"node_id": uid(&node)})).await?;
    assert_eq!(names(&full, 409, "node_id")?, "no_room");

    let moved = json!({"socket_path": "/run/other.sock"});
    let node_path = system.path(&format!("/nodes/{}", uid(&node)));
    assert_eq!(
        names(&system.admin.put(&node_path, &moved).await?, 409, "socket_path")?,
        "in_use"
    );

    let instance = format!("{instances}/{}", uid(&made));
    system.admin.delete(&instance).await?.expect(202)?;
    system
        .walk(&uid(&made).parse()?, &[domain::instance::InstanceState::Stopping])
        .await?;
    let report = system.admin.patch(&instance, &json!({"status": "busy"})).await?;
    assert_eq!(names(&report, 409, "status")?, "state");

    let me = system.admin.get("/common/me").await?.expect(200)?;
    let me = me["user"]["uid"]
        .as_str()
        .or(me["uid"].as_str())
        .unwrap_or_default();
    let member = system.path(&format!("/members/{me}"));
    let demoted = system.admin.put(&member, &json!({"role": "member"})).await?;
    assert_eq!(names(&demoted, 409, "role")?, "last_admin");
    Ok(())
}

#[tokio::test]
async fn a_request_that_is_not_read_is_told_what_to_send() -> anyhow::Result<()> {
    let system = System::start().await?;
    let orgs = async |content_type: &str, bytes: Vec<u8>| {
        let body = Some((content_type, bytes));
        system.admin.send_bytes(reqwest::Method::POST, "/org", body).await
    };
    let json = "application/json";
    assert_eq!(
        names(&orgs(json, b"{".to_vec()).await?, 400, "body")?,
        "bad_request"
    );
    assert_eq!(
        names(&orgs(json, vec![b'x'; 2 << 20]).await?, 413, "body")?,
        "too_large"
    );
    let plain = orgs("text/plain", b"{}".to_vec()).await?;
    assert_eq!(names(&plain, 415, "Content-Type")?, "unsupported_media_type");
    let expired = system
        .admin
        .with_token("eyJhbGciOiJIUzI1NiJ9.e30.x")
        .get("/org")
        .await?;
    assert_eq!(names(&expired, 401, "Authorization")?, "unauthorized");
    Ok(())
}

#[tokio::test]
async fn names_that_differ_by_case_alone_are_taken() -> anyhow::Result<()> {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let system = System::start_on(kind).await?;
        let taken = async |path: &str, body: Value| {
            let reply = system.admin.post(path, &body).await?;
            names(&reply, 409, "name")
        };
        assert_eq!(
            taken("/org", json!({"name": "ACME"})).await?,
            "conflict",
            "{kind:?}"
        );
        system.node("box", 1).await?;
        let node = json!({"name": "Box", "type": "socket", "socket_path": "/run/x.sock"});
        taken(&system.path("/nodes"), node).await?;
        let runner = system.runner("linux", json!({})).await?;
        let twin =
            json!({"name": "Linux", "github_repo": "acme/app", "github_runner_token": "AAAATOKENTOKENcdef"});
        taken(&system.path("/runners"), twin).await?;
        let runner = system.path(&format!("/runners/{}", uid(&runner)));
        taken(&format!("{runner}/clone"), json!({"name": "LINUX"})).await?;
        let credential = |name: &str| json!({"name": name, "secret": "ghp_0123456789abcdefWXYZ"});
        let credentials = system.path("/credentials");
        system
            .admin
            .post(&credentials, &credential("pat"))
            .await?
            .expect(201)?;
        taken(&credentials, credential("PAT")).await?;
        // Its own name in another case is its own.
        let renamed = system
            .admin
            .put(&runner, &json!({"name": "LINUX"}))
            .await?
            .expect(200)?;
        assert_eq!(renamed["name"], "LINUX");
        let other = system.runner("other", json!({})).await?;
        let other = system.path(&format!("/runners/{}", uid(&other)));
        let onto = system.admin.put(&other, &json!({"name": "linux"})).await?;
        names(&onto, 409, "name")?;
        // An address, too: two spellings of it are one account.
        system.account("grace").await?;
        let twin =
            json!({"full_name": "G", "email": "Grace@Example.ORG", "password": "quiet lantern over harbour"});
        names(&system.admin.post("/auth/register", &twin).await?, 409, "email")?;
    }
    Ok(())
}

#[tokio::test]
async fn what_somebody_may_not_do_is_in_the_audit_log_but_does_not_fill_it() -> anyhow::Result<()> {
    let system = System::start().await?;
    let bob = system.member("bob", json!({})).await?;
    let body = json!({"name": "n", "type": "socket", "socket_path": "/run/x.sock"});
    for _ in 0..30 {
        bob.post(&system.path("/nodes"), &body).await?.problem(403)?;
    }
    let denied = system
        .admin
        .get(&system.path("/audit?q=request.denied"))
        .await?
        .expect(200)?;
    let line = &denied["items"][0];
    assert_eq!(
        (&line["actor"], &line["result"]),
        (&json!("bob@example.org"), &json!("denied")),
        "{line}"
    );
    assert_eq!(line["detail"]["path"], system.path("/nodes"));
    let written = denied["total"].as_u64().unwrap_or_default();
    assert!((20..=22).contains(&written), "{written} lines for 30 refusals");
    Ok(())
}

#[tokio::test]
async fn a_caller_who_asks_too_fast_is_told_when_to_go_on() -> anyhow::Result<()> {
    let variables = [("WRITES_PER_SECOND", "1")];
    let system = System::start_with(DatabaseKind::Sqlite, &variables).await?;
    let hasty = system.account("hasty").await?;
    let mut refused = None;
    for n in 0..80 {
        let reply = hasty
            .put("/common/me", &json!({"full_name": format!("H {n}")}))
            .await?;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
        let left = reply
            .headers
            .get("ratelimit-remaining")
            .map(|value| value.to_str())
            .transpose()?;
        assert!(
            left.is_some_and(|left| left.parse::<u32>().is_ok_and(|left| left < 60)),
            "{left:?}"
        );
    }
    let refused = refused.ok_or_else(|| anyhow::anyhow!("80 changes at once were all taken"))?;
    refused.problem(429)?;
    let wait: u64 = refused.headers["retry-after"].to_str()?.parse()?;
    assert!((1..=2).contains(&wait), "{wait}");
    // Looking is counted apart, and so is everybody else.
    hasty.get("/common/me").await?.expect(200)?;
    system
        .admin
        .put("/common/me", &json!({"full_name": "Ada"}))
        .await?
        .expect(200)?;
    Ok(())
}

#[tokio::test]
async fn a_node_that_does_not_answer_takes_no_instance() -> anyhow::Result<()> {
    let system = System::start().await?;
    let node = system.node("away", 5).await?;
    let check = NodeCheck {
        status: NodeStatus::Inactive,
        reason: Some("Nothing listens on /run/x.sock.".to_owned()),
        facts: None,
        checks: json!([]),
    };
    node_checks::record(
        &system.context.db,
        &uid(&node).parse()?,
        check,
        system.context.now(),
    )
    .await?;
    let runner = system.runner("r", json!({})).await?;
    let instances = system.path(&format!("/runners/{}/instance", uid(&runner)));
    let before = system.footprint().await?;
    let any = system.admin.post(&instances, &json!({})).await?;
    assert_eq!(names(&any, 409, "node_id")?, "no_active_node");
    let this = system
        .admin
        .post(&instances, &json!({"node_id": uid(&node)}))
        .await?;
    names(&this, 422, "node_id")?;
    let problem = this.problem(422)?;
    assert!(
        problem["errors"][0]["message"]
            .as_str()
            .is_some_and(|message| message.contains("Nothing listens on /run/x.sock")),
        "{problem}"
    );
    assert_eq!(system.footprint().await?, before);
    assert_eq!(system.admin.get(&instances).await?.expect(200)?["total"], 0);
    Ok(())
}

#[tokio::test]
async fn an_organisations_name_is_taken_once_in_whatever_case() -> anyhow::Result<()> {
    let system = System::start().await?;
    for name in ["acme", "ACME"] {
        let reply = system.admin.post("/org", &json!({"name": name})).await?;
        names(&reply, 409, "name")?;
    }
    assert_eq!(system.admin.get("/org").await?.expect(200)?["total"], 1);
    Ok(())
}
