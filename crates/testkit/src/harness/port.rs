//! Ports of servers that a test starts as processes.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use tokio::net::TcpSocket;

/// A TCP port of 127.0.0.1 that nobody else is given while this lives.
///
/// It is bound but not listened at: whoever connects is refused, until a server that sets `SO_REUSEADDR`, as those
/// of tokio, Go, Node, Redis and PostgreSQL do, listens there beside it. When that server ends, the next one may.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _socket: TcpSocket,
}

impl Port {
    /// A port that was free.
    pub fn reserve() -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4().context("opening a socket")?;
        // Else no other socket could be bound beside it.
        socket.set_reuseaddr(true).context("sharing a port")?;
        socket
            .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .context("looking for a free port")?;
        Ok(Self {
            number: socket.local_addr().context("reading a port's number")?.port(),
            _socket: socket,
        })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn a_server_listens_beside_it_again_and_again() {
        let port = Port::reserve().unwrap();
        let address = (Ipv4Addr::LOCALHOST, port.number());
        for _ in 0..2 {
            assert!(TcpStream::connect(address).await.is_err());
            let server = TcpListener::bind(address).await.unwrap();
            TcpStream::connect(address).await.unwrap();
            drop(server);
        }
    }
}
