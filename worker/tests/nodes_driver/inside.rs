//! What happens inside a container on this machine's own Docker engine.

use std::time::{Duration, Instant};

use runner_pilot_worker::nodes::{ExecCommand, NodeError, percent};
use testkit::harness::eventually;

use super::place::{Place, SOON};
use super::support::spec;

#[tokio::test]
async fn the_limits_hold_inside_the_container() {
    let place = Place::new().await;
    let container = place
        .run("cat /proc/self/status | while read k v; do case $k in NoNewPrivs:) echo nnp=$v;; esac; done; dd if=/dev/zero of=/dev/null bs=200M count=1")
        .await;
    let state = place.ended(&container).await;
    assert!(state.oom_killed && state.exit_code == Some(137), "{state:?}");
    let log = place.engine.tail_logs(&container, 10, 1000).await.unwrap();
    assert!(log.contains("nnp=1"), "{log}");
}

#[tokio::test]
async fn a_secret_that_is_fed_reaches_the_container_and_nothing_the_engine_shows() {
    let place = Place::new().await;
    let canary = format!("canary-{}", uuid::Uuid::now_v7().simple());
    let script = "read -r secret; echo ${#secret} characters; cat; echo the end; sleep 60";
    let container = place
        .engine
        .create_or_adopt(&spec(&place.install_id, script))
        .await
        .unwrap()
        .container;
    let input = format!("{canary}\nand the rest\n").into();
    let fed = place.engine.feed(&container, &input).await.unwrap();
    place.engine.start(&container).await.unwrap();
    drop(fed);
    let log = eventually(SOON, "the input's end", || async {
        let log = place.engine.tail_logs(&container, 5, 1000).await?;
        anyhow::ensure!(log.contains("the end"), "{log}");
        Ok(log)
    })
    .await
    .unwrap();
    let expected = format!("{} characters\nand the rest\nthe end\n", canary.len());
    assert_eq!(log, expected);
    let seen = place.inspected(&container).await.to_string();
    assert!(!seen.contains(&canary), "{seen}");
}

#[tokio::test]
async fn an_input_whose_giver_died_before_the_start_ends_all_the_same() {
    let place = Place::new().await;
    let script = "cat; echo the end; sleep 60";
    let container = place
        .engine
        .create_or_adopt(&spec(&place.install_id, script))
        .await
        .unwrap()
        .container;
    drop(
        place
            .engine
            .feed(&container, &"all of it\n".into())
            .await
            .unwrap(),
    );
    place.engine.start(&container).await.unwrap();
    eventually(SOON, "the input's end", || async {
        let log = place.engine.tail_logs(&container, 5, 1000).await?;
        anyhow::ensure!(log.ends_with("the end\n"), "{log}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_command_gets_its_input_and_gives_its_exit_code_and_bounded_output() {
    let place = Place::new().await;
    let container = place.run("sleep 60").await;
    let sh = |script: &str, stdin: Option<&str>| ExecCommand {
        command: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        stdin: stdin.map(Into::into),
        ..ExecCommand::default()
    };
    let fed = place
        .engine
        .exec(
            &container,
            sh("cat; echo oops >&2; exit 3", Some("from stdin\n")),
            SOON,
        )
        .await
        .unwrap();
    assert_eq!(fed.exit_code, 3);
    assert!(
        fed.output.contains("from stdin") && fed.output.contains("oops"),
        "{fed:?}"
    );
    let long = place
        .engine
        .exec(&container, sh("seq 1 100000", None), SOON)
        .await
        .unwrap();
    assert!(long.truncated && long.output.len() <= 64 << 10);
    let started = Instant::now();
    let slow = place
        .engine
        .exec(&container, sh("sleep 30", None), Duration::from_secs(1))
        .await;
    assert!(matches!(slow, Err(NodeError::Timeout { .. })), "{slow:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn logs_are_the_last_lines_and_bounded_also_after_the_end() {
    let place = Place::new().await;
    let container = place.run("seq 1 200000; exit 5").await;
    let state = place.ended(&container).await;
    assert_eq!(state.exit_code, Some(5));
    assert!(state.finished_at >= state.started_at);
    let log = place.engine.tail_logs(&container, 3, 1000).await.unwrap();
    assert_eq!(log, "199998\n199999\n200000\n");
    let bounded = place.engine.tail_logs(&container, 150_000, 64).await.unwrap();
    assert!(
        bounded.len() <= 64 && bounded.ends_with("200000\n") && bounded.starts_with("1999"),
        "{bounded}"
    );
}

#[tokio::test]
async fn one_shot_samples_give_percentages_without_the_engines_window() {
    let place = Place::new().await;
    let container = place.run("while :; do :; done").await;
    let (window, mut fastest) = (Duration::from_millis(900), Duration::MAX);
    let mut samples = Vec::new();
    // With the engine's window each one takes a second or more; on a busy machine only some do.
    while fastest >= window && samples.len() < 5 {
        let started = Instant::now();
        samples.push(place.engine.sample(&container).await.unwrap());
        fastest = fastest.min(started.elapsed());
    }
    assert!(fastest < window, "{fastest:?}");
    let first = &samples[0];
    assert_eq!(first.memory_limit_bytes, 64 << 20);
    // It spins, with half a CPU: near its whole limit once it ran a while.
    let usage = eventually(SOON, "a spinning container uses its CPU limit", || async {
        let usage = percent(Some(first), &place.engine.sample(&container).await?, Some(0.5));
        anyhow::ensure!(
            usage.cpu.is_some_and(|cpu| (30.0..=130.0).contains(&cpu)),
            "{usage:?}"
        );
        Ok(usage)
    })
    .await
    .unwrap();
    assert!((0.0..=100.0).contains(&usage.memory), "{usage:?}");
    assert!(
        usage.disk.is_some_and(|disk| (0.0..=100.0).contains(&disk)),
        "{usage:?}"
    );
    place.engine.stop(&container, Duration::ZERO).await.unwrap();
    assert!(place.engine.sample(&container).await.is_err());
}
