//! Listening: as many connections as allowed, none of them without end, and a stop that waits for
//! requests but not for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Server};
use process::Shutdown;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// How long requests may go on after a stop was asked for.
const GRACE: Duration = Duration::from_secs(5);

/// What connections may do.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// More than these wait in the kernel's queue.
    pub max_connections: usize,
    /// A connection on which nothing was answered for this long is closed: one that idles, and one that
    /// sends its request a byte at a time. Longer than any request may take; event streams send a comment
    /// more often.
    pub max_silence: Duration,
}

impl ConnectionLimits {
    /// The usual silence with this many connections.
    pub fn of(max_connections: usize) -> Self {
        Self {
            max_connections,
            max_silence: Duration::from_secs(45),
        }
    }
}

/// Serves until a stop is asked for and the last requests are answered.
pub async fn serve(
    listener: TcpListener,
    limits: ConnectionLimits,
    app: impl Endpoint + 'static,
    shutdown: &Shutdown,
) -> io::Result<()> {
    let acceptor = LimitedAcceptor {
        listener,
        limits,
        slots: Arc::new(Semaphore::new(limits.max_connections)),
    };
    let stopping = shutdown.token();
    Server::new_with_acceptor(acceptor)
        .run_with_graceful_shutdown(app, async move { stopping.cancelled().await }, Some(GRACE))
        .await
}

struct LimitedAcceptor {
    listener: TcpListener,
    limits: ConnectionLimits,
    slots: Arc<Semaphore>,
}

impl Acceptor for LimitedAcceptor {
    type Io = Connection;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.listener
            .local_addr()
            .map(|addr| LocalAddr(Addr::SocketAddr(addr)))
            .into_iter()
            .collect()
    }

    async fn accept(&mut self) -> io::Result<(Connection, LocalAddr, RemoteAddr, Scheme)> {
        let slot = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let (stream, peer) = match self.listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: asking again at once would only burn the processor.
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                return Err(error);
            }
        };
        let local = stream.local_addr()?;
        // Answers are small; waiting to fill a packet would only delay them.
        stream.set_nodelay(true)?;
        let connection = Connection {
            stream,
            silence: Box::pin(tokio::time::sleep(self.limits.max_silence)),
            max_silence: self.limits.max_silence,
            _slot: slot,
        };
        Ok((
            connection,
            LocalAddr(Addr::SocketAddr(local)),
            RemoteAddr(Addr::SocketAddr(peer)),
            Scheme::HTTP,
        ))
    }
}

/// A connection that ends when nothing is answered on it for too long.
pub struct Connection {
    stream: TcpStream,
    silence: Pin<Box<Sleep>>,
    max_silence: Duration,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    fn answered<T>(&mut self, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if matches!(outcome, Poll::Ready(Ok(_))) {
            let until = Instant::now() + self.max_silence;
            self.silence.as_mut().reset(until);
        }
        outcome
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.silence.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.answered(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.answered(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
