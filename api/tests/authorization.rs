//! Who may do what: every operation of the description against every kind of caller. An operation
//! without a row fails the test.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Person, TestServer, expect, text};
use testkit::harness::ApiClient;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Anybody.
    Public,
    /// Everybody with an account.
    SignedIn,
    /// Every member of the organisation.
    Member,
    /// Admins and members with this permission.
    Granted(&'static str),
    /// Admins.
    Admin,
}

use Rule::{Admin, Granted, Member, Public, SignedIn};

/// Every operation, who may call it, and a body that is accepted.
fn rows() -> BTreeMap<&'static str, (Rule, Option<Value>)> {
    let node = json!({"name": "{fresh}", "type": "socket", "socket_path": "/run/x.sock"});
    let runner =
        json!({"name": "{fresh}", "github_repo": "acme/app", "github_runner_token": "AAAATOKENTOKENcdef"});
    let credential = json!({"name": "{fresh}", "kind": "pat", "secret": "ghp_0123456789abcdefWXYZ"});
    BTreeMap::from([
        (
            "register",
            (
                Public,
                Some(
                    json!({"full_name": "N", "email": "{fresh}@example.org", "password": support::PASSWORD}),
                ),
            ),
        ),
        (
            "log_in",
            (
                Public,
                Some(json!({"email": "nobody@example.org", "password": "x"})),
            ),
        ),
        ("refresh_session", (Public, None)),
        ("log_out", (Public, None)),
        ("onboard", (Public, Some(json!({"org_name": "{fresh}"})))),
        ("read_config", (Public, None)),
        ("read_me", (SignedIn, None)),
        ("update_me", (SignedIn, Some(json!({"full_name": "Somebody"})))),
        (
            "change_password",
            (
                SignedIn,
                Some(json!({"current_password": "wrong", "new_password": "a lantern on the quay"})),
            ),
        ),
        ("list_permissions", (SignedIn, None)),
        ("list_orgs", (SignedIn, None)),
        ("create_org", (SignedIn, Some(json!({"name": "{fresh}"})))),
        ("read_org", (Member, None)),
        ("update_org", (Admin, Some(json!({"name": "{fresh}"})))),
        ("list_audit", (Admin, None)),
        ("list_members", (Member, None)),
        ("read_member", (Member, None)),
        (
            "add_member",
            (Admin, Some(json!({"email": "{fresh}@example.org"}))),
        ),
        ("update_member", (Admin, Some(json!({"role": "member"})))),
        ("remove_member", (Admin, None)),
        ("list_invitations", (Admin, None)),
        ("withdraw_invitation", (Admin, None)),
        ("list_nodes", (Member, None)),
        ("create_node", (Granted("create_node"), Some(node))),
        ("read_node", (Member, None)),
        (
            "update_node",
            (Granted("update_node"), Some(json!({"capacity": 5}))),
        ),
        ("delete_node", (Granted("delete_node"), None)),
        ("check_node", (Granted("update_node"), None)),
        ("list_credentials", (Member, None)),
        (
            "create_credential",
            (Granted("create_credential"), Some(credential)),
        ),
        ("read_credential", (Member, None)),
        (
            "update_credential",
            (Granted("update_credential"), Some(json!({"name": "{fresh}"}))),
        ),
        ("delete_credential", (Granted("delete_credential"), None)),
        ("list_runners", (Member, None)),
        ("create_runner", (Granted("create_runner"), Some(runner))),
        ("read_runner", (Member, None)),
        (
            "update_runner",
            (Granted("update_runner"), Some(json!({"min_idle": 0}))),
        ),
        ("delete_runner", (Granted("delete_runner"), None)),
        (
            "set_runner_status",
            (Granted("update_runner"), Some(json!({"status": "idle"}))),
        ),
        (
            "clone_runner",
            (Granted("create_runner"), Some(json!({"name": "{fresh}"}))),
        ),
        ("list_instances", (Member, None)),
        ("create_instance", (Granted("create_instance"), Some(json!({})))),
        ("read_instance", (Member, None)),
        (
            "update_instance",
            (
                Granted("update_instance"),
                Some(json!({"desired_state": "stopped"})),
            ),
        ),
        (
            "report_instance_status",
            (Granted("update_instance"), Some(json!({"status": "idle"}))),
        ),
        ("delete_instance", (Granted("delete_instance"), None)),
        ("start_instance", (Granted("update_instance"), None)),
        ("stop_instance", (Granted("update_instance"), None)),
        ("restart_instance", (Granted("update_instance"), None)),
        ("read_instance_metrics", (Member, None)),
        ("list_instance_events", (Member, None)),
        ("read_instance_logs", (Granted("view_logs"), None)),
        ("stream_changes", (Member, None)),
    ])
}

