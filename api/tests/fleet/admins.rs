//! The last admin of an organisation stays, whatever two of them do to each other at the same time.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::harness::ApiClient;
use testkit::harness::database::DatabaseKind;

use crate::support::{System, uid};

/// What two admins do at once.
#[derive(Debug, Clone, Copy)]
enum Clash {
    DemoteEachOther,
    RemoveEachOther,
    BothLeave,
    BothStepDown,
}

async fn id_of(client: &ApiClient) -> anyhow::Result<String> {
    let me = client.get("/common/me").await?.expect(200)?;
    Ok(me["user"]["uid"]
        .as_str()
        .or(me["uid"].as_str())
        .unwrap_or_default()
        .to_owned())
}

/// Both at once; the statuses of the two answers, the smaller first.
async fn clash(
    org: &str,
    (one, one_id): (&ApiClient, &str),
    (two, two_id): (&ApiClient, &str),
    how: Clash,
) -> anyhow::Result<[u16; 2]> {
    let member = |id: &str| format!("{org}/members/{id}");
    let demoted = json!({"role": "member"});
    let (method, body, of_one, of_two): (Method, Option<&Value>, &str, &str) = match how {
        Clash::DemoteEachOther => (Method::PUT, Some(&demoted), two_id, one_id),
        Clash::RemoveEachOther => (Method::DELETE, None, two_id, one_id),
        Clash::BothLeave => (Method::DELETE, None, one_id, two_id),
        Clash::BothStepDown => (Method::PUT, Some(&demoted), one_id, two_id),
    };
    let (of_one, of_two) = (member(of_one), member(of_two));
    let (one, two) = tokio::join!(
        one.send(method.clone(), &of_one, body),
        two.send(method.clone(), &of_two, body)
    );
    let mut statuses = [one?.status.as_u16(), two?.status.as_u16()];
    statuses.sort_unstable();
    Ok(statuses)
}

#[tokio::test]
async fn of_two_admins_at_odds_exactly_one_gets_their_way() -> anyhow::Result<()> {
    for kind in [DatabaseKind::Sqlite, DatabaseKind::Postgres] {
        let system = System::start_on(kind).await?;
        let (ada, bob) = (system.account("ada2").await?, system.account("bob").await?);
        let (ada_id, bob_id) = (id_of(&ada).await?, id_of(&bob).await?);
        for how in [
            Clash::DemoteEachOther,
            Clash::RemoveEachOther,
            Clash::BothLeave,
            Clash::BothStepDown,
        ] {
            for round in 0..3 {
                let org = ada
                    .post("/org", &json!({"name": format!("{how:?} {round}")}))
                    .await?
                    .expect(201)?;
                let org = format!("/org/{}", uid(&org));
                let second = json!({"email": "bob@example.org", "role": "admin"});
                ada.post(&format!("{org}/members"), &second).await?.expect(201)?;
                let [done, refused] = clash(&org, (&ada, &ada_id), (&bob, &bob_id), how).await?;
                anyhow::ensure!(
                    matches!(done, 200 | 204) && matches!(refused, 403 | 404 | 409),
                    "{kind:?} {how:?}: {done} and {refused}"
                );
                let mut admins = 0;
                for client in [&ada, &bob] {
                    let reply = client.get(&org).await?;
                    admins += usize::from(reply.status == 200 && reply.json()?["role"] == "admin");
                }
                anyhow::ensure!(admins == 1, "{kind:?} {how:?}: {admins} admins are left");
            }
        }
    }
    Ok(())
}
