//! From `POST …/instance` to the container's start, against `docker create` and `docker start` of the
//! same image alone, taken in turns.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use bollard::models::{ContainerCreateBody, EventMessage, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, EventsOptionsBuilder, RemoveContainerOptionsBuilder,
};
use domain::{Clock as _, SystemClock};
use futures::{Stream, StreamExt as _};
use serde_json::json;
use std::collections::HashMap;
use testkit::harness::engine::Engine;
use testkit::harness::poll::eventually;

use crate::fleet::Fleet;
use crate::stats::{Bound, Figure, percentile, summary};

/// Enough that the 95th percentile is not the one worst round.
const ROUNDS: usize = 60;
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs [`ROUNDS`] of both in turns.
pub async fn measure(fleet: &mut Fleet, engine: &Engine) -> anyhow::Result<Vec<Figure>> {
    let filters = HashMap::from([("type", vec!["container"]), ("event", vec!["start"])]);
    // The request goes out when the stream is first read, so what happened until then is asked for, too.
    let since = SystemClock.now().timestamp().to_string();
    let options = EventsOptionsBuilder::default()
        .filters(&filters)
        .since(&since)
        .build();
    let mut starts: Starts<'_> = Box::pin(engine.docker().events(Some(options)));
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        bare.push(create_and_start(engine, &fleet.image, round, &mut starts).await?);
        ours.push(create_instance(fleet, &mut starts).await?);
    }
    let ratio = percentile(&ours, 0.95).as_secs_f64() / percentile(&bare, 0.95).as_secs_f64();
    Ok(vec![
        Figure {
            what: "docker create and start, bare".into(),
            measured: summary(&bare),
            bound: None,
        },
        Figure {
            what: "POST instance to container started".into(),
            measured: summary(&ours),
            bound: Some(Bound {
                text: format!("p95 is {ratio:.2} times the bare one, at most 1.30"),
                kept: ratio <= 1.3,
            }),
        },
    ])
}

type Starts<'a> =
    std::pin::Pin<Box<dyn Stream<Item = Result<EventMessage, bollard::errors::Error>> + Send + 'a>>;

/// The time until the engine told of the start of a container for which `is_it` holds.
async fn started(
    starts: &mut Starts<'_>,
    since: Instant,
    is_it: impl Fn(&EventMessage) -> bool,
) -> anyhow::Result<Duration> {
    let found = async {
        while let Some(event) = starts.next().await {
            if is_it(&event?) {
                return anyhow::Ok(since.elapsed());
            }
        }
        anyhow::bail!("the engine ended its events")
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .context("no container started in time")?
}

fn attribute<'a>(event: &'a EventMessage, name: &str) -> Option<&'a str> {
    event
        .actor
        .as_ref()?
        .attributes
        .as_ref()?
        .get(name)
        .map(String::as_str)
}

async fn create_and_start(
    engine: &Engine,
    image: &str,
    round: usize,
    starts: &mut Starts<'_>,
) -> anyhow::Result<Duration> {
    let docker = engine.docker();
    let name = format!("runner-pilot-bench-{}-{round}", std::process::id());
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(vec!["/bin/sh".into(), "-c".into(), "sleep 60".into()]),
        host_config: Some(HostConfig {
            memory: Some(128 << 20),
            nano_cpus: Some(500_000_000),
            pids_limit: Some(64),
            network_mode: Some("host".into()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let since = Instant::now();
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let container = docker.create_container(Some(options), body).await?;
    docker.start_container(&container.id, None).await?;
    let took = started(starts, since, |event| attribute(event, "name") == Some(&name)).await?;
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    docker.remove_container(&container.id, Some(options)).await?;
    Ok(took)
}

async fn create_instance(fleet: &Fleet, starts: &mut Starts<'_>) -> anyhow::Result<Duration> {
    let since = Instant::now();
    let instance = fleet
        .api
        .post(&format!("{}/instance", fleet.runner), &json!({}))
        .await?
        .expect(201)?;
    let uid = instance["uid"].as_str().context("no uid")?.to_owned();
    let took = started(starts, since, |event| {
        attribute(event, "runner-pilot.instance") == Some(&uid)
    })
    .await?;
    // One at a time, as on the other side: the next round starts on a quiet engine.
    let path = format!("{}/instance/{uid}", fleet.runner);
    fleet.api.delete(&path).await?.expect(202)?;
    eventually(PATIENCE, "the instance is gone", async || {
        let status = fleet.api.get(&path).await?.status;
        anyhow::ensure!(status == 404, "it answers {status}");
        Ok(())
    })
    .await?;
    Ok(took)
}
