//! Placing containers on this machine's own Docker engine.

use std::time::{Duration, Instant};

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, RemoveContainerOptions, StartContainerOptions,
};
use domain::SystemClock;
use domain::container::LABEL_INSTALL;
use futures::StreamExt;
use runner_pilot_worker::nodes::{
    ContainerEventKind, ContainerId, ContainerSpec, NodeError, NodeTarget, OwnedContainer, check,
};
use serde_json::{Value, json};
use testkit::harness::eventually;

use super::place::{Place, SOON};
use super::support::{IMAGE, install_id, spec};

#[tokio::test]
async fn a_container_has_the_limits_and_labels_of_its_specification() {
    let place = Place::new().await;
    let spec = spec(&place.install_id, "sleep 60");
    let created = place.engine.create_or_adopt(&spec).await.unwrap();
    assert!(!created.adopted);
    let seen = place.inspected(&created.container).await;
    let host = &seen["HostConfig"];
    let of = |names: &[&str]| -> Value {
        names
            .iter()
            .map(|name| ((*name).to_owned(), host[*name].clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    assert_eq!(
        of(&[
            "Memory",
            "MemorySwap",
            "NanoCpus",
            "PidsLimit",
            "SecurityOpt",
            "CapDrop",
            "CapAdd",
            "Privileged",
            "NetworkMode",
            "IpcMode",
            "PidMode",
            "RestartPolicy",
            "AutoRemove",
            "Init",
            "LogConfig",
            "Binds",
            "Devices",
            "PortBindings",
            "PublishAllPorts",
        ]),
        json!({
            "Memory": 67_108_864, "MemorySwap": 67_108_864, "NanoCpus": 500_000_000, "PidsLimit": 32,
            "SecurityOpt": ["no-new-privileges"], "CapDrop": ["MKNOD", "NET_RAW"], "CapAdd": null,
            "Privileged": false, "NetworkMode": "bridge", "IpcMode": "private", "PidMode": "",
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "AutoRemove": false, "Init": true,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
            "Binds": null, "Devices": null, "PortBindings": null, "PublishAllPorts": false,
        })
    );
    assert_eq!(seen["Mounts"], json!([]));
    assert_eq!(
        seen["Config"]["Labels"],
        json!({
            "runner-pilot.install": place.install_id,
            "runner-pilot.instance": spec.instance.as_str(),
            "runner-pilot.runner": spec.runner.as_str(),
            "runner-pilot.org": spec.org.as_str(),
        })
    );
    assert_eq!(seen["Name"], json!(format!("/{}", spec.name)));
    let state = place.engine.inspect(&created.container).await.unwrap();
    assert!(!state.running && !state.started && state.exit_code.is_none());
    assert_eq!(
        (state.memory_mb, state.pids, state.cpus),
        (Some(64), Some(32), Some(0.5))
    );
}

#[tokio::test]
async fn a_second_attempt_adopts_the_container_of_the_first() {
    let place = Place::new().await;
    let spec = spec(&place.install_id, "sleep 60");
    let first = place.engine.create_or_adopt(&spec).await.unwrap();
    let second = place.engine.create_or_adopt(&spec).await.unwrap();
    assert!(second.adopted);
    assert_eq!(second.container, first.container);
    let ours = place.engine.list_ours(&place.install_id).await.unwrap();
    assert_eq!(ours.len(), 1);
    assert_eq!(ours[0].runner.as_ref(), Some(&spec.runner));
}

#[tokio::test]
async fn ten_attempts_at_once_end_with_one_container() {
    let place = Place::new().await;
    let spec = spec(&place.install_id, "sleep 60");
    let attempts = (0..10).map(|_| place.engine.create_or_adopt(&spec));
    let outcomes = futures::future::join_all(attempts).await;
    // An attempt that meets another's half-made container is told so, and may try again.
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    assert!(
        outcomes
            .iter()
            .flatten()
            .filter(|created| !created.adopted)
            .count()
            <= 1,
        "{outcomes:?}"
    );
    assert_eq!(place.engine.list_ours(&place.install_id).await.unwrap().len(), 1);
    assert!(place.engine.create_or_adopt(&spec).await.unwrap().adopted);
}

#[tokio::test]
async fn a_foreign_container_of_the_same_name_is_not_touched() {
    let place = Place::new().await;
    let spec = spec(&place.install_id, "sleep 60");
    let options = CreateContainerOptions {
        name: Some(spec.name.clone()),
        ..CreateContainerOptions::default()
    };
    let body = ContainerCreateBody {
        image: Some(IMAGE.into()),
        cmd: Some(vec!["/bin/sleep".into(), "60".into()]),
        ..ContainerCreateBody::default()
    };
    let docker = place.outside.docker();
    let foreign = docker.create_container(Some(options), body).await.unwrap().id;
    docker
        .start_container(&foreign, None::<StartContainerOptions>)
        .await
        .unwrap();

    let refused = place.engine.create_or_adopt(&spec).await;
    assert_eq!(
        refused,
        Err(NodeError::ForeignContainer {
            name: spec.name.clone()
        })
    );
    // Nor may a row that names its id make us stop or remove it.
    let claimed = OwnedContainer {
        id: foreign.parse::<ContainerId>().unwrap(),
        install_id: place.install_id.clone(),
        instance: spec.instance.clone(),
    };
    for outcome in [
        place.engine.stop(&claimed, Duration::ZERO).await,
        place.engine.remove(&claimed).await,
    ] {
        assert!(
            matches!(outcome, Err(NodeError::ForeignContainer { .. })),
            "{outcome:?}"
        );
    }
    let seen = docker
        .inspect_container(&foreign, None::<InspectContainerOptions>)
        .await
        .unwrap();
    let still_runs = seen.state.unwrap().running;
    let removal = RemoveContainerOptions {
        force: true,
        ..RemoveContainerOptions::default()
    };
    docker.remove_container(&foreign, Some(removal)).await.unwrap();
    assert_eq!(still_runs, Some(true));
}

#[tokio::test]
async fn a_stopped_container_ends_by_its_signal_and_removal_is_idempotent() {
    let place = Place::new().await;
    let container = place
        .run("trap 'exit 42' TERM; echo ready; while :; do sleep 1; done")
        .await;
    eventually(SOON, "the trap is set", || async {
        let tail = place.engine.tail_logs(&container, 1, 100).await?;
        anyhow::ensure!(tail == "ready\n", "{tail}");
        Ok(())
    })
    .await
    .unwrap();
    let started = Instant::now();
    place
        .engine
        .stop(&container, Duration::from_secs(20))
        .await
        .unwrap();
    assert!(started.elapsed() < Duration::from_secs(15));
    let state = place.engine.inspect(&container).await.unwrap();
    assert_eq!((state.running, state.exit_code), (false, Some(42)));
    place.engine.stop(&container, Duration::ZERO).await.unwrap();
    place.engine.remove(&container).await.unwrap();
    place.engine.remove(&container).await.unwrap();
    assert!(matches!(
        place.engine.inspect(&container).await,
        Err(NodeError::NotFound(_))
    ));
}

#[tokio::test]
async fn events_tell_of_our_containers_only() {
    let place = Place::new().await;
    let mut events = place.engine.events(&place.install_id);
    let watched = async {
        let mut seen = Vec::new();
        while seen.len() < 2 {
            let event = events.next().await.unwrap().unwrap();
            seen.push((event.container, event.kind));
        }
        seen
    };
    let acting = async {
        let other = install_id();
        let foreign = place.engine.create_or_adopt(&spec(&other, "true")).await.unwrap();
        place.engine.start(&foreign.container).await.unwrap();
        let ours = place.run("exit 7").await;
        place.engine.remove(&foreign.container).await.unwrap();
        ours
    };
    let (seen, ours) = Box::pin(tokio::time::timeout(SOON, async {
        tokio::join!(watched, acting)
    }))
    .await
    .unwrap();
    assert_eq!(
        seen,
        [
            (ours.clone(), ContainerEventKind::Started),
            (ours, ContainerEventKind::Died { exit_code: Some(7) }),
        ]
    );
}

#[tokio::test]
async fn an_image_that_is_there_is_not_pulled_and_one_that_can_not_be_had_says_what_to_do() {
    let place = Place::new().await;
    let mut calls = 0;
    let present = place
        .engine
        .ensure_image(&IMAGE.parse().unwrap(), |_| calls += 1)
        .await
        .unwrap();
    assert!(present.id.starts_with("sha256:") && !present.pulled && calls == 0);
    // Loopback, port 1: a registry that is surely not there.
    let absent = "127.0.0.1:1/no/such:1".parse().unwrap();
    let error = place.engine.ensure_image(&absent, |_| {}).await.unwrap_err();
    assert!(
        matches!(error, NodeError::RegistryUnreachable { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("docker load"), "{error}");
    let uncreated = ContainerSpec {
        image: absent,
        ..spec(&place.install_id, "true")
    };
    let error = place.engine.create_or_adopt(&uncreated).await.unwrap_err();
    assert!(matches!(error, NodeError::ImageNotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn a_check_of_this_machine_passes_and_leaves_nothing_behind() {
    let place = Place::new().await;
    let report = check(
        &NodeTarget::Local { docker_host: None },
        &place.install_id,
        &SystemClock,
    )
    .await;
    let names: Vec<&str> = report.checks.iter().map(|check| check.name).collect();
    assert_eq!(
        names,
        [
            "address",
            "api_version",
            "platform",
            "limits",
            "disk",
            "clock",
            "container"
        ]
    );
    assert!(
        report.checks.iter().all(|check| check.ok || check.name == "disk"),
        "{:?}",
        report.checks
    );
    let facts = serde_json::to_value(report.facts.unwrap()).unwrap();
    assert_eq!(facts["os"], "linux");
    assert!(
        facts["cpus"].as_u64() > Some(0) && facts["memory_total_bytes"].as_u64() > Some(0),
        "{facts}"
    );
    let label = format!("{LABEL_INSTALL}={}", place.install_id);
    assert!(place.outside.containers(&label).await.unwrap().is_empty());
}
