//! A proxy between two parts that makes the network bad: slow, silent, refusing, cutting.
//!
//! The kernels that tests run on have no traffic shaping, so faults are made in user space.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, tcp, unix};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Which way bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client: the request is carried out, the answer is what gets lost.
    Down,
    /// Either way.
    Both,
}

impl Direction {
    fn covers(self, other: Self) -> bool {
        self == Self::Both || self == other
    }
}

/// What is wrong with the network; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// Added to each piece of data, each way.
    pub latency: Duration,
    /// Holds data back until the fault is lifted; connections stay open.
    pub silence: Option<Direction>,
    /// Resets new connections.
    pub refuse: bool,
    /// Resets a connection once it has carried more than that many bytes that way.
    pub cut_after: Option<(Direction, u64)>,
    /// The most bytes per second, each way.
    pub bytes_per_second: Option<u64>,
}

#[derive(Debug, Clone)]
enum Address {
    Tcp(String),
    Unix(PathBuf),
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A running proxy; it ends, with its connections, when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    listens_on: Address,
    faults: watch::Sender<Faults>,
    resets: watch::Sender<u64>,
    _stop: DropGuard,
}

impl FaultProxy {
    /// Listens on a free port of loopback and hands on to `target` (`host:port`).
    pub async fn tcp(target: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = Address::Tcp(listener.local_addr()?.to_string());
        Ok(Self::start(
            Listener::Tcp(listener),
            address,
            Address::Tcp(target.to_owned()),
        ))
    }

    /// Listens on the unix socket `path` and hands on to the unix socket `target`.
    pub fn unix(path: &Path, target: &Path) -> anyhow::Result<Self> {
        let listener =
            UnixListener::bind(path).with_context(|| format!("listening on {}", path.display()))?;
        let address = Address::Unix(path.to_owned());
        Ok(Self::start(
            Listener::Unix(listener),
            address,
            Address::Unix(target.to_owned()),
        ))
    }

    fn start(listener: Listener, listens_on: Address, target: Address) -> Self {
        let (faults, seen_faults) = watch::channel(Faults::default());
        let (resets, seen_resets) = watch::channel(0);
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let proxy = Proxy {
            target,
            faults: seen_faults,
            resets: seen_resets,
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        tasks.spawn(stop.clone().run_until_cancelled_owned(proxy.accept_all(listener)));
        Self {
            listens_on,
            faults,
            resets,
            _stop: stop.drop_guard(),
        }
    }

    /// Where to connect instead of the target: `host:port`, or the socket's path.
    pub fn address(&self) -> String {
        match &self.listens_on {
            Address::Tcp(address) => address.clone(),
            Address::Unix(path) => path.display().to_string(),
        }
    }

    /// The TCP port; errors for a unix socket.
    pub fn port(&self) -> anyhow::Result<u16> {
        match &self.listens_on {
            Address::Tcp(address) => Ok(address.parse::<SocketAddr>()?.port()),
            Address::Unix(path) => anyhow::bail!("{} has no port", path.display()),
        }
    }

    /// From now on the network is like this, for open connections too.
    pub fn set(&self, faults: Faults) {
        self.faults.send_replace(faults);
    }

    /// From now on nothing is wrong.
    pub fn heal(&self) {
        self.set(Faults::default());
    }

    /// Resets every open connection once.
    pub fn reset_connections(&self) {
        self.resets.send_modify(|count| *count += 1);
    }
}

#[derive(Clone)]
struct Proxy {
    target: Address,
    faults: watch::Receiver<Faults>,
    resets: watch::Receiver<u64>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Proxy {
    async fn accept_all(self, listener: Listener) {
        loop {
            let client = match &listener {
                Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| Ends::tcp(stream)),
                Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| Ends::unix(stream)),
            };
            // A client that was gone before it was accepted is none.
            let Ok(client) = client else { continue };
            let connection = self.clone().carry(client);
            self.tasks
                .spawn(self.stop.clone().run_until_cancelled_owned(connection));
        }
    }

