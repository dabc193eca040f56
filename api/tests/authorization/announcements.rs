//! What open pages are told: every operation that changes something publishes exactly what it changed.

use domain::change::{CHANGE_FIELD, Change};
use redis::AsyncCommands as _;
use redis::streams::StreamRangeReply;
use reqwest::Method;

use super::driver::{Operation, Things, operations, things};
use super::rows::rows;

/// The kinds that an operation publishes in the organisation, in their order; `None` for one without a row.
fn expected(operation: &str) -> Option<&'static [&'static str]> {
    Some(match operation {
        "register" | "log_in" | "refresh_session" | "log_out" | "change_password" => &[],
        // Both make an organisation that nobody looks at yet.
        "onboard" | "create_org" => &[],
        // The worker that checks tells what it finds, and the one that sees the job run tells that.
        "check_node" | "run_sample_job" => &[],
        "update_me" | "update_member" | "remove_member" => &["member_changed"],
        "update_org" => &["org_changed"],
        // The table's body names nobody with an account.
        "add_member" | "withdraw_invitation" => &["invitations_changed"],
        "create_node" | "update_node" | "delete_node" => &["node_changed"],
        "create_credential" | "update_credential" | "delete_credential" => &["credential_changed"],
        "create_runner" | "update_runner" | "delete_runner" | "set_runner_status" | "clone_runner" => {
            &["runner_changed"]
        }
        "create_instance"
        | "update_instance"
        | "report_instance_status"
        | "delete_instance"
        | "start_instance"
        | "stop_instance"
        | "restart_instance" => &["instance_changed"],
        _ => return None,
    })
}

/// The changes in the organisation's stream after an entry, and the newest entry's id.
async fn changes(things: &Things, after: &str) -> anyhow::Result<(Vec<Change>, String)> {
    let key = domain::redis_keys::events(&things.org.parse()?);
    let mut redis = things.server.redis.connection().await?;
    let found: StreamRangeReply = redis.xrange(key, format!("({after}"), "+").await?;
    let last = found.ids.last().map_or(after, |entry| &entry.id).to_owned();
    let texts = found
        .ids
        .iter()
        .filter_map(|entry| entry.get::<String>(CHANGE_FIELD));
    let changes = texts.map(|text| serde_json::from_str(&text));
    Ok((changes.collect::<Result<_, _>>()?, last))
}

fn kinds(changes: &[Change]) -> anyhow::Result<Vec<String>> {
    changes
        .iter()
        .map(|change| {
            let json = serde_json::to_value(change)?;
            Ok(json["kind"].as_str().unwrap_or_default().to_owned())
        })
        .collect()
}

async fn published(things: &Things, operation: &Operation) -> anyhow::Result<Vec<String>> {
    let path = things.path(operation).await?;
    let is_of_account = !operation.path.contains("{org_id}");
    let person = if is_of_account {
        // Not the admin: some of these end all of the caller's sessions.
        let person = things.server.person(&things.fresh()).await?;
        let (server, org) = (&things.server, &things.org);
        server.add(&things.admin, org, &person, "member", &[]).await?;
        person
    } else {
        things.admin.clone()
    };
    let (_, before) = changes(things, "0-0").await?;
    let answered = things.call(person.client.token(), operation, &path).await?;
    // Who belongs to an organisation needs no onboarding.
    let is_refused = operation.id == "onboard" && answered == 409;
    anyhow::ensure!(answered < 300 || is_refused, "{}: {answered}", operation.id);
    kinds(&changes(things, &before).await?.0)
}

#[tokio::test]
async fn every_operation_tells_open_pages_exactly_what_it_changed() -> anyhow::Result<()> {
    let things = things().await?;
    let mut wrong = Vec::new();
    for operation in operations(&things.server).await? {
        if !rows().contains_key(operation.id.as_str()) || operation.id.starts_with("stream_") {
            continue;
        }
        let is_read = operation.method == Method::GET;
        let expected = match expected(&operation.id) {
            None if is_read => &[][..],
            None => {
                wrong.push(format!("{} is not in the table", operation.id));
                continue;
            }
            Some(expected) => expected,
        };
        let told = published(&things, &operation).await?;
        if told != expected {
            wrong.push(format!("{}: {told:?} instead of {expected:?}", operation.id));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

#[tokio::test]
async fn a_deleted_runner_takes_its_instances_along_before_the_eyes_of_open_pages() -> anyhow::Result<()> {
    let things = things().await?;
    let stop = operations(&things.server)
        .await?
        .into_iter()
        .find(|operation| operation.id == "stop_instance");
    let path = things
        .path(&stop.ok_or_else(|| anyhow::anyhow!("no such operation"))?)
        .await?;
    let runner = path.split_once("/instance").map_or("", |(runner, _)| runner);
    let (_, before) = changes(&things, "0-0").await?;
    let deleted = things.admin.client.delete(runner).await?;
    super::support::expect(deleted, 204)?;
    let told = kinds(&changes(&things, &before).await?.0)?;
    assert_eq!(told, ["instance_changed", "runner_changed"]);
    Ok(())
}

#[tokio::test]
async fn a_busy_instance_makes_its_runner_busy_on_open_pages_too() -> anyhow::Result<()> {
    let things = things().await?;
    let report = operations(&things.server)
        .await?
        .into_iter()
        .find(|operation| operation.id == "report_instance_status");
    let path = things
        .path(&report.ok_or_else(|| anyhow::anyhow!("no such operation"))?)
        .await?;
    let (_, before) = changes(&things, "0-0").await?;
    let body = serde_json::json!({"status": "busy"});
    super::support::expect(things.admin.client.patch(&path, &body).await?, 200)?;
    let told = kinds(&changes(&things, &before).await?.0)?;
    assert_eq!(told, ["instance_changed", "runner_changed"]);
    Ok(())
}

#[tokio::test]
async fn an_invited_person_who_registers_is_told_as_a_member() -> anyhow::Result<()> {
    let things = things().await?;
    let members = format!("/org/{}/members", things.org);
    let email = "grace@example.org";
    let invited = things
        .admin
        .client
        .post(&members, &serde_json::json!({"email": email}))
        .await?;
    let token = super::support::text(&super::support::expect(invited, 201)?, "/invitation_token")?;
    let (_, before) = changes(&things, "0-0").await?;
    let body = serde_json::json!({"full_name": "Grace", "email": email,
        "password": super::support::PASSWORD, "invitation": token});
    let registered = things.server.anonymous.post("/auth/register", &body).await?;
    super::support::expect(registered, 201)?;
    let told = kinds(&changes(&things, &before).await?.0)?;
    assert_eq!(told, ["member_changed", "invitations_changed"]);
    Ok(())
}

#[tokio::test]
async fn somebody_with_an_account_is_told_as_a_member_at_once() -> anyhow::Result<()> {
    let things = things().await?;
    let bob = things.server.person("bob").await?;
    let (_, before) = changes(&things, "0-0").await?;
    things
        .server
        .add(&things.admin, &things.org, &bob, "member", &[])
        .await?;
    let told = changes(&things, &before).await?.0;
    let user_id = bob.id.parse()?;
    assert_eq!(told, [Change::MemberChanged { user_id }]);
    Ok(())
}
