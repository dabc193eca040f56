//! Connections to an engine: a unix socket, TCP or TLS, each counting the bytes of a reply.
//!
//! bollard's own constructors read TLS keys from files and resolve names at each connection; this
//! connector takes keys from memory and dials only addresses that were checked. Redirects are not
//! followed by the client above it, and no proxy variable is looked at.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, BollardRequest, ClientVersion, Docker};
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::address::Endpoint;
use super::error::{DialError, NodeError, TooLarge, plain};
use super::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// bollard's own timeout covers only a reply's head. Every call has a tighter one around the whole of
/// it, so this one only has to be longer than the longest of those.
const HEAD_TIMEOUT_SECS: u64 = 3600;

/// A bollard client over such connections. `None` is for the first question only, before it is known
/// which API version the engine speaks.
pub(super) fn client(connector: Connector, version: Option<&ClientVersion>) -> Result<Docker, NodeError> {
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build(connector);
    let transport = move |request: BollardRequest| {
        let reply = client.request(request);
        async move { reply.await.map_err(bollard::errors::Error::from) }
    };
    // The host part only fills the request's Host header: the connector knows where to go.
    Docker::connect_with_custom_transport(
        transport,
        Some("http://docker"),
        HEAD_TIMEOUT_SECS,
        version.unwrap_or(API_DEFAULT_VERSION),
    )
    .map_err(|error| NodeError::from_bollard("connect", &error))
}

#[derive(Debug)]
enum Way {
    Unix(std::path::PathBuf),
    Tcp(Vec<std::net::SocketAddr>),
    Tls {
        addresses: Vec<std::net::SocketAddr>,
        name: ServerName<'static>,
        config: Arc<ClientConfig>,
    },
}

/// Makes connections to one engine.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    way: Arc<Way>,
    max_reply: u64,
}

impl Connector {
    pub(super) fn new(endpoint: Endpoint, max_reply: u64) -> Result<Self, NodeError> {
        let way = match endpoint {
            Endpoint::Unix(path) => Way::Unix(path),
            Endpoint::Tcp(addresses) => Way::Tcp(addresses),
            Endpoint::Tls {
                addresses,
                name,
                material,
            } => Way::Tls {
                addresses,
                name: tls::server_name(&name)?,
                config: tls::client_config(&material)?,
            },
        };
        Ok(Self {
            way: Arc::new(way),
            max_reply,
        })
    }

    /// The same way with another bound on a reply.
    pub(super) fn with_max_reply(&self, max_reply: u64) -> Self {
        Self {
            way: Arc::clone(&self.way),
            max_reply,
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Metered>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { way, max_reply } = self.clone();
        Box::pin(async move {
            let dialled = tokio::time::timeout(CONNECT_TIMEOUT, dial(&way));
            let stream = dialled.await.unwrap_or(Err(NodeError::Timeout {
                operation: "connect",
                limit: CONNECT_TIMEOUT,
            }))?;
            Ok(TokioIo::new(Metered {
                stream,
                max_reply,
                left: max_reply,
            }))
        })
    }
}

async fn dial(way: &Way) -> Result<Box<dyn Stream>, NodeError> {
    match way {
        Way::Unix(path) => match UnixStream::connect(path).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(socket_error(path, &error)),
        },
        Way::Tcp(addresses) => Ok(Box::new(tcp(addresses).await?)),
        Way::Tls {
            addresses,
            name,
            config,
        } => {
            let stream = tcp(addresses).await?;
            let connector = TlsConnector::from(Arc::clone(config));
            match connector.connect(name.clone(), stream).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) => Err(NodeError::Tls(plain(&error.to_string()))),
            }
        }
    }
}

async fn tcp(addresses: &[std::net::SocketAddr]) -> Result<TcpStream, NodeError> {
    // `connect` takes addresses here, not a name: nothing is resolved a second time.
    let stream = TcpStream::connect(addresses)
        .await
        .map_err(|error| NodeError::Unreachable(plain(&error.to_string())))?;
    stream
        .set_nodelay(true)
        .map_err(|error| NodeError::Unreachable(plain(&error.to_string())))?;
    Ok(stream)
}

fn socket_error(path: &Path, error: &io::Error) -> NodeError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => NodeError::PermissionDenied(path.display().to_string()),
        io::ErrorKind::NotFound => NodeError::Unreachable(format!("there is no socket {}", path.display())),
        io::ErrorKind::ConnectionRefused => {
            NodeError::Unreachable(format!("nothing listens on {}", path.display()))
        }
        _ => NodeError::Unreachable(plain(&format!("{}: {error}", path.display()))),
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection that fails once a reply grows over its bound. HTTP/1 answers one request at a time,
/// so that a write starts a new reply.
pub(super) struct Metered {
    stream: Box<dyn Stream>,
    max_reply: u64,
    left: u64,
}

impl Connection for Metered {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Poll::Ready(Ok(())) = outcome {
            let read = (buffer.filled().len() - before) as u64;
            match self.left.checked_sub(read) {
                Some(left) => self.left = left,
                None => return Poll::Ready(Err(io::Error::other(TooLarge))),
            }
        }
        outcome
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.left = self.max_reply;
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn a_socket_that_may_not_be_opened_says_so() {
        let error = |kind| socket_error(Path::new("/run/docker.sock"), &io::Error::from(kind));
        let denied = error(io::ErrorKind::PermissionDenied);
        assert!(denied.to_string().contains("group"), "{denied}");
        assert!(matches!(
            error(io::ErrorKind::NotFound),
            NodeError::Unreachable(_)
        ));
        assert!(matches!(
            error(io::ErrorKind::ConnectionRefused),
            NodeError::Unreachable(_)
        ));
    }

    #[tokio::test]
    async fn a_reply_over_its_bound_ends_the_connection_and_the_next_request_starts_anew() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut metered = Metered {
            stream: Box::new(near),
            max_reply: 10,
            left: 10,
        };
        let mut buffer = [0; 8];
        far.write_all(b"12345678").await.unwrap();
        metered.read_exact(&mut buffer).await.unwrap();
        metered.write_all(b"again").await.unwrap();
        far.write_all(b"12345678").await.unwrap();
        metered.read_exact(&mut buffer).await.unwrap();
        far.write_all(b"123").await.unwrap();
        let error = metered.read(&mut buffer).await.unwrap_err();
        assert!(matches!(error.get_ref(), Some(inner) if inner.is::<TooLarge>()));
    }
}
