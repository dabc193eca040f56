//! Accounts, sign-in, refresh, sign-out, passwords, onboarding, members, as a client meets them.

mod support;

use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use serde_json::{Value, json};
use support::{PASSWORD, TestServer, expect, faulty, text};

/// A refresh by cookie; the answer's status, token and next cookie.
async fn refresh(
    server: &TestServer,
    cookie: &str,
    origin: Option<&str>,
) -> anyhow::Result<(u16, Option<String>)> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut request = http
        .post(format!("{}/auth/refresh", server.base))
        .header(COOKIE, cookie);
    if let Some(origin) = origin {
        request = request.header(ORIGIN, origin);
    }
    let reply = request.send().await?;
    let next = reply
        .headers()
        .get(SET_COOKIE)
        .and_then(|value| value.to_str().ok());
    let next = next.and_then(|value| value.split(';').next()).map(str::to_owned);
    Ok((reply.status().as_u16(), next))
}

async fn sign_in_for_cookie(server: &TestServer, email: &str) -> anyhow::Result<(String, String)> {
    let reply = server
        .anonymous
        .post("/auth/login", &json!({"email": email, "password": PASSWORD}))
        .await?;
    let cookie = reply
        .headers
        .get(SET_COOKIE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let token = text(&expect(reply, 200)?, "/access_token")?;
    Ok((cookie, token))
}

#[tokio::test]
async fn a_fresh_system_is_set_up_once_even_by_two_at_a_time() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let config = expect(server.anonymous.get("/common/config").await?, 200)?;
    assert_eq!(config["onboarding_required"], true);
    let body = |n: u32| json!({"full_name": "Ada", "email": format!("ada{n}@example.org"), "password": PASSWORD, "org_name": format!("Acme {n}")});
    let (one, two) = (body(1), body(2));
    let (one, two) = tokio::join!(
        server.anonymous.post("/onboarding", &one),
        server.anonymous.post("/onboarding", &two)
    );
    let mut statuses = [one?.status.as_u16(), two?.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401]);
    let config = expect(server.anonymous.get("/common/config").await?, 200)?;
    assert_eq!(config["onboarding_required"], false);
    Ok(())
}

#[tokio::test]
async fn a_signed_in_user_sets_up_a_first_organisation_and_no_second() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    server.onboard().await?;
    let bob = server.person("bob").await?;
    let taken = expect(
        bob.client
            .post("/onboarding", &json!({"org_name": "Acme"}))
            .await?,
        409,
    )?;
    assert_eq!(faulty(&taken), ["org_name"]);
    let made = expect(
        bob.client
            .post("/onboarding", &json!({"org_name": "Bob's"}))
            .await?,
        201,
    )?;
    assert_eq!(made["org"]["role"], "admin");
    expect(
        bob.client
            .post("/onboarding", &json!({"org_name": "Bob's other"}))
            .await?,
        409,
    )?;
    Ok(())
}

#[tokio::test]
async fn every_invalid_field_of_a_registration_is_named() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let body = json!({"full_name": "", "email": "nobody", "password": "password1"});
    let problem = expect(server.anonymous.post("/auth/register", &body).await?, 422)?;
    assert_eq!(faulty(&problem), ["email", "full_name", "password"]);
    assert!(!problem.to_string().contains("password1"), "{problem}");
    Ok(())
}

#[tokio::test]
async fn a_spent_refresh_token_ends_the_whole_session() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    server.onboard().await?;
    let (cookie, _) = sign_in_for_cookie(&server, "ada@example.org").await?;
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"),
        "{cookie}"
    );
    let first = cookie.split(';').next().unwrap_or_default().to_owned();
    let (status, second) = refresh(&server, &first, Some(&server.base)).await?;
    assert_eq!(status, 200);
    let second = second.unwrap_or_default();
    assert_ne!(first, second);
    assert_eq!(refresh(&server, &first, None).await?.0, 401);
    assert_eq!(refresh(&server, &second, None).await?.0, 401);
    Ok(())
}

