//! What the api seals and the worker opens: an engine behind mutual TLS, and a token of a runner's own. And the
//! queue of a worker's own host.

use anyhow::{Context as _, ensure};
use github::GitHub;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use testkit::harness::{ApiClient, Canary, DatabaseKind, Engine, RemoteEngine, Stack, engine, eventually};

use crate::support::{PATIENCE, REPOSITORY, create_runner, end, text, wait_for_idle};

#[tokio::test(flavor = "multi_thread")]
async fn runners_live_on_an_engine_behind_tls_and_on_the_workers_own() -> anyhow::Result<()> {
    let engine = engine().await?;
    let image = testkit::runner_image::build(engine.docker()).await?;
    let far = RemoteEngine::start().await?;
    let far_engine = far.engine().await?;
    engine.copy_image(&image, &far_engine).await?;
    let mut settings = vec![("HEARTBEAT_INTERVAL_SECS", "1")];
    let socket = engine.socket().context("the engine has no socket")?;
    let docker_host = format!("unix://{}", socket.display());
    settings.push(("DOCKER_HOST", &docker_host));
    let mut stack = Stack::start(DatabaseKind::Sqlite, &settings).await?;
    let outcome = journey(&mut stack, (&engine, &far, &far_engine), &image).await;
    end(&mut stack, &engine, outcome).await
}

async fn journey(
    stack: &mut Stack,
    (engine, far, far_engine): (&Engine, &RemoteEngine, &Engine),
    image: &str,
) -> anyhow::Result<()> {
    let (api, org) = stack.onboard().await?;
    let tls = far.tls();
    let remote = json!({
        "name": "far", "type": "remote", "ip_address": "127.0.0.1", "port": far.port(),
        "tls": {"ca": tls.ca, "cert": tls.client_cert, "key": tls.client_key},
    });
    let remote = add_node(&api, &org, &remote).await?;
    let local = add_node(&api, &org, &json!({"name": "own", "type": "local"})).await?;

    let minting = create_runner(&api, &org, image, (&stack.pat, 0)).await?;
    let token = registration_token(stack).await?;
    let own_token = json!({
        "name": "own-token", "docker_image": image, "github_repo": REPOSITORY, "labels": ["e2e"],
        "github_runner_token": token, "ephemeral": false, "max_instances": 1,
        "resources": {"cpus": 0.5, "memory_mb": 128, "pids": 64, "network": "host"},
    });
    let made = api
        .post(&format!("{org}/runners"), &own_token)
        .await?
        .expect(201)?;
    let own_token = format!("{org}/runners/{}", text(&made, "uid")?);

    let mut canary = Canary::new();
    canary.add("the token", &token)?;
    canary.add("the TLS key", &tls.client_key)?;
    for (runner, node, place) in [(&own_token, &remote, far_engine), (&minting, &local, engine)] {
        let body = json!({"node_id": node});
        let instance = api
            .post(&format!("{runner}/instance"), &body)
            .await?
            .expect(201)?;
        let instance = text(&instance, "uid")?;
        wait_for_idle(&api, runner, None).await?;
        let label = format!("runner-pilot.instance={instance}");
        let containers = place.containers(&label).await?.len();
        ensure!(
            containers == 1,
            "{containers} containers on the node that was asked for"
        );
        canary.ensure_absent("docker inspect and logs", &place.told_about(&label).await?)?;
        remove(&api, &format!("{runner}/instance/{instance}")).await?;
        ensure!(
            place.containers(&label).await?.is_empty(),
            "its container is left"
        );
    }
    // A token to register with is not one to remove with: GitHub is left with that runner, offline.
    let left = stack.github.registrations();
    ensure!(
        left.len() == 1 && left[0].name.starts_with("own-token-") && !left[0].online,
        "{left:?}"
    );
    canary.ensure_absent_in_files(stack.logs())?;
    canary.ensure_absent("the database", &stack.database.dump().await?)
}

/// Adds a node and waits until a worker has found it good; its id.
async fn add_node(api: &ApiClient, org: &str, body: &Value) -> anyhow::Result<String> {
    let node = api.post(&format!("{org}/nodes"), body).await?.expect(201)?;
    let node = text(&node, "uid")?;
    let path = format!("{org}/nodes/{node}");
    eventually(PATIENCE, "the node passes its checks", async || {
        let node = api.get(&path).await?.expect(200)?;
        ensure!(node["status"] == "active", "{node}");
        Ok(())
    })
    .await?;
    Ok(node)
}

/// A registration token, as a person would copy it from GitHub's page.
async fn registration_token(stack: &Stack) -> anyhow::Result<String> {
    let github = GitHub::new(stack.github.url(), stack.pat.as_str().into())?;
    let minted = github.create_registration_token(&REPOSITORY.parse()?).await?;
    Ok(minted.token.expose_secret().to_owned())
}

async fn remove(api: &ApiClient, path: &str) -> anyhow::Result<()> {
    api.delete(path).await?.expect(202)?;
    eventually(PATIENCE, "the instance is removed", async || {
        let status = api.get(path).await?.status;
        ensure!(status == 404, "it answers {status}");
        Ok(())
    })
    .await
}
