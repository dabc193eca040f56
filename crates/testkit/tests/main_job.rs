//! The main job, end to end, with only HTTP from outside: onboarding, node, runner, instance, a job on
//! it, a worker killed in the middle of a registration, and everything removed again.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bollard::query_parameters::InspectContainerOptions;
use domain::redis_keys::{BEAT_LAST_RUN, BEAT_SCHEDULE, QUEUE_PREFIX, WORKERS};
use redis::AsyncCommands as _;
use serde_json::{Value, json};
use testkit::github::{Effect, Fault, JobSpec, JobStatus};
use testkit::harness::canary::Canary;
use testkit::harness::client::ApiClient;
use testkit::harness::database::DatabaseKind;
use testkit::harness::engine::{Engine, engine};
use testkit::harness::poll::eventually;
use testkit::harness::stack::Stack;

const REPOSITORY: &str = "acme/app";
const PATIENCE: Duration = Duration::from_mins(1);
/// A killed worker's message comes back after the visibility timeout, its lease ends, and the runner starts.
const RECOVERY: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_works_on_sqlite() -> anyhow::Result<()> {
    main_job(DatabaseKind::Sqlite).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_works_on_postgresql() -> anyhow::Result<()> {
    main_job(DatabaseKind::Postgres).await
}

async fn main_job(kind: DatabaseKind) -> anyhow::Result<()> {
    let engine = engine().await?;
    let image = testkit::runner_image::build(engine.docker()).await?;
    let settings = [
        ("HEARTBEAT_INTERVAL_SECS", "1"),
        ("METRICS_INTERVAL_SECS", "1"),
        ("RECONCILE_INTERVAL_SECS", "2"),
        ("VISIBILITY_TIMEOUT_SECS", "5"),
    ];
    let mut stack = Stack::start(kind, &settings).await?;
    let outcome = journey(&mut stack, &engine, &image).await;
    if outcome.is_err() {
        eprintln!(
            "the worker's log:\n{}\nthe api's log:\n{}",
            stack.worker.log_text(),
            stack.api.log_text()
        );
    }
    // What a failed journey left behind must not stay on the engine; a successful one leaves nothing.
    let left = stack.remove_containers(&engine).await?;
    outcome?;
    ensure!(left == 0, "{left} containers were left");
    Ok(())
}

async fn journey(stack: &mut Stack, engine: &Engine, image: &str) -> anyhow::Result<()> {
    let (api, org) = stack.onboard().await?;
    let node = add_node(&api, &org, engine).await?;
    let runner = create_runner(&api, &org, image, &stack.pat).await?;

    let first = create_instance(&api, &runner).await?;
    let first_path = format!("{runner}/instance/{}", text(&first, "uid")?);
    let running = wait_for_state(&api, &first_path, "running").await?;
    let name = text(&running, "name")?;
    check_container(engine, &running, image).await?;
    stack
        .github
        .wait_until("the runner is online", PATIENCE, |github| {
            github
                .registration(REPOSITORY, &name)
                .filter(|found| found.online)
        })
        .await?;
    check_status_key(stack, &running).await?;
    check_metrics(stack, &api, &running, &first_path).await?;
    run_a_job(stack, &api, &first_path, &running).await?;

    let second = survive_a_killed_worker(stack, engine, &api, &runner).await?;
    let secrets = secrets(stack)?;
    secrets.ensure_absent(
        "docker inspect and logs",
        &engine.told_about(&stack.install_label().await?).await?,
    )?;
    let in_use = api.get(&node).await?.expect(200)?;
    ensure!(in_use["instances_in_use"] == json!(2), "the node says {in_use}");

    for instance in [&first_path, &second] {
        api.delete(instance).await?.expect(202)?;
    }
    for instance in [&first_path, &second] {
        eventually(PATIENCE, "the instance is gone", async || {
            let status = api.get(instance).await?.status;
            ensure!(status == 404, "it answers {status}");
            Ok(())
        })
        .await?;
    }
    nothing_is_left(stack, engine, &[text(&first, "uid")?, last_segment(&second)]).await
}

async fn add_node(api: &ApiClient, org: &str, engine: &Engine) -> anyhow::Result<String> {
    let socket = engine.socket().context("the engine has no socket")?;
    let body = json!({"name": "here", "type": "socket", "socket_path": socket, "capacity": 5});
    let node = api.post(&format!("{org}/nodes"), &body).await?.expect(201)?;
    let path = format!("{org}/nodes/{}", text(&node, "uid")?);
    eventually(PATIENCE, "the node passes its checks", async || {
        let node = api.get(&path).await?.expect(200)?;
        ensure!(node["status"] == "active", "{node}");
        Ok(())
    })
    .await?;
    Ok(path)
}

async fn create_runner(api: &ApiClient, org: &str, image: &str, pat: &str) -> anyhow::Result<String> {
    let credential = json!({"name": "sandbox", "secret": pat});
    let credential = api
        .post(&format!("{org}/credentials"), &credential)
        .await?
        .expect(201)?;
    ensure!(!credential.to_string().contains(pat), "the secret is echoed");
    let body = json!({
        "name": "linux",
        "docker_image": image,
        "github_repo": REPOSITORY,
        "credential_id": text(&credential, "uid")?,
        "labels": ["e2e"],
        "ephemeral": false,
        "max_instances": 3,
        "resources": {"cpus": 0.5, "memory_mb": 128, "pids": 64, "network": "host"},
    });
    let runner = api.post(&format!("{org}/runners"), &body).await?.expect(201)?;
    Ok(format!("{org}/runners/{}", text(&runner, "uid")?))
}

async fn create_instance(api: &ApiClient, runner: &str) -> anyhow::Result<Value> {
    let instance = api
        .post(&format!("{runner}/instance"), &json!({}))
        .await?
        .expect(201)?;
    ensure!(instance["state"] == "pending", "{instance}");
    Ok(instance)
}

async fn wait_for_state(api: &ApiClient, instance: &str, state: &str) -> anyhow::Result<Value> {
    eventually(RECOVERY, &format!("the instance is {state}"), async || {
        let instance = api.get(instance).await?.expect(200)?;
        ensure!(instance["state"] == state, "it is {instance}");
        Ok(instance)
    })
    .await
}

async fn check_container(engine: &Engine, instance: &Value, image: &str) -> anyhow::Result<()> {
    let id = text(instance, "instance_identifier")?;
    let container = engine
        .docker()
        .inspect_container(&id, None::<InspectContainerOptions>)
        .await?;
    let container = serde_json::to_value(container)?;
    let labels = &container["Config"]["Labels"];
    ensure!(labels["runner-pilot.instance"] == instance["uid"], "{labels}");
    ensure!(labels["runner-pilot.install"].is_string(), "{labels}");
    ensure!(container["Config"]["Image"] == image);
    let limits = &container["HostConfig"];
    ensure!(limits["Memory"] == json!(128 * 1024 * 1024), "{limits}");
    ensure!(limits["MemorySwap"] == limits["Memory"], "{limits}");
    ensure!(limits["NanoCpus"] == json!(500_000_000), "{limits}");
    ensure!(limits["PidsLimit"] == json!(64), "{limits}");
    ensure!(limits["RestartPolicy"]["Name"] == "no", "{limits}");
    ensure!(
        limits["Privileged"] == json!(false) && limits["AutoRemove"] == json!(false),
        "{limits}"
    );
    let options = limits["SecurityOpt"].to_string();
    ensure!(options.contains("no-new-privileges"), "{options}");
    ensure!(instance["instance_meta"].is_object(), "{instance}");
    Ok(())
}

async fn check_status_key(stack: &Stack, instance: &Value) -> anyhow::Result<()> {
    let key = format!("runner_status:{}", text(instance, "uid")?);
    let mut redis = stack.redis.connection().await?;
    let value = eventually(PATIENCE, "a heartbeat is in Redis", async || {
        let value: Option<String> = redis::cmd("GET")
            .arg(&key)
            .query_async(&mut redis.clone())
            .await?;
        value.context("no such key")
    })
    .await?;
    let value: Value = serde_json::from_str(&value)?;
    let object = value.as_object().context("it is no object")?;
    ensure!(object.len() == 2, "{value}");
    ensure!(
        matches!(object["status"].as_str(), Some("online" | "idle")),
        "{value}"
    );
    let beat = object["last_heartbeat"].as_str().context("no last_heartbeat")?;
    ensure!(beat.len() == 20 && beat.ends_with('Z'), "{beat}");
    let ttl: i64 = redis::cmd("TTL").arg(&key).query_async(&mut redis).await?;
    ensure!((1..=300).contains(&ttl), "it lives {ttl} s");
    Ok(())
}

async fn check_metrics(stack: &Stack, api: &ApiClient, instance: &Value, path: &str) -> anyhow::Result<()> {
    let key = format!("runner_metrics:{}", text(instance, "uid")?);
    let mut redis = stack.redis.connection().await?;
    let value = eventually(PATIENCE, "a sample is in Redis", async || {
        let value: Option<String> = redis::cmd("GET")
            .arg(&key)
            .query_async(&mut redis.clone())
            .await?;
        value.context("no such key")
    })
    .await?;
    let value: Value = serde_json::from_str(&value)?;
    let object = value.as_object().context("it is no object")?;
    let mut names: Vec<_> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    ensure!(names == ["cpu_usage", "disk_usage", "memory_usage"], "{value}");
    ensure!(
        object
            .values()
            .all(|percent| percent.as_f64().is_some_and(|p| (0.0..=100.0).contains(&p))),
        "{value}"
    );
    let ttl: i64 = redis::cmd("TTL").arg(&key).query_async(&mut redis).await?;
    ensure!((1..=600).contains(&ttl), "it lives {ttl} s");
    eventually(PATIENCE, "a Monitoring row is served", async || {
        let metrics = api.get(&format!("{path}/metrics")).await?.expect(200)?;
        let points = metrics["points"].as_array().context("no points")?;
        ensure!(!points.is_empty(), "{metrics}");
        Ok(())
    })
    .await
}

async fn run_a_job(stack: &Stack, api: &ApiClient, path: &str, instance: &Value) -> anyhow::Result<()> {
    let wait_for_status = async |status: &str| {
        eventually(PATIENCE, &format!("the status is {status}"), async || {
            let found = api.get(path).await?.expect(200)?;
            ensure!(found["status"] == status, "{found}");
            Ok(())
        })
        .await
    };
    wait_for_status("idle").await?;
    let job = stack
        .github
        .queue_job(JobSpec::new(REPOSITORY, "build", 15).with_labels(&["e2e"]))?;
    wait_for_status("busy").await?;
    let done = stack
        .github
        .wait_until("the job is over", PATIENCE, |github| {
            github
                .job(job.id)
                .filter(|job| job.status == JobStatus::Completed)
        })
        .await?;
    ensure!(
        done.runner_name.as_deref() == instance["name"].as_str(),
        "{done:?}"
    );
    ensure!(
        done.conclusion == Some(testkit::github::Conclusion::Succeeded),
        "{done:?}"
    );
    wait_for_status("idle").await
}

/// Kills the worker while GitHub is being asked for a registration token, and starts it again.
async fn survive_a_killed_worker(
    stack: &mut Stack,
    engine: &Engine,
    api: &ApiClient,
    runner: &str,
) -> anyhow::Result<String> {
    stack.github.clear_requests();
    stack
        .github
        .script(Fault::next(Effect::Delay(Duration::from_secs(30))).on("POST", "registration-token"));
    let instance = create_instance(api, runner).await?;
    let path = format!("{runner}/instance/{}", text(&instance, "uid")?);
    stack
        .github
        .wait_until("the worker asks for a token", PATIENCE, |github| {
            github
                .requests()
                .iter()
                .find(|request| request.path.ends_with("registration-token"))
                .map(|_| ())
        })
        .await?;
    stack.worker.kill()?;
    stack.worker.start().await?;
    let running = wait_for_state(api, &path, "running").await?;
    let name = text(&running, "name")?;
    let registered = stack
        .github
        .registrations()
        .into_iter()
        .filter(|found| found.name == name)
        .count();
    ensure!(registered == 1, "it is registered {registered} times");
    let label = format!("runner-pilot.instance={}", text(&instance, "uid")?);
    let containers = engine.containers(&label).await?.len();
    ensure!(containers == 1, "it has {containers} containers");
    Ok(path)
}

async fn nothing_is_left(stack: &mut Stack, engine: &Engine, instances: &[String]) -> anyhow::Result<()> {
    for instance in instances {
        let left = engine
            .containers(&format!("runner-pilot.instance={instance}"))
            .await?;
        ensure!(left.is_empty(), "{left:?}");
    }
    let registered = stack.github.registrations();
    ensure!(registered.is_empty(), "{registered:?}");

    stack.beat.terminate().await?;
    let queues_are_empty = async || {
        let mut redis = stack.redis.connection().await?;
        for key in stack.redis.keys().await? {
            let life: i64 = redis.ttl(&key).await?;
            ensure!(may_stay(&key, life), "Redis still holds {key}, for {life} s");
        }
        Ok(())
    };
    // No message may be one that nobody can execute. Were the list there, it would be among the busy keys too:
    // said here by its name.
    let dead = format!("{QUEUE_PREFIX}dead-letter");
    ensure!(
        !stack.redis.keys().await?.contains(&dead),
        "there are dead letters"
    );
    eventually(
        PATIENCE,
        "every message is done with and no stray key is left",
        queues_are_empty,
    )
    .await?;
    stack.worker.terminate().await?;
    queues_are_empty().await?;
    stack.api.terminate().await?;

    let secrets = secrets(stack)?;
    secrets.ensure_absent_in_files(stack.logs())?;
    secrets.ensure_absent("the database", &stack.database.dump().await?)?;
    for (key, content) in stack.redis.dump().await? {
        secrets.ensure_absent(&key, &content)?;
    }
    Ok(())
}

/// What must never turn up anywhere: the installation's secrets, the token for GitHub and what GitHub gave for it.
fn secrets(stack: &mut Stack) -> anyhow::Result<Canary> {
    let mut canary = Canary::new();
    canary.add("the PAT", &stack.pat)?;
    canary.add_issued(&stack.github)?;
    for name in ["JWT_SECRET", "ENCRYPTION_KEY"] {
        canary.add(name, &stack.api.environment_mut()[name])?;
    }
    Ok(canary)
}

/// What Celery keeps (bindings, results until they expire) and what Runner Pilot declares as lasting or leaves to
/// expire, with the seconds each has left; nothing of the queue's own, which holds who works on what and what nobody can
/// execute, but who works.
fn may_stay(key: &str, life: i64) -> bool {
    let lasting = [WORKERS, BEAT_LAST_RUN, BEAT_SCHEDULE];
    let expiring = [
        "runner_pilot:events:",
        "runner_pilot:wake:",
        "runner_pilot:node_watch:",
        "celery-task-meta-",
    ];
    lasting.contains(&key)
        || key == format!("{QUEUE_PREFIX}workers")
        || key.starts_with("_kombu.binding")
        || expiring.iter().any(|prefix| key.starts_with(prefix))
            // Gone meanwhile, or on its way.
            && (life == -2 || life >= 0)
}

fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    Ok(value[field]
        .as_str()
        .with_context(|| format!("no {field} in {value}"))?
        .to_owned())
}

fn last_segment(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().to_owned()
}
