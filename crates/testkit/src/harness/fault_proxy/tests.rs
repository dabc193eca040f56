use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::*;

/// A server that sends back what it gets.
async fn echo() -> (String, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let connections = tasks.clone();
    tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    }));
    (address, stop.drop_guard())
}

async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<()> {
    stream.write_all(b"ping").await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.map(drop)
}

fn too_slow(limit: Duration) -> tokio::time::Timeout<std::future::Pending<()>> {
    tokio::time::timeout(limit, std::future::pending())
}

#[tokio::test]
async fn a_healthy_proxy_hands_everything_on() {
    let (server, _stop) = echo().await;
    let proxy = FaultProxy::tcp(&server).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    exchange(&mut client).await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(
        client.read(&mut [0; 1]).await.unwrap(),
        0,
        "the end is handed on too"
    );
}

#[tokio::test]
async fn latency_is_added_each_way() {
    let (server, _stop) = echo().await;
    let proxy = FaultProxy::tcp(&server).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.set(Faults {
        latency: Duration::from_millis(100),
        ..Faults::default()
    });
    let start = Instant::now();
    exchange(&mut client).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_silent_network_delivers_when_it_heals() {
    let (server, _stop) = echo().await;
    let proxy = FaultProxy::tcp(&server).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.set(Faults {
        silence: Some(Direction::Down),
        ..Faults::default()
    });
    tokio::select! {
        _ = exchange(&mut client) => panic!("an answer came through"),
        _ = too_slow(Duration::from_millis(200)) => {}
    }
    proxy.heal();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"ping");
}

#[tokio::test]
async fn refused_cut_and_reset_connections_end_with_an_error() {
    let (server, _stop) = echo().await;
    let proxy = FaultProxy::tcp(&server).await.unwrap();
    let mut open = TcpStream::connect(proxy.address()).await.unwrap();
    exchange(&mut open).await.unwrap();

    proxy.set(Faults {
        refuse: true,
        ..Faults::default()
    });
    let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
    exchange(&mut refused).await.unwrap_err();
    exchange(&mut open).await.unwrap();

    proxy.set(Faults {
        cut_after: Some((Direction::Down, 6)),
        ..Faults::default()
    });
    exchange(&mut open).await.unwrap();
    exchange(&mut open).await.unwrap_err();

    proxy.heal();
    let mut reset = TcpStream::connect(proxy.address()).await.unwrap();
    exchange(&mut reset).await.unwrap();
    proxy.reset_connections();
    let error = reset.read(&mut [0; 1]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let mut again = TcpStream::connect(proxy.address()).await.unwrap();
    exchange(&mut again).await.unwrap();
}

#[tokio::test]
async fn a_unix_socket_is_proxied_too() {
    let directory = tempfile::TempDir::new().unwrap();
    let (target, path) = (directory.path().join("target"), directory.path().join("proxy"));
    let listener = UnixListener::bind(&target).unwrap();
    let proxy = FaultProxy::unix(&path, &target).unwrap();
    let mut client = UnixStream::connect(proxy.address()).await.unwrap();
    client.write_all(b"ping").await.unwrap();
    let (mut served, _) = listener.accept().await.unwrap();
    let mut asked = [0; 4];
    served.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"ping");
    proxy.reset_connections();
    assert_eq!(client.read(&mut asked).await.unwrap(), 0);
}
