//! The node driver against a simulated engine that misbehaves.

use std::time::{Duration, Instant};

use super::support::{IMAGE, install_id, socket, spec};
use domain::SystemClock;
use domain::ids::NodeId;
use futures::StreamExt;
use runner_pilot_worker::nodes::{ContainerEventKind, Engine, EnginePool, NodeError, NodeTarget, check};
use testkit::engine::{EngineSim, Fault};
use testkit::harness::eventually;

async fn simulated() -> (EngineSim, Engine) {
    let sim = EngineSim::start().unwrap();
    sim.add_image(IMAGE);
    let engine = Engine::connect(&socket(sim.socket_path())).await.unwrap();
    (sim, engine)
}

#[tokio::test]
async fn a_container_lives_and_ends_in_the_simulation_as_in_an_engine() {
    let (sim, engine) = simulated().await;
    let install = install_id();
    let mut events = engine.events(&install);
    let first_event = events.next();
    let acting = async {
        let container = engine
            .create_or_adopt(&spec(&install, "x"))
            .await
            .unwrap()
            .container;
        let _fed = engine.feed(&container, &"config".into()).await.unwrap();
        // Until the subscription is there, a start would go by unheard.
        eventually(Duration::from_secs(10), "the subscription", || async {
            anyhow::ensure!(sim.requests().iter().any(|line| line == "GET /events"));
            Ok(())
        })
        .await
        .unwrap();
        engine.start(&container).await.unwrap();
        container
    };
    let (event, container) = tokio::join!(first_event, acting);
    assert_eq!(event.unwrap().unwrap().kind, ContainerEventKind::Started);
    assert_eq!(sim.containers()[0].input, b"config");
    sim.write_log(container.id.as_str(), "one\ntwo\n");
    assert_eq!(engine.tail_logs(&container, 1, 100).await.unwrap(), "two\n");
    assert!(engine.sample(&container).await.unwrap().memory_bytes > 0);
    sim.finish(container.id.as_str(), 137, true);
    let state = engine.inspect(&container).await.unwrap();
    assert_eq!(
        (state.running, state.exit_code, state.oom_killed),
        (false, Some(137), true)
    );
    assert!(matches!(
        engine.sample(&container).await,
        Err(NodeError::Conflict(_))
    ));
    engine.remove(&container).await.unwrap();
    assert!(sim.containers().is_empty());
}

#[tokio::test]
async fn a_lost_reply_to_create_ends_with_one_container() {
    let (sim, engine) = simulated().await;
    let spec = spec(&install_id(), "x");
    sim.fault("POST /containers/create", Fault::LoseReply, 1);
    let lost = engine.create_or_adopt(&spec).await.unwrap_err();
    assert!(lost.is_retryable(), "{lost:?}");
    assert!(engine.create_or_adopt(&spec).await.unwrap().adopted);
    assert_eq!(sim.containers().len(), 1);
}

#[tokio::test]
async fn an_id_that_an_engine_made_up_gets_into_no_path() {
    let (sim, engine) = simulated().await;
    let lie = "../images/json?";
    sim.fault("POST /containers/create", Fault::LyingId(lie.into()), 1);
    let refused = engine.create_or_adopt(&spec(&install_id(), "x")).await;
    assert!(matches!(refused, Err(NodeError::Malformed { .. })), "{refused:?}");
    assert!(!sim.requests().iter().any(|line| line.contains("images")));
}

#[tokio::test]
async fn a_reply_that_never_ends_is_cut_off() {
    let (sim, engine) = simulated().await;
    sim.fault("GET /containers/json", Fault::Endless, 1);
    let refused = engine.list_ours("nobody").await;
    assert!(
        matches!(refused, Err(NodeError::ReplyTooLarge { .. })),
        "{refused:?}"
    );
    assert!(engine.list_ours("nobody").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_giant_log_is_cut_to_its_bound() {
    let (sim, engine) = simulated().await;
    let container = engine
        .create_or_adopt(&spec(&install_id(), "x"))
        .await
        .unwrap()
        .container;
    sim.write_log(container.id.as_str(), &"0123456789\n".repeat(2_000_000));
    let log = engine.tail_logs(&container, 1_000_000, 1 << 16).await.unwrap();
    assert!(log.len() <= 1 << 16 && log.ends_with("0123456789\n"));
}

#[tokio::test]
async fn a_hung_node_fails_at_once_after_a_while_and_the_other_nodes_go_on() {
    let (hung, _) = simulated().await;
    let (healthy, _) = simulated().await;
    let pool = EnginePool::default();
    let (hung_id, healthy_id) = (NodeId::new(), NodeId::new());
    let hung_target = socket(hung.socket_path());
    let engine = pool.engine(&hung_id, &hung_target).await.unwrap();
    hung.fault("", Fault::Hang, usize::MAX);
    let calls = (0..3).map(|_| engine.list_ours("nobody"));
    let healthy_target = socket(healthy.socket_path());
    let meanwhile = async {
        let started = Instant::now();
        let other = pool.engine(&healthy_id, &healthy_target).await.unwrap();
        for _ in 0..20 {
            other.list_ours("nobody").await.unwrap();
        }
        started.elapsed()
    };
    let (outcomes, other_took) = tokio::join!(futures::future::join_all(calls), meanwhile);
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Err(NodeError::Timeout { .. }))),
        "{outcomes:?}"
    );
    assert!(other_took < Duration::from_secs(2), "{other_took:?}");
    let started = Instant::now();
    assert!(matches!(
        engine.list_ours("nobody").await,
        Err(NodeError::CircuitOpen { .. })
    ));
    assert!(started.elapsed() < Duration::from_millis(50));
    // A corrected target does not wait for the old one's pause.
    assert!(pool.engine(&hung_id, &healthy_target).await.is_ok());
}