struct Operation {
    id: String,
    method: Method,
    path: String,
}

async fn operations(server: &TestServer) -> anyhow::Result<Vec<Operation>> {
    let document = expect(server.anonymous.get("/openapi.json").await?, 200)?;
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            found.push(Operation {
                id: text(operation, "/operationId")?,
                method: method.to_uppercase().parse()?,
                path: path.clone(),
            });
        }
    }
    Ok(found)
}

/// Things for an operation to work on, made anew for each call that is allowed.
struct Things {
    server: TestServer,
    admin: Person,
    org: String,
    made: std::cell::Cell<u32>,
}

impl Things {
    fn fresh(&self) -> String {
        self.made.set(self.made.get() + 1);
        format!("thing-{}", self.made.get())
    }

    async fn make(&self, path: &str, body: Value) -> anyhow::Result<String> {
        let body: Value = serde_json::from_str(&body.to_string().replace("{fresh}", &self.fresh()))?;
        let made = expect(
            self.admin
                .client
                .post(&format!("/org/{}{path}", self.org), &body)
                .await?,
            201,
        )?;
        text(&made, "/uid").or_else(|_| text(&made, "/invitation/uid"))
    }

    /// The operation's path with the ids of new things in it.
    async fn path(&self, operation: &Operation) -> anyhow::Result<String> {
        let rows = rows();
        let body = |id: &str| rows.get(id).and_then(|row| row.1.clone()).unwrap_or_default();
        let mut path = operation.path.replace("{org_id}", &self.org);
        if path.contains("{node_id}") {
            path = path.replace("{node_id}", &self.make("/nodes", body("create_node")).await?);
        }
        if path.contains("{credential_id}") {
            path = path.replace(
                "{credential_id}",
                &self.make("/credentials", body("create_credential")).await?,
            );
        }
        if path.contains("{runner_id}") {
            let runner = self.make("/runners", body("create_runner")).await?;
            path = path.replace("{runner_id}", &runner);
            if path.contains("/instance") {
                let node = self.make("/nodes", body("create_node")).await?;
                if path.contains("{instance_id}") {
                    let at = format!("/runners/{runner}/instance");
                    path = path.replace("{instance_id}", &self.make(&at, json!({"node_id": node})).await?);
                }
            }
        }
        if path.contains("{invitation_id}") {
            path = path.replace(
                "{invitation_id}",
                &self.make("/members", body("add_member")).await?,
            );
        }
        if path.contains("{user_id}") {
            let person = self.server.person(&self.fresh()).await?;
            self.server
                .add(&self.admin, &self.org, &person, "member", &[])
                .await?;
            path = path.replace("{user_id}", &person.id);
        }
        Ok(path)
    }

    async fn call(&self, client: &ApiClient, operation: &Operation, path: &str) -> anyhow::Result<u16> {
        let rows = rows();
        let body = rows.get(operation.id.as_str()).and_then(|row| row.1.clone());
        let body = body.map(|body| body.to_string().replace("{fresh}", &self.fresh()).into_bytes());
        let body = body.map(|bytes| ("application/json", bytes));
        Ok(client
            .send_bytes(operation.method.clone(), path, body)
            .await?
            .status
            .as_u16())
    }
}

async fn things() -> anyhow::Result<Things> {
    let server = TestServer::start().await?;
    let (admin, org) = server.onboard().await?;
    Ok(Things {
        server,
        admin,
        org,
        made: std::cell::Cell::new(0),
    })
}

