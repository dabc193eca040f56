//! Connections by unix socket and by TLS.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::process::{Command, Stdio};

use celery_redis::{Client, Outcome, Signature};
use serde_json::json;
use support::{DEADLINE, Process, Running, calls, conformance_worker, eventually, port::Port};

/// A Redis server with these options, stopped when the test is done with it.
fn server(directory: &std::path::Path, options: &[&str]) -> Process {
    Process::spawn(
        Command::new("redis-server")
            .args(["--save", "", "--dir"])
            .arg(directory)
            .args(options)
            .stdout(Stdio::null()),
    )
}

async fn until_up(client: &Client) {
    eventually("the server answers", async || client.ping().await.ok()).await;
}

#[tokio::test]
async fn a_unix_socket_carries_tasks_results_and_remote_control() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("redis.sock");
    let path = socket.to_str().unwrap();
    let _server = server(directory.path(), &["--port", "0", "--unixsocket", path]);
    for url in [
        format!("unix://{path}?db=3"),
        format!("redis+socket://{path}?virtual_host=3"),
    ] {
        let client = Client::new(&url).unwrap();
        until_up(&client).await;
        let worker = Running::start(calls::tasks(celery_redis::Worker::builder(&url)).hostname("w@h"));
        let id = client.send(&Signature::new("add").args([2, 3])).await.unwrap();
        assert_eq!(
            client.result(id).get(DEADLINE).await.unwrap(),
            Outcome::Success(json!(5))
        );
        let answers = client
            .control()
            .timeout(DEADLINE)
            .ask("ping", serde_json::Map::new())
            .await
            .unwrap();
        assert_eq!(answers["w@h"], json!({"ok": "pong"}));
        worker.stop().await;
    }
}

#[tokio::test]
async fn tls_carries_tasks_and_results() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(file("cert.pem"), certified.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), certified.signing_key.serialize_pem()).unwrap();
    let reserved = Port::reserve();
    let port = reserved.to_string();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let options = [
        ["--port", "0"],
        ["--tls-port", &port],
        ["--tls-cert-file", &cert],
        ["--tls-key-file", &key],
        ["--tls-ca-cert-file", &cert],
        ["--tls-auth-clients", "no"],
    ];
    let _server = server(directory.path(), &options.concat());
    let url = format!("rediss://localhost:{port}/0");
    eventually("the server answers", async || {
        let ping = ["-h", "localhost", "-p", &port, "--tls", "--cacert", &cert, "ping"];
        let said = Command::new("redis-cli")
            .args(ping)
            .output()
            .expect("redis-cli runs");
        said.stdout.starts_with(b"PONG").then_some(())
    })
    .await;
    // A program of its own, for it is told by its environment whom to trust.
    let _worker = Process::spawn(
        Command::new(conformance_worker())
            .env("REDIS_URL", &url)
            .env("SSL_CERT_FILE", &cert)
            .env("RUST_LOG", "error")
            .stderr(Stdio::null()),
    );
    let asked = Command::new(support::python::python())
        .args([
            "-B",
            "-c",
            "from app import add; assert add.delay(2, 3).get(timeout=20) == 5",
        ])
        .current_dir(support::python::scripts())
        .env(
            "REDIS_URL",
            format!("{url}?ssl_cert_reqs=required&ssl_ca_certs={cert}"),
        )
        .output()
        .expect("python runs");
    assert!(
        asked.status.success(),
        "{}",
        String::from_utf8_lossy(&asked.stderr)
    );
}
