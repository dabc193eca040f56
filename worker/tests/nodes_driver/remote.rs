//! The node driver against a second engine, over TCP with mutual TLS.

use std::time::{Duration, Instant};

use super::support::{IMAGE, import_image, install_id, spec};
use domain::SystemClock;
use domain::ids::NodeId;
use runner_pilot_worker::nodes::{Engine, EnginePool, NodeError, NodeTarget, TlsMaterial, check};
use testkit::harness::{self, RemoteEngine};

fn target(host: &str, port: u16, material: &harness::TlsMaterial) -> NodeTarget {
    NodeTarget::Remote {
        host: host.parse().unwrap(),
        port,
        tls: Some(TlsMaterial {
            ca: material.ca.clone(),
            cert: material.client_cert.clone(),
            key: material.client_key.clone().into(),
        }),
        allow_plain: false,
    }
}

#[tokio::test]
async fn a_remote_engine_is_used_only_with_trust_on_both_sides() {
    let remote = RemoteEngine::start().await.unwrap();
    let (port, material) = (remote.port(), remote.tls());
    let outside = remote.engine().await.unwrap();
    import_image(outside.docker()).await;
    let install_id = install_id();

    for host in ["127.0.0.1", "localhost"] {
        let target = target(host, port, material);
        let engine = Engine::connect(&target).await.unwrap();
        let created = engine
            .create_or_adopt(&spec(&install_id, "while :; do sleep 1; done"))
            .await
            .unwrap();
        engine.start(&created.container).await.unwrap();
        // A remote engine does not tell its disk: it is asked inside the container.
        let sample = engine.sample(&created.container).await.unwrap();
        assert!(
            sample
                .disk_percent
                .is_some_and(|disk| (0.0..=100.0).contains(&disk)),
            "{sample:?}"
        );
        engine.remove(&created.container).await.unwrap();
    }

    let report = check(&target("127.0.0.1", port, material), &install_id, &SystemClock).await;
    assert!(report.is_ok(), "{:?}", report.checks);
    assert!(report.checks.iter().any(|check| check.name == "tls"));
    assert!(
        report.checks.iter().any(|check| check.message.contains(IMAGE)),
        "{:?}",
        report.checks
    );

    let stranger = harness::TlsMaterial::generate().unwrap();
    let wrong_ca = harness::TlsMaterial {
        ca: stranger.ca.clone(),
        ..material.clone()
    };
    let wrong_client = harness::TlsMaterial {
        ca: material.ca.clone(),
        ..stranger
    };
    for (what, material) in [
        ("wrong CA", &wrong_ca),
        ("foreign client certificate", &wrong_client),
    ] {
        let target = target("127.0.0.1", port, material);
        let error = Engine::connect(&target).await.unwrap_err();
        assert!(matches!(error, NodeError::Tls(_)), "{what}: {error:?}");
        let report = check(&target, &install_id, &SystemClock).await;
        let last = report.checks.last().unwrap();
        assert!(
            last.name == "tls" && !last.ok && last.fix.is_some(),
            "{what}: {last:?}"
        );
    }
    let plain = NodeTarget::Remote {
        host: "127.0.0.1".parse().unwrap(),
        port,
        tls: None,
        allow_plain: false,
    };
    assert!(Engine::connect(&plain).await.is_err(), "no client certificate");
}

#[tokio::test]
async fn a_hung_engine_times_out_and_only_its_own_node_is_left_alone() {
    let remote = RemoteEngine::start().await.unwrap();
    let pool = EnginePool::default();
    let (hung, healthy) = (NodeId::new(), NodeId::new());
    let remote_target = target("127.0.0.1", remote.port(), remote.tls());
    let local_target = NodeTarget::Local { docker_host: None };
    let engine = pool.engine(&hung, &remote_target).await.unwrap();
    pool.engine(&healthy, &local_target).await.unwrap();

    remote.pause().unwrap();
    let started = Instant::now();
    let calls = (0..3).map(|_| engine.list_ours("nobody"));
    for outcome in futures::future::join_all(calls).await {
        assert!(matches!(outcome, Err(NodeError::Timeout { .. })), "{outcome:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(15));
    let started = Instant::now();
    let refused = pool.engine(&hung, &remote_target).await.unwrap_err();
    assert!(matches!(refused, NodeError::CircuitOpen { .. }), "{refused:?}");
    assert!(started.elapsed() < Duration::from_millis(100));
    assert!(pool.left_alone_for(&hung).is_some() && pool.left_alone_for(&healthy).is_none());
    let other = pool.engine(&healthy, &local_target).await.unwrap();
    other.list_ours("nobody").await.unwrap();

    remote.resume().unwrap();
    let back = harness::eventually(Duration::from_secs(30), "the node is used again", || async {
        Ok(pool.engine(&hung, &remote_target).await?)
    })
    .await
    .unwrap();
    back.list_ours("nobody").await.unwrap();
}
