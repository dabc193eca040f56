//! Every list that the description knows, asked by one of two organisations, and after things were deleted.

use domain::instance::InstanceState::{Draining, Removed, Stopping};
use serde_json::{Value, json};
use testkit::harness::ApiClient;
use testkit::harness::database::DatabaseKind;

use crate::support::{System, uid};

const BOTH: [DatabaseKind; 2] = [DatabaseKind::Sqlite, DatabaseKind::Postgres];

/// The paths of all operations that answer a page below an organisation.
async fn lists(system: &System) -> anyhow::Result<Vec<String>> {
    let document = system.admin.get("/openapi.json").await?.expect(200)?;
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        let parameters = operations["get"]["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        if path.starts_with("/org/{org_id}/") && parameters.iter().any(|one| one["name"] == "limit") {
            found.push(path.clone());
        }
    }
    anyhow::ensure!(found.len() >= 9, "{found:?}");
    Ok(found)
}

/// An organisation with one of everything, all of it named after the organisation.
struct Tenant {
    admin: ApiClient,
    org: String,
    node: String,
    runner: String,
    instance: String,
}

async fn tenant(system: &System, name: &str) -> anyhow::Result<Tenant> {
    let admin = system.account(name).await?;
    let org = admin.post("/org", &json!({"name": name})).await?.expect(201)?;
    let org = uid(&org).to_owned();
    let make = async |path: &str, body: Value| {
        let made = admin
            .post(&format!("/org/{org}{path}"), &body)
            .await?
            .expect(201)?;
        anyhow::Ok(uid(&made).to_owned())
    };
    let node = json!({"name": name, "type": "socket", "socket_path": format!("/run/{name}.sock")});
    let node = make("/nodes", node).await?;
    make(
        "/credentials",
        json!({"name": name, "secret": "ghp_0123456789abcdefWXYZ"}),
    )
    .await?;
    let runner =
        json!({"name": name, "github_repo": format!("{name}/app"), "github_runner_token": "AAAATOKENcdef"});
    let runner = make("/runners", runner).await?;
    let instance = make(&format!("/runners/{runner}/instance"), json!({})).await?;
    let guest = json!({"email": format!("guest@{name}.example.org")});
    admin
        .post(&format!("/org/{org}/members"), &guest)
        .await?
        .expect(201)?;
    Ok(Tenant {
        admin,
        org,
        node,
        runner,
        instance,
    })
}

impl Tenant {
    fn fill(&self, path: &str) -> String {
        path.replace("{org_id}", &self.org)
            .replace("{node_id}", &self.node)
            .replace("{runner_id}", &self.runner)
            .replace("{instance_id}", &self.instance)
    }
}

#[tokio::test]
async fn no_list_of_one_organisation_tells_of_another() -> anyhow::Result<()> {
    for kind in BOTH {
        let system = System::start_on(kind).await?;
        let (ours, theirs) = (
            tenant(&system, "aardvark").await?,
            tenant(&system, "zebra").await?,
        );
        for path in lists(&system).await? {
            let reply = ours.admin.get(&ours.fill(&path)).await?;
            let page = reply.expect(200)?;
            anyhow::ensure!(page["total"].as_u64() >= Some(1), "{path} is empty: {page}");
            for strange in [
                "zebra",
                &theirs.org,
                &theirs.node,
                &theirs.runner,
                &theirs.instance,
            ] {
                anyhow::ensure!(
                    !reply.text().contains(strange),
                    "{kind:?} {path} tells of {strange}"
                );
            }
            let found = ours
                .admin
                .get(&format!("{}?q=zebra", ours.fill(&path)))
                .await?
                .expect(200)?;
            anyhow::ensure!(found["total"] == 0, "{kind:?} {path} finds {found}");
            ours.admin.get(&theirs.fill(&path)).await?.problem(404)?;
            // Filters by other organisations' ids find nothing either.
            if path.ends_with("/instances") {
                let filter = format!("{}?runner_id={}", ours.fill(&path), theirs.runner);
                let found = ours.admin.get(&filter).await?.expect(200)?;
                anyhow::ensure!(found["total"] == 0, "{found}");
            }
        }
        let overview = ours.admin.get(&format!("/org/{}/overview", ours.org)).await?;
        overview.expect(200)?;
        anyhow::ensure!(!overview.text().contains("zebra"), "{}", overview.text());
        let orgs = ours.admin.get("/org").await?;
        anyhow::ensure!(!orgs.text().contains("zebra"), "{}", orgs.text());
    }
    Ok(())
}

#[tokio::test]
async fn what_is_deleted_is_seen_nowhere_but_in_the_audit_log() -> anyhow::Result<()> {
    for kind in BOTH {
        let system = System::start_on(kind).await?;
        let gone = tenant(&system, "phantom").await?;
        let below = |rest: &str| format!("/org/{}{rest}", gone.org);
        let runner = below(&format!("/runners/{}", gone.runner));
        let instance = format!("{runner}/instance/{}", gone.instance);
        gone.admin.delete(&runner).await?.expect(204)?;
        // Its instance drains, and is told as long as it does.
        let draining = gone.admin.get(&below("/instances")).await?.expect(200)?;
        assert_eq!(draining["items"][0]["state"], json!(Draining), "{draining}");
        assert_eq!(draining["items"][0]["runner_name"], "phantom");
        system.walk(&gone.instance.parse()?, &[Stopping, Removed]).await?;
        for list in ["/nodes", "/credentials"] {
            let page = gone.admin.get(&below(list)).await?.expect(200)?;
            let one = below(&format!("{list}/{}", uid(&page["items"][0])));
            gone.admin.delete(&one).await?.expect(204)?;
            gone.admin.get(&one).await?.problem(404)?;
            gone.admin
                .put(&one, &json!({"name": "back"}))
                .await?
                .problem(404)?;
            gone.admin.delete(&one).await?.problem(404)?;
        }
        for path in [&runner, &instance, &format!("{runner}/instance")] {
            gone.admin.get(path).await?.problem(404)?;
        }
        for action in ["start", "stop", "restart"] {
            gone.admin
                .post(&format!("{instance}/{action}"), &json!({}))
                .await?
                .problem(404)?;
        }
        gone.admin
            .post(&format!("{runner}/clone"), &json!({"name": "copy"}))
            .await?
            .problem(404)?;
        for list in ["/nodes", "/credentials", "/runners", "/instances"] {
            let page = gone.admin.get(&below(list)).await?.expect(200)?;
            assert_eq!(
                (&page["total"], &page["items"]),
                (&json!(0), &json!([])),
                "{kind:?} {list}"
            );
        }
        let overview = gone.admin.get(&below("/overview")).await?;
        let counts = overview.expect(200)?;
        assert!(!overview.text().contains("phantom"), "{counts}");
        assert_eq!(
            (&counts["instances"]["draining"], &counts["nodes"]),
            (&json!(0), &json!([]))
        );
        // The name may be used again.
        let again = json!({"name": "phantom", "type": "socket", "socket_path": "/run/x.sock"});
        gone.admin.post(&below("/nodes"), &again).await?.expect(201)?;
        let audit = gone.admin.get(&below("/audit?q=deleted")).await?.expect(200)?;
        assert_eq!(audit["total"], 3, "{audit}");
    }
    Ok(())
}