#[tokio::test]
async fn another_site_can_neither_refresh_nor_sign_out() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    server.onboard().await?;
    let (cookie, _) = sign_in_for_cookie(&server, "ada@example.org").await?;
    let cookie = cookie.split(';').next().unwrap_or_default();
    assert_eq!(
        refresh(&server, cookie, Some("https://evil.example")).await?.0,
        403
    );
    assert_eq!(refresh(&server, cookie, Some("null")).await?.0, 403);
    assert_eq!(refresh(&server, cookie, None).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn behind_tls_the_cookie_is_bound_to_this_host() -> anyhow::Result<()> {
    let server = TestServer::start_with(
        &[("PUBLIC_URL", "https://pilot.example")],
        std::time::Duration::from_secs(45),
    )
    .await?;
    server.onboard().await?;
    let (cookie, _) = sign_in_for_cookie(&server, "ada@example.org").await?;
    assert!(
        cookie.starts_with("__Host-rp_refresh=") && cookie.ends_with("; Secure"),
        "{cookie}"
    );
    let reply = server.anonymous.get("/healthz").await?;
    assert!(reply.headers.contains_key("strict-transport-security"));
    Ok(())
}

#[tokio::test]
async fn signing_out_voids_the_access_token_at_once() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, _) = server.onboard().await?;
    expect(ada.client.get("/common/me").await?, 200)?;
    expect(ada.client.post("/auth/logout", &Value::Null).await?, 204)?;
    expect(ada.client.get("/common/me").await?, 401)?;
    Ok(())
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, _) = server.onboard().await?;
    let (cookie, _) = sign_in_for_cookie(&server, "ada@example.org").await?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let wrong = json!({"current_password": "not the password", "new_password": "another lantern by the sea"});
    assert_eq!(
        faulty(&expect(
            ada.client.post("/common/me/password", &wrong).await?,
            422
        )?),
        ["current_password"]
    );
    let change = json!({"current_password": PASSWORD, "new_password": "another lantern by the sea"});
    let reply = expect(ada.client.post("/common/me/password", &change).await?, 200)?;
    expect(ada.client.get("/common/me").await?, 401)?;
    assert_eq!(refresh(&server, &cookie, None).await?.0, 401);
    let renewed = server.anonymous.with_token(&text(&reply, "/access_token")?);
    expect(renewed.get("/common/me").await?, 200)?;
    let old = json!({"email": "ada@example.org", "password": PASSWORD});
    expect(server.anonymous.post("/auth/login", &old).await?, 401)?;
    Ok(())
}

#[tokio::test]
async fn guessing_a_password_is_slowed_down_and_says_for_how_long() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    server.onboard().await?;
    let guess = json!({"email": "ada@example.org", "password": "wrong lantern"});
    for _ in 0..10 {
        expect(server.anonymous.post("/auth/login", &guess).await?, 401)?;
    }
    let reply = server.anonymous.post("/auth/login", &guess).await?;
    let wait: u64 = reply
        .headers
        .get("retry-after")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
        .parse()?;
    assert!((1..=61).contains(&wait), "{wait}");
    expect(reply, 429)?;
    Ok(())
}

#[tokio::test]
async fn an_unknown_account_is_refused_in_the_same_words_and_with_the_same_work() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    server.onboard().await?;
    let mut bodies = Vec::new();
    for email in ["ada@example.org", "nobody@example.org", "no address", ""] {
        // Hashing is all that takes time in a sign-in: the same number of runs takes the same time, and,
        // unlike a clock, can't be disturbed by other tests.
        let before = server.context.passwords.runs();
        let guess = json!({"email": email, "password": "wrong lantern"});
        let mut problem = expect(server.anonymous.post("/auth/login", &guess).await?, 401)?;
        assert_eq!(server.context.passwords.runs() - before, 1, "{email:?}");
        problem["request_id"] = Value::Null;
        bodies.push(problem);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    Ok(())
}