/// Forged and outdated tokens that speak for a real user.
fn forgeries(secret: &str, user: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let now = i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)?
            .as_secs(),
    )?;
    let good = json!({"iss": "runner-pilot", "aud": "runner-pilot-api", "sub": user, "jti": "1", "iat": now,
        "nbf": now, "exp": now + 900, "ver": 0, "use": "access"});
    let with = |change: Value| {
        let mut claims = good.clone();
        for (name, value) in change.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        claims
    };
    let sign = |algorithm: Algorithm, claims: &Value, secret: &str| {
        jsonwebtoken::encode(
            &Header::new(algorithm),
            claims,
            &EncodingKey::from_secret(secret.as_bytes()),
        )
    };
    let hs256 = |change: Value| sign(Algorithm::HS256, &with(change), secret);
    let good_token = hs256(json!({}))?;
    let parts: Vec<&str> = good_token.split('.').collect();
    use base64::Engine as _;
    let none = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(br#"{"alg":"none","typ":"JWT"}"#);
    Ok(vec![
        ("rubbish", "rubbish".to_owned()),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("no algorithm", format!("{none}.{}.", parts[1])),
        ("expired", hs256(json!({"exp": now - 60}))?),
        ("not yet good", hs256(json!({"nbf": now + 600}))?),
        ("of another issuer", hs256(json!({"iss": "somebody"}))?),
        ("for another audience", hs256(json!({"aud": "somebody"}))?),
        ("for another use", hs256(json!({"use": "refresh"}))?),
        ("of another version", hs256(json!({"ver": 7}))?),
        (
            "for nobody",
            hs256(json!({"sub": "00000000-0000-7000-8000-000000000000"}))?,
        ),
        ("another algorithm", sign(Algorithm::HS512, &good, secret)?),
        (
            "another secret",
            sign(
                Algorithm::HS256,
                &good,
                "another secret of more than thirty-two bytes",
            )?,
        ),
        ("good", good_token),
    ])
}

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
    let mut wrong = Vec::new();
    let mut asked = 0;
    for operation in operations(server).await? {
        let Some((rule, _)) = rows.get(operation.id.as_str()) else {
            continue;
        };
        let path = things.path(&operation).await?;
        let expected = match rule {
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
            ],
        };
        for (who, client, status) in expected {
            asked += 1;
            let answered = things.call(client, &operation, &path).await?;
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
        let Some((rule, _)) = rows.get(operation.id.as_str()) else {
            continue;
        };
        // These would sign the admin out or wait for a worker; other tests call them.
        if matches!(
            operation.id.as_str(),
            "log_out" | "log_in" | "refresh_session" | "stream_changes"
        ) {
            continue;
        }
        let mut allowed = vec![("admin", things.admin.client.clone())];
        if let Granted(permission) = rule {
            let person = server.person(&things.fresh()).await?;
            server
                .add(&things.admin, &things.org, &person, "member", &[permission])
                .await?;
            allowed.push(("granted", person.client));
        }
        if *rule == Member {
            let person = server.person(&things.fresh()).await?;
            server
                .add(&things.admin, &things.org, &person, "member", &[])
                .await?;
            allowed.push(("member", person.client));
        }
        for (who, client) in allowed {
            asked += 1;
            let path = things.path(&operation).await?;
            let answered = things.call(&client, &operation, &path).await?;
            if matches!(answered, 401 | 403 | 404 | 500) {
                wrong.push(format!("{who} {}: {answered}", operation.id));
            }
        }
    }
    println!("{asked} calls were let in as they should");
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

#[tokio::test]
async fn no_forged_or_outdated_token_is_accepted_anywhere() -> anyhow::Result<()> {
    let things = things().await?;
    let server = &things.server;
    let mut wrong = Vec::new();
    let rows = rows();
    for operation in operations(server).await? {
        if matches!(rows.get(operation.id.as_str()), None | Some((Public, _))) {
            continue;
        }
        let path = operation.path.replace("{org_id}", &things.org);
        for (name, token) in forgeries(&server.jwt_secret, &things.admin.id)? {
            if name == "good" {
                continue;
            }
            let answered = things
                .call(&server.anonymous.with_token(&token), &operation, &path)
                .await?;
            if answered != 401 {
                wrong.push(format!("{name} {}: {answered}", operation.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The forgeries fail for what is forged in them: the same token without it is good.
    let forged = forgeries(&server.jwt_secret, &things.admin.id)?;
    let (_, good) = forged.last().ok_or_else(|| anyhow::anyhow!("no token"))?;
    expect(server.anonymous.with_token(good).get("/common/me").await?, 200)?;
    Ok(())
}

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
        let answered = things.call(&eve.client, &operation, &path).await?;
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