#[tokio::test]
async fn the_pool_connects_once_and_again_after_an_outage() {
    let (sim, _) = simulated().await;
    let pool = EnginePool::default();
    let (node, target) = (NodeId::new(), socket(sim.socket_path()));
    let versions = || {
        sim.requests()
            .iter()
            .filter(|line| *line == "GET /version")
            .count()
    };
    let before = versions();
    let engine = pool.engine(&node, &target).await.unwrap();
    pool.engine(&node, &target).await.unwrap();
    assert_eq!(versions(), before + 1);
    sim.fault("GET /containers/json", Fault::LoseReply, 1);
    assert!(engine.list_ours("nobody").await.is_err());
    pool.engine(&node, &target).await.unwrap();
    assert_eq!(versions(), before + 2);
}

#[tokio::test]
async fn a_pull_tells_its_progress_and_a_missing_image_its_reason() {
    let (sim, engine) = simulated().await;
    sim.add_pullable_image("acme/runner:2");
    let mut told = Vec::new();
    let pulled = engine
        .ensure_image(&"acme/runner:2".parse().unwrap(), |progress| told.push(progress))
        .await
        .unwrap();
    assert!(pulled.pulled && pulled.user.as_deref() == Some("runner"));
    let last = told.last().unwrap();
    assert_eq!(
        (last.layers_done, last.layers, last.bytes, last.total_bytes),
        (1, 1, 100, 100)
    );
    let missing = engine.ensure_image(&"acme/none:1".parse().unwrap(), |_| {}).await;
    assert!(
        matches!(missing, Err(NodeError::ImageNotFound { .. })),
        "{missing:?}"
    );
}

#[tokio::test]
async fn a_full_disk_and_a_failing_engine_are_told_apart_and_may_be_tried_again() {
    let (sim, engine) = simulated().await;
    let spec = spec(&install_id(), "x");
    let full = "write /var/lib/docker/x: no space left on device".to_owned();
    sim.fault("POST /containers/create", Fault::Status(500, full), 1);
    let error = engine.create_or_adopt(&spec).await.unwrap_err();
    assert!(
        matches!(error, NodeError::DiskFull(_)) && error.is_retryable(),
        "{error:?}"
    );
    sim.fault("POST /containers/create", Fault::Status(500, "boom".into()), 1);
    let error = engine.create_or_adopt(&spec).await.unwrap_err();
    assert!(
        matches!(error, NodeError::Api { status: 500, .. }) && error.is_retryable(),
        "{error:?}"
    );
    assert!(sim.containers().is_empty());
}

#[tokio::test]
async fn a_foreign_name_in_the_simulation_is_refused() {
    let (sim, engine) = simulated().await;
    let spec = spec(&install_id(), "x");
    sim.add_foreign_container(&spec.name);
    let refused = engine.create_or_adopt(&spec).await;
    assert!(
        matches!(refused, Err(NodeError::ForeignContainer { .. })),
        "{refused:?}"
    );
    assert!(sim.containers()[0].running);
}

#[tokio::test]
async fn a_check_names_what_is_wrong_and_how_to_mend_it() {
    let absent: NodeTarget = socket(std::path::Path::new("/no/such/docker.sock"));
    let report = check(&absent, "install", &SystemClock).await;
    let [address] = report.checks.as_slice() else {
        panic!("{report:?}")
    };
    assert!(!address.ok && address.message.contains("no socket") && address.fix.is_some());

    let (sim, _) = simulated().await;
    sim.set_api_version("1.24");
    let report = check(&socket(sim.socket_path()), "install", &SystemClock).await;
    let version = report.checks.last().unwrap();
    assert!(
        version.name == "api_version" && !version.ok && version.message.contains("1.24"),
        "{version:?}"
    );

    sim.set_api_version("1.41");
    sim.fault("POST /containers/create", Fault::Status(500, "broken".into()), 1);
    let report = check(&socket(sim.socket_path()), "install", &SystemClock).await;
    let failed: Vec<_> = report
        .checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| check.name)
        .collect();
    assert_eq!(failed, ["container"]);
    assert!(report.facts.is_some() && sim.containers().is_empty());
}
