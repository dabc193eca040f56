//! The server against clients that take their time, and against too many of them.

mod support;

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use support::{TestServer, expect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn connections_that_dribble_a_request_are_closed() -> anyhow::Result<()> {
    let server = TestServer::start_with(&[], Duration::from_secs(1)).await?;
    let address = server.base.trim_start_matches("http://").to_owned();
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(&address).await?;
        stream
            .write_all(b"POST /auth/login HTTP/1.1\r\nHost: x\r\nX-Half: ")
            .await?;
        slow.push(stream);
    }
    expect(server.anonymous.get("/healthz").await?, 200)?;
    let started = Instant::now();
    let closed = futures::stream::iter(slow)
        .map(|mut stream| async move {
            let mut rest = Vec::new();
            tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest))
                .await
                .is_ok()
        })
        .buffer_unordered(300)
        .filter(|closed| std::future::ready(*closed))
        .count()
        .await;
    println!(
        "{closed} of 300 closed after {:.1} s",
        started.elapsed().as_secs_f64()
    );
    assert_eq!(closed, 300);
    Ok(())
}

/// What the server says until it says no more, or for so long.
async fn said_within(stream: &mut TcpStream, patience: Duration) -> String {
    let mut said = Vec::new();
    let _ = tokio::time::timeout(patience, async {
        let mut some = [0_u8; 4096];
        while let Ok(length @ 1..) = stream.read(&mut some).await {
            said.extend_from_slice(&some[..length]);
        }
    })
    .await;
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_body_that_dribbles_in_is_not_waited_for() -> anyhow::Result<()> {
    let server = TestServer::start().await?;
    let mut stream = TcpStream::connect(server.base.trim_start_matches("http://")).await?;
    stream
        .write_all(b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\nConnection: close\r\n\r\n{")
        .await?;
    let (mut reading, mut writing) = stream.into_split();
    let dribbling = async {
        // Never silent for long, so that only the body's own limit ends it.
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let mut answer = Vec::new();
    let answered = tokio::time::timeout(Duration::from_secs(25), async {
        tokio::select! {
            read = reading.read_to_end(&mut answer) => read.map(drop),
            () = dribbling => Ok(()),
        }
    });
    answered.await??;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("did not arrive in time"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_connection_too_many_waits_until_one_is_closed() -> anyhow::Result<()> {
    let server = TestServer::start_with(&[("MAX_CONNECTIONS", "16")], Duration::from_mins(1)).await?;
    let address = server.base.trim_start_matches("http://").to_owned();
    let ask = async || {
        let mut stream = TcpStream::connect(&address).await?;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .await?;
        anyhow::Ok(stream)
    };
    let mut held = Vec::new();
    for number in 0..16 {
        let mut stream = ask().await?;
        let mut some = [0_u8; 1024];
        let length = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut some)).await??;
        assert!(some[..length].starts_with(b"HTTP/1.1 200"), "connection {number}");
        held.push(stream);
    }
    let mut one_more = ask().await?;
    let said = said_within(&mut one_more, Duration::from_secs(1)).await;
    assert_eq!(said, "", "it is served beside 16 others");
    held.pop();
    let said = said_within(&mut one_more, Duration::from_secs(2)).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    Ok(())
}