#[tokio::test]
async fn an_invitation_is_accepted_with_its_token_only() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let invite = json!({"email": "grace@example.org", "permissions": {"create_runner": true}});
    let added = expect(
        ada.client.post(&format!("/org/{org}/members"), &invite).await?,
        201,
    )?;
    assert!(added["member"].is_null());
    let token = text(&added, "/invitation_token")?;
    let listed = expect(
        ada.client.get(&format!("/org/{org}/members/invitations")).await?,
        200,
    )?;
    assert_eq!(listed["total"], 1);
    assert!(!listed.to_string().contains(&token));
    let other =
        json!({"full_name": "Eve", "email": "eve@example.org", "password": PASSWORD, "invitation": token});
    assert_eq!(
        faulty(&expect(
            server.anonymous.post("/auth/register", &other).await?,
            422
        )?),
        ["invitation"]
    );
    let own = json!({"full_name": "Grace", "email": "grace@example.org", "password": PASSWORD, "invitation": token});
    expect(server.anonymous.post("/auth/register", &own).await?, 201)?;
    let grace = server.sign_in("grace@example.org").await?;
    let me = expect(grace.get("/common/me").await?, 200)?;
    assert_eq!(me["orgs"][0]["uid"], json!(org));
    assert_eq!(me["orgs"][0]["permissions"]["create_runner"], true);
    assert_eq!(me["orgs"][0]["permissions"]["delete_runner"], false);
    Ok(())
}

#[tokio::test]
async fn of_two_admins_who_demote_each_other_at_once_one_stays() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let bob = server.person("bob").await?;
    server.add(&ada, &org, &bob, "admin", &[]).await?;
    let demote = json!({"role": "member"});
    let (of_bob, of_ada) = (
        format!("/org/{org}/members/{}", bob.id),
        format!("/org/{org}/members/{}", ada.id),
    );
    let (one, two) = tokio::join!(ada.client.put(&of_bob, &demote), bob.client.put(&of_ada, &demote));
    let statuses = [one?.status.as_u16(), two?.status.as_u16()];
    assert!(statuses.contains(&200), "{statuses:?}");
    let members = expect(ada.client.get(&format!("/org/{org}/members")).await?, 200)?;
    let admins = members["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|member| member["role"] == "admin");
    assert_eq!(admins.count(), 1);
    Ok(())
}

#[tokio::test]
async fn the_last_admin_can_neither_leave_nor_be_demoted() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let path = format!("/org/{org}/members/{}", ada.id);
    assert_eq!(
        expect(ada.client.put(&path, &json!({"role": "member"})).await?, 409)?["code"],
        "last_admin"
    );
    assert_eq!(
        expect(ada.client.delete(&path).await?, 409)?["code"],
        "last_admin"
    );
    Ok(())
}

#[tokio::test]
async fn a_member_cannot_change_its_own_rights_and_unknown_grants_are_refused() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let bob = server.person("bob").await?;
    server.add(&ada, &org, &bob, "member", &["create_runner"]).await?;
    let path = format!("/org/{org}/members/{}", bob.id);
    expect(bob.client.put(&path, &json!({"role": "admin"})).await?, 403)?;
    let unknown = json!({"permissions": {"root": true}});
    assert_eq!(
        faulty(&expect(ada.client.put(&path, &unknown).await?, 422)?),
        ["permissions.root"]
    );
    let wrong = json!({"permissions": {"create_runner": "true"}});
    assert_eq!(
        faulty(&expect(ada.client.put(&path, &wrong).await?, 422)?),
        ["permissions.create_runner"]
    );
    expect(bob.client.delete(&path).await?, 204)?;
    expect(bob.client.get(&format!("/org/{org}")).await?, 404)?;
    Ok(())
}

#[tokio::test]
async fn each_change_leaves_one_line_in_the_audit_log() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    let before = expect(ada.client.get(&format!("/org/{org}/audit")).await?, 200)?["total"].as_u64();
    expect(
        ada.client
            .put(&format!("/org/{org}"), &json!({"name": "Acme Ltd"}))
            .await?,
        200,
    )?;
    let after = expect(
        ada.client
            .get(&format!("/org/{org}/audit?sort=-created_at"))
            .await?,
        200,
    )?;
    assert_eq!(after["total"].as_u64(), before.map(|lines| lines + 1));
    let line = &after["items"][0];
    assert_eq!(
        (&line["action"], &line["actor"]),
        (&json!("org.updated"), &json!("ada@example.org"))
    );
    assert_eq!(line["ip_address"], "127.0.0.1");
    assert!(line["request_id"].is_string());
    Ok(())
}
