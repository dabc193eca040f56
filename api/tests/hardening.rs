//! The server against clients that mean it harm, and the form of everything it answers.

mod support;

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use reqwest::Method;
use serde_json::json;
use support::{PASSWORD, TestServer, expect, faulty, text};
use testkit::harness::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn resident_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap_or_default();
    Ok(line.split_whitespace().nth(1).unwrap_or("0").parse::<u64>()? * 1024)
}

#[tokio::test]
async fn three_hundred_megabytes_in_chunks_are_refused_without_being_kept() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let before = resident_bytes()?;
    let mut stream = TcpStream::connect(server.base.trim_start_matches("http://")).await?;
    stream
        .write_all(b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await?;
    let (mut reading, mut writing) = stream.into_split();
    let mut chunk = format!("{:x}\r\n", 1 << 20).into_bytes();
    chunk.resize(chunk.len() + (1 << 20), b'a');
    chunk.extend_from_slice(b"\r\n");
    let sender = async move {
        for _ in 0..300 {
            if writing.write_all(&chunk).await.is_err() {
                break;
            }
        }
    };
    let receiver = async {
        let mut answer = [0_u8; 64];
        let length = reading.read(&mut answer).await.unwrap_or(0);
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    let (answer, ()) = tokio::join!(receiver, async {
        let _ = tokio::time::timeout(Duration::from_secs(20), sender).await;
    });
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer:?}");
    let grown = resident_bytes()?.saturating_sub(before);
    println!("resident memory grew by {} KiB", grown / 1024);
    assert!(grown < 48 << 20, "{grown} bytes");
    Ok(())
}

#[tokio::test]
async fn an_announced_large_body_is_refused_before_it_is_read() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let body = vec![b'a'; (64 << 10) + 1];
    let reply = server
        .anonymous
        .send_bytes(Method::POST, "/auth/login", Some(("application/json", body)))
        .await?;
    assert_eq!(expect(reply, 413)?["code"], "too_large");
    Ok(())
}

#[tokio::test]
async fn many_sign_ins_at_once_leave_the_server_answering() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let logins = futures::stream::iter(0..64)
        .map(|n| {
            let client = server.anonymous.clone();
            async move {
                let body = json!({"email": format!("nobody{n}@example.org"), "password": "wrong lantern"});
                client
                    .post("/auth/login", &body)
                    .await
                    .map(|reply| reply.status.as_u16())
            }
        })
        .buffer_unordered(64)
        .collect::<Vec<_>>();
    let probe = async {
        let started = Instant::now();
        let reply = server.anonymous.get("/healthz").await;
        (reply, started.elapsed())
    };
    let (logins, (probe, waited)) = tokio::join!(logins, probe);
    expect(probe?, 200)?;
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    for status in logins {
        let status = status?;
        assert!(matches!(status, 401 | 429 | 503), "{status}");
    }
    let grown = resident_bytes()?;
    assert!(grown < 600 << 20, "{grown} bytes");
    Ok(())
}

#[tokio::test]
async fn a_stop_does_not_wait_for_an_idle_connection() -> anyhow::Result<()> {
    let mut server = TestServer::start().await?;
    let idle = TcpStream::connect(server.base.trim_start_matches("http://")).await?;
    expect(server.anonymous.get("/readyz").await?, 200)?;
    let started = Instant::now();
    server.shutdown.trigger();
    tokio::time::timeout(Duration::from_secs(8), server.stopped()).await??;
    println!("stopped after {:.1} s", started.elapsed().as_secs_f64());
    drop(idle);
    Ok(())
}