    async fn carry(mut self, mut client: Ends) {
        let refused = self.faults.borrow().refuse;
        let server = if refused {
            Err(std::io::ErrorKind::ConnectionRefused.into())
        } else {
            self.target.connect().await
        };
        let Ok(mut server) = server else {
            client.writer.reset();
            return;
        };
        self.resets.mark_unchanged();
        let (faults_up, faults_down) = (self.faults.clone(), self.faults.clone());
        let ended = {
            let up = pump(&mut client.reader, &mut server.writer, faults_up, Direction::Up);
            let down = pump(
                &mut server.reader,
                &mut client.writer,
                faults_down,
                Direction::Down,
            );
            tokio::select! {
                result = async { tokio::try_join!(up, down) } => result.map(drop),
                _ = self.resets.changed() => Err(Cut),
            }
        };
        if ended.is_err() {
            client.writer.reset();
            server.writer.reset();
        }
    }
}

/// The connection is to be reset.
struct Cut;

async fn pump(
    reader: &mut Reader,
    writer: &mut Writer,
    mut faults: watch::Receiver<Faults>,
    direction: Direction,
) -> Result<(), Cut> {
    let mut buffer = vec![0; 64 * 1024];
    let mut carried = 0;
    loop {
        let length = reader.read(&mut buffer).await.map_err(|_| Cut)?;
        if length == 0 {
            // Only this way ends: an attached container still sends after its input was closed.
            return writer.shutdown().await;
        }
        let now = faults.borrow().clone();
        if !now.latency.is_zero() {
            tokio::time::sleep(now.latency).await;
        }
        if let Some(rate) = now.bytes_per_second {
            tokio::time::sleep(
                Duration::from_secs(length as u64) / u32::try_from(rate.max(1)).unwrap_or(u32::MAX),
            )
            .await;
        }
        // An error says that the proxy is gone, and this task with it.
        let holds = |faults: &Faults| faults.silence.is_some_and(|silent| silent.covers(direction));
        faults.wait_for(|faults| !holds(faults)).await.map_err(|_| Cut)?;
        if let Some((_, limit)) = now.cut_after.filter(|(way, _)| way.covers(direction)) {
            carried += length as u64;
            if carried > limit {
                return Err(Cut);
            }
        }
        writer.write_all(&buffer[..length]).await?;
    }
}

type Reader = Box<dyn AsyncRead + Send + Unpin>;

enum Writer {
    Tcp(Option<tcp::OwnedWriteHalf>),
    Unix(unix::OwnedWriteHalf),
}

struct Ends {
    reader: Reader,
    writer: Writer,
}

impl Ends {
    fn tcp(stream: TcpStream) -> Self {
        // The proxy must not add delays that nobody asked for; a socket that is gone has none.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        Self {
            reader: Box::new(reader),
            writer: Writer::Tcp(Some(writer)),
        }
    }

    fn unix(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self {
            reader: Box::new(reader),
            writer: Writer::Unix(writer),
        }
    }
}

impl Writer {
    async fn write_all(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        match self {
            Self::Tcp(Some(half)) => half.write_all(bytes).await,
            Self::Tcp(None) => return Err(Cut),
            Self::Unix(half) => half.write_all(bytes).await,
        }
        .map_err(|_| Cut)
    }

    async fn shutdown(&mut self) -> Result<(), Cut> {
        match self {
            Self::Tcp(Some(half)) => half.shutdown().await,
            Self::Tcp(None) => return Err(Cut),
            Self::Unix(half) => half.shutdown().await,
        }
        .map_err(|_| Cut)
    }

    /// Makes the end of the connection a reset rather than an orderly close; a unix socket has none.
    fn reset(&mut self) {
        if let Self::Tcp(half) = self
            && let Some(half) = half.take()
        {
            // A socket that the other side has reset already needs no more of it.
            let _ = half.as_ref().set_zero_linger();
            // Dropping the half would send an orderly end first.
            half.forget();
        }
    }
}

impl Address {
    async fn connect(&self) -> std::io::Result<Ends> {
        Ok(match self {
            Self::Tcp(address) => Ends::tcp(TcpStream::connect(address).await?),
            Self::Unix(path) => Ends::unix(UnixStream::connect(path).await?),
        })
    }
}

#[cfg(test)]
mod tests;
