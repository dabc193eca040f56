//! Ports of servers that a test starts as processes.

use std::{fmt, net::SocketAddr};

use tokio::net::TcpSocket;

/// A TCP port on loopback that nobody else is given while this lives.
///
/// It is bound but not listened at: whoever connects is refused, until a server that sets `SO_REUSEADDR`, as Redis
/// does, listens there beside it.
pub struct Port {
    socket: TcpSocket,
}

impl Port {
    /// A port that was free.
    pub fn reserve() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a shared port");
        socket
            .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .expect("a free port");
        Self { socket }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.socket.local_addr().map_err(|_| fmt::Error)?;
        address.port().fmt(f)
    }
}