#[tokio::test]
async fn readiness_follows_redis() -> anyhow::Result<()> {
    let mut server = TestServer::start().await?;
    expect(server.anonymous.get("/readyz").await?, 200)?;
    server.redis.kill()?;
    let anonymous = server.anonymous.clone();
    eventually(Duration::from_secs(15), "not ready without Redis", || async {
        let problem = expect(anonymous.get("/readyz").await?, 503)?;
        anyhow::ensure!(
            problem["redis"] == "unavailable" && problem["database"] == "ok",
            "{problem}"
        );
        Ok(())
    })
    .await?;
    server.redis.start_again().await?;
    let anonymous = server.anonymous.clone();
    eventually(Duration::from_secs(15), "ready again", || async {
        expect(anonymous.get("/readyz").await?, 200)
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn no_scalar_is_taken_for_another_and_no_field_too_many() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    for name in [json!(410), json!(true), json!(null), json!(["a"]), json!({})] {
        assert_eq!(
            faulty(&expect(
                ada.client.post("/org", &json!({"name": name})).await?,
                422
            )?),
            ["name"]
        );
    }
    let more = json!({"name": "Other", "org_creator": ada.id, "uid": org, "is_active": true});
    let problem = expect(ada.client.post("/org", &more).await?, 422)?;
    assert_eq!(faulty(&problem), ["is_active", "org_creator", "uid"]);
    let orgs = expect(ada.client.get("/org").await?, 200)?;
    assert_eq!(orgs["total"], 1);
    Ok(())
}

/// Method, path, content type with body, and the status to expect.
type MalformedCase = (Method, &'static str, Option<(&'static str, &'static str)>, u16);

#[tokio::test]
async fn malformed_requests_are_answered_as_problems() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, _) = server.onboard().await?;
    let json = "application/json";
    let cases: Vec<MalformedCase> = vec![
        (Method::POST, "/org", Some((json, "{")), 400),
        (Method::POST, "/org", Some((json, "")), 400),
        (
            Method::POST,
            "/org",
            Some((json, r#"{"name":"a","name":"b"}"#)),
            400,
        ),
        (Method::POST, "/org", Some((json, "[]")), 422),
        (Method::POST, "/org", Some(("text/plain", r#"{"name":"a"}"#)), 415),
        (
            Method::POST,
            "/org",
            Some(("application/x-www-form-urlencoded", "name=a")),
            415,
        ),
        (Method::POST, "/org", None, 415),
        (
            Method::POST,
            "/org",
            Some((json, "{\"name\":\"a\\u0000b\"}")),
            422,
        ),
        (Method::GET, "/no/such/path", None, 404),
        (Method::GET, "/org/not-a-uuid", None, 404),
        (Method::GET, "/org/..%2f..%2fetc", None, 404),
        (Method::DELETE, "/org", None, 405),
        (Method::GET, "/org?limit=abc", None, 422),
        (Method::GET, "/org?limit=101", None, 422),
        (Method::GET, "/org?offset=-1", None, 422),
        (Method::GET, "/org?sort=password", None, 422),
    ];
    for (method, path, body, status) in cases {
        let body = body.map(|(kind, text)| (kind, text.as_bytes().to_vec()));
        let reply = ada.client.send_bytes(method.clone(), path, body).await?;
        let kind = reply
            .headers
            .get("content-type")
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or("")
            .to_owned();
        let id = reply
            .headers
            .get("x-request-id")
            .and_then(|id| id.to_str().ok())
            .unwrap_or("")
            .to_owned();
        let asked = reply.asked.clone();
        let problem = expect(reply, status)?;
        assert_eq!(kind, "application/problem+json", "{asked}");
        assert_eq!(problem["request_id"], json!(id), "{asked}");
        assert_eq!(problem["status"], json!(status), "{asked}");
        for member in ["type", "title", "detail", "code", "errors"] {
            assert!(!problem[member].is_null(), "{asked} lacks {member}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn deeply_nested_json_is_refused() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let body = "[".repeat(60_000).into_bytes();
    let reply = server
        .anonymous
        .send_bytes(Method::POST, "/auth/login", Some(("application/json", body)))
        .await?;
    expect(reply, 400)?;
    Ok(())
}

#[tokio::test]
async fn every_answer_carries_the_same_security_headers() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    for path in [
        "/healthz",
        "/common/config",
        "/common/me",
        "/no/such/path",
        "/docs",
        "/openapi.json",
        "/",
    ] {
        let headers = server.anonymous.get(path).await?.headers;
        let value = |name: &str| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("")
                .to_owned()
        };
        assert_eq!(value("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(value("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(value("cross-origin-resource-policy"), "same-origin", "{path}");
        assert_eq!(value("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(
            value("permissions-policy"),
            "camera=(), microphone=(), geolocation=()",
            "{path}"
        );
        assert_eq!(value("x-frame-options"), "DENY", "{path}");
        assert!(
            value("content-security-policy").starts_with("default-src 'none'"),
            "{path}"
        );
        assert!(!value("cache-control").is_empty(), "{path}");
        assert_eq!(value("server"), "", "{path}");
        assert_eq!(value("access-control-allow-origin"), "", "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn the_documentation_page_asks_nobody_else() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let page = String::from_utf8(server.anonymous.get("/docs").await?.body)?;
    assert!(page.contains("validatorUrl: null") && page.contains("SwaggerUIBundle"));
    for outside in ["src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!page.contains(outside), "{outside}");
    }
    Ok(())
}

#[tokio::test]
async fn a_password_is_in_no_answer_no_database_and_no_redis() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let (ada, org) = server.onboard().await?;
    for path in [
        "/common/me".to_owned(),
        format!("/org/{org}/members"),
        format!("/org/{org}/audit"),
    ] {
        let body = String::from_utf8(ada.client.get(&path).await?.body)?;
        assert!(!body.contains(PASSWORD) && !body.contains("$argon2"), "{path}");
    }
    let dump = server.database.dump().await?;
    assert!(
        !dump
            .windows(PASSWORD.len())
            .any(|window| window == PASSWORD.as_bytes())
    );
    let me = expect(ada.client.get("/common/me").await?, 200)?;
    assert_eq!(text(&me, "/email")?, "ada@example.org");
    Ok(())
}

#[tokio::test]
async fn metrics_count_requests_by_route_and_never_by_path() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let secret = "0123-in-the-path";
    server.anonymous.get(&format!("/org/{secret}")).await?;
    let text = String::from_utf8(server.anonymous.get("/metrics").await?.body)?;
    assert!(
        text.contains("http_requests_total") && text.contains("runner_pilot_queue_length"),
        "{text}"
    );
    assert!(!text.contains(secret), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_client_may_name_its_request_but_not_write_into_the_log() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    for (given, kept) in [("abc-123", true), ("a b", false), ("<script>", false)] {
        let reply = http
            .get(format!("{}/healthz", server.base))
            .header("x-request-id", given)
            .send()
            .await?;
        let id = reply.headers()["x-request-id"].to_str()?.to_owned();
        assert_eq!(id == given, kept, "{given}");
        assert!(!id.is_empty());
    }
    Ok(())
}
