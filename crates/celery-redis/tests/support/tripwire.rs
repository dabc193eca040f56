//! A way to Redis that breaks at a known moment: when its user says a certain thing.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

/// What happens when the words are said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The connection ends before the server hears them.
    Cut,
    /// The server hears them, and from then on nobody hears anything.
    Silence,
}

struct Wire {
    words: Vec<u8>,
    then: Then,
    /// How often the words still break it.
    left: AtomicUsize,
    silent: AtomicBool,
    tripped: Notify,
}

/// Such a way; it ends with the test.
pub struct Tripwire {
    port: u16,
    wire: Arc<Wire>,
    connections: JoinSet<()>,
}

impl Tripwire {
    /// Ends the connection that the words are said on, before they arrive, for the first `times`.
    pub async fn cut_at(words: &str, times: usize, server: &str) -> Self {
        Self::start(words, Then::Cut, times, server).await
    }

    /// Lets the words arrive once, and nothing after them: what a worker does next is never heard of.
    pub async fn silent_after(words: &str, server: &str) -> Self {
        Self::start(words, Then::Silence, 1, server).await
    }

    async fn start(words: &str, then: Then, times: usize, server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let wire = Arc::new(Wire {
            words: words.as_bytes().to_vec(),
            then,
            left: AtomicUsize::new(times),
            silent: AtomicBool::new(false),
            tripped: Notify::new(),
        });
        let address = server
            .trim_start_matches("redis://")
            .trim_end_matches("/0")
            .to_owned();
        let mut connections = JoinSet::new();
        let shared = wire.clone();
        connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                open.spawn(carry(near, address.clone(), shared.clone()));
            }
        });
        Self {
            port,
            wire,
            connections,
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Waits until the words were said as often as they break the way.
    pub async fn tripped(&self) {
        tokio::time::timeout(super::support::DEADLINE, self.wire.tripped.notified())
            .await
            .expect("the words are said in time");
        assert!(!self.connections.is_empty());
    }
}

async fn carry(near: TcpStream, address: String, wire: Arc<Wire>) {
    let Ok(far) = TcpStream::connect(address).await else {
        return;
    };
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let back = async {
        let mut far_in = far_in;
        let mut near_out = near_out;
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(size @ 1..) = far_in.read(&mut chunk).await {
            if wire.silent.load(Ordering::Acquire) {
                std::future::pending::<()>().await;
            }
            if near_out.write_all(&chunk[..size]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = forth(near_in, far_out, &wire) => {}
        () = back => {}
    }
}

/// Carries what the user says, until it breaks.
async fn forth(
    mut near: tokio::net::tcp::OwnedReadHalf,
    mut far: tokio::net::tcp::OwnedWriteHalf,
    wire: &Wire,
) {
    let mut chunk = vec![0; 64 * 1024];
    // What was said last: the words may come in two pieces.
    let mut said: Vec<u8> = Vec::new();
    while let Ok(size @ 1..) = near.read(&mut chunk).await {
        if wire.silent.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
        said.extend(&chunk[..size]);
        let heard = said.windows(wire.words.len()).any(|window| window == wire.words);
        let keep = said.len().saturating_sub(wire.words.len() - 1);
        said.drain(..keep);
        let trips = heard
            && wire
                .left
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1))
                .is_ok();
        if trips && wire.then == Then::Silence {
            wire.silent.store(true, Ordering::Release);
        }
        if (!trips || wire.then == Then::Silence) && far.write_all(&chunk[..size]).await.is_err() {
            return;
        }
        if trips && wire.left.load(Ordering::Acquire) == 0 {
            wire.tripped.notify_one();
        }
        if trips {
            match wire.then {
                Then::Cut => return,
                Then::Silence => std::future::pending::<()>().await,
            }
        }
    }
}
