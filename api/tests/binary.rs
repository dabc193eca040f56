//! The binary from outside: its commands, its refusal of wrong settings, its stop.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::harness::child::{Child, Signal};
use testkit::harness::{ApiClient, Port, RedisServer, TestDatabase, eventually};

const KEY: &str = "q3mX9Zt1vC7nB5kL2pR8sW4yD6fG0hJaUeIoTzVxNcM=";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runner-pilot-api"));
    command.env_clear().args(arguments);
    command
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> anyhow::Result<Output> {
    Ok(command(arguments).envs(variables.iter().copied()).output()?)
}

#[test]
fn every_wrong_setting_is_named_and_the_exit_code_is_two() -> anyhow::Result<()> {
    let wrong = [
        ("JWT_SECRET", "changethis"),
        ("BIND_ADDR", "nowhere"),
        ("PUBLIC_URL", "ftp://x"),
        ("DATABASE_URL", "mysql://x"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("ALLOW_REGISTRATION", "perhaps"),
    ];
    let output = run(&["serve"], &wrong)?;
    let text = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(2), "{text}");
    for (name, _) in wrong {
        assert!(text.contains(name), "{name} is not named in {text}");
    }
    assert!(
        text.contains("ENCRYPTION_KEY") && !text.contains("changethis"),
        "{text}"
    );
    Ok(())
}

#[test]
fn help_and_version_need_no_settings() -> anyhow::Result<()> {
    for (argument, expected) in [
        ("--help", "create-admin"),
        ("--version", env!("CARGO_PKG_VERSION")),
    ] {
        let output = run(&[argument], &[])?;
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout)?.contains(expected), "{argument}");
    }
    Ok(())
}

#[test]
fn the_printed_description_is_json_of_the_api() -> anyhow::Result<()> {
    let output = run(&["openapi"], &[])?;
    let document: Value = serde_json::from_slice(&output.stdout)?;
    assert!(document["paths"]["/auth/login"]["post"].is_object());
    Ok(())
}

#[tokio::test]
async fn an_admin_made_on_the_command_line_can_sign_in_and_sigterm_ends_the_server() -> anyhow::Result<()> {
    let (database, redis, port) = (
        TestDatabase::sqlite()?,
        RedisServer::start().await?,
        Port::reserve()?,
    );
    let (addr, redis_url) = (format!("127.0.0.1:{port}"), redis.url());
    let variables = [
        ("DATABASE_URL", database.url()),
        ("REDIS_URL", redis_url.as_str()),
        ("JWT_SECRET", KEY),
        ("ENCRYPTION_KEY", KEY),
        ("BIND_ADDR", addr.as_str()),
        ("ADMIN_PASSWORD", "quiet lantern over harbour"),
    ];
    let refused = run(&["serve"], &variables)?;
    assert!(String::from_utf8(refused.stderr)?.contains("runner-pilot-api migrate"));
    assert!(run(&["migrate"], &variables)?.status.success());
    let made = run(
        &["create-admin", "--email", "root@example.org", "--org", "Ops"],
        &variables,
    )?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(run(&["doctor"], &variables)?.status.success());

    let directory = tempfile::TempDir::with_prefix("rp-api-")?;
    let mut serve = command(&["serve"]);
    serve.envs(variables);
    let mut server = Child::spawn("api", &mut serve, &directory.path().join("api.log"), Signal::Term)?;
    let client = ApiClient::new(&format!("http://{addr}"))?;
    eventually(Duration::from_secs(20), "the server is ready", || async {
        let reply = client.get("/readyz").await?;
        anyhow::ensure!(reply.status == 200, "{}", reply.status);
        Ok(())
    })
    .await?;
    let login = json!({"email": "root@example.org", "password": "quiet lantern over harbour"});
    let reply = client.post("/auth/login", &login).await?;
    assert_eq!(reply.status, 200);
    let token: Value = serde_json::from_slice(&reply.body)?;
    let token = token["access_token"].as_str().unwrap_or_default().to_owned();
    let signed_in = client.with_token(&token);
    let orgs: Value = serde_json::from_slice(&signed_in.get("/org").await?.body)?;
    let org = orgs["items"][0]["uid"].as_str().unwrap_or_default();

    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut stream = http
        .get(format!("http://{addr}/org/{org}/stream"))
        .bearer_auth(&token)
        .send()
        .await?;
    assert_eq!(stream.status(), 200);
    assert!(stream.chunk().await?.is_some());
    let started = Instant::now();
    server.terminate(Duration::from_secs(10)).await?;
    println!(
        "stopped {:.2} s after SIGTERM with an open stream",
        started.elapsed().as_secs_f64()
    );
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    let log = server.log_text();
    assert!(!log.contains(&token));
    assert!(log.contains("no append-only file"), "nobody was warned: {log}");
    Ok(())
}
