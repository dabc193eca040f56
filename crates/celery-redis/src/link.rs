//! A connection that is made when first needed and made again when it breaks.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use redis::{
    AsyncConnectionConfig, ConnectionAddr, FromRedisValue, IntoConnectionInfo, Pipeline, ProtocolVersion,
    PushInfo, PushKind, RedisError, Script, aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

use crate::{error::Error, refusal::is_connection_loss, scripts};

/// Longest time to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time to wait for one reply.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Receives what the server sends unasked: messages, invalidations, the loss of the connection.
pub(crate) type PushHandler = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// Where the server is.
#[derive(Clone)]
pub(crate) struct Server {
    client: redis::Client,
    url: String,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.url).finish()
    }
}

impl Server {
    /// Reads the URL; connects nowhere.
    pub(crate) fn new(url: &str) -> Result<Self, Error> {
        let shown = without_password(url);
        let bad = |source| Error::Url {
            url: shown.clone(),
            source,
        };
        // Celery's own name for a socket.
        let url = url
            .strip_prefix("redis+socket://")
            .map_or_else(|| url.to_owned(), |path| format!("unix://{path}"));
        let info = url
            .replacen("virtual_host=", "db=", 1)
            .into_connection_info()
            .map_err(bad)?;
        let bad = |source| Error::Url {
            url: shown.clone(),
            source,
        };
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let info = info
            .set_redis_settings(settings)
            .set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = redis::Client::open(info).map_err(bad)?;
        Ok(Self { client, url: shown })
    }

    /// The number of the database.
    pub(crate) fn database(&self) -> i64 {
        self.client.get_connection_info().redis_settings().db()
    }

    /// The server as Celery's `stats` describe a broker.
    pub(crate) fn describe(&self) -> serde_json::Value {
        let (host, port, ssl) = match self.client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) => (host.clone(), Some(*port), false),
            ConnectionAddr::TcpTls { host, port, .. } => (host.clone(), Some(*port), true),
            ConnectionAddr::Unix(path) => (path.display().to_string(), None, false),
            _ => (String::new(), None, false),
        };
        serde_json::json!({
            "hostname": host, "userid": null, "virtual_host": self.database().to_string(), "port": port,
            "insist": false, "ssl": ssl, "transport": "redis", "connect_timeout": CONNECT_TIMEOUT.as_secs(),
            "transport_options": {}, "login_method": null, "uri_prefix": null, "heartbeat": null,
            "failover_strategy": "round-robin", "alternates": [], "credential_provider": null,
        })
    }

    /// The URL without its password.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Opens a connection with all scripts loaded; it waits `RESPONSE_TIMEOUT` for a reply.
    pub(crate) async fn connect(
        &self,
        push: Option<PushHandler>,
    ) -> Result<MultiplexedConnection, RedisError> {
        let config = config(push).set_response_timeout(Some(RESPONSE_TIMEOUT));
        let mut connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        scripts::loader().exec_async(&mut connection).await?;
        Ok(connection)
    }

    /// Opens a connection that waits for a reply as long as its user does, and the future that must be polled to
    /// drive it. Polled by the task that uses the connection, no other has to be woken for a reply; over TLS, which
    /// the `redis` crate sets up, it is driven by a task of its own.
    pub(crate) async fn connect_driven(
        &self,
        push: PushHandler,
    ) -> Result<(MultiplexedConnection, BoxFuture<'static, ()>), RedisError> {
        let config = config(Some(push)).set_response_timeout(None);
        let info = self.client.get_connection_info();
        match info.addr() {
            ConnectionAddr::Tcp(host, port) => {
                let stream = in_time(CONNECT_TIMEOUT, TcpStream::connect((host.as_str(), *port))).await?;
                stream.set_nodelay(true)?;
                self.driven(stream, config).await
            }
            ConnectionAddr::Unix(path) => {
                let stream = in_time(CONNECT_TIMEOUT, UnixStream::connect(path)).await?;
                self.driven(stream, config).await
            }
            _ => {
                let connection = self
                    .client
                    .get_multiplexed_async_connection_with_config(&config)
                    .await?;
                Ok((connection, futures::future::pending().boxed()))
            }
        }
    }

    async fn driven(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        config: AsyncConnectionConfig,
    ) -> Result<(MultiplexedConnection, BoxFuture<'static, ()>), RedisError> {
        let settings = self.client.get_connection_info().redis_settings();
        let opening = MultiplexedConnection::new_with_config(settings, stream, config);
        let (connection, driver) = in_time(CONNECT_TIMEOUT, opening).await?;
        Ok((connection, driver.boxed()))
    }
}

fn config(push: Option<PushHandler>) -> AsyncConnectionConfig {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_TIMEOUT));
    match push {
        Some(push) => config.set_push_sender(move |info: PushInfo| {
            push(info);
            Ok::<(), redis::aio::SendError>(())
        }),
        None => config,
    }
}

/// Ends a call that takes too long: the connection is dead then.
pub(crate) async fn in_time<T, E: Into<RedisError>>(
    limit: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, RedisError> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

/// Cuts the password out of a URL.
fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}://***{}", &url[..scheme], &url[at..]),
        _ => url.to_owned(),
    }
}

type Dial = Shared<BoxFuture<'static, Result<MultiplexedConnection, RedisError>>>;

#[derive(Default)]
struct Current {
    /// Counts connections, so that the loss of an old one does not discard its successor.
    generation: u64,
    dial: Option<Dial>,
}

/// One shared connection for ordinary commands.
#[derive(Clone)]
pub(crate) struct Link {
    server: Server,
    push: Option<PushHandler>,
    current: Arc<Mutex<Current>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(server: Server, push: Option<PushHandler>) -> Self {
        Self {
            server,
            push,
            current: Arc::default(),
        }
    }

    /// The connection, made if there is none. All callers share one attempt.
    pub(crate) async fn connection(&self) -> Result<(u64, MultiplexedConnection), RedisError> {
        let (generation, dial) = {
            let mut current = lock(&self.current);
            let dial = if let Some(dial) = &current.dial {
                dial.clone()
            } else {
                current.generation += 1;
                let dial = self.dial(current.generation);
                current.dial = Some(dial.clone());
                dial
            };
            (current.generation, dial)
        };
        match dial.await {
            Ok(connection) => Ok((generation, connection)),
            Err(error) => {
                forget(&self.current, generation);
                Err(error)
            }
        }
    }

    fn dial(&self, generation: u64) -> Dial {
        let server = self.server.clone();
        let current = Arc::downgrade(&self.current);
        let push = self.push.clone();
        let handler: PushHandler = Arc::new(move |info: PushInfo| {
            // The next call finds no connection and makes one, instead of failing on a dead one.
            if info.kind == PushKind::Disconnection
                && let Some(current) = current.upgrade()
            {
                forget(&current, generation);
            }
            if let Some(push) = &push {
                push(info);
            }
        });
        async move { server.connect(Some(handler)).await }
            .boxed()
            .shared()
    }

    /// Notes the fate of a call: a broken connection is not used again.
    pub(crate) fn observe<T>(&self, generation: u64, result: Result<T, RedisError>) -> Result<T, RedisError> {
        if let Err(error) = &result
            && is_connection_loss(error)
        {
            forget(&self.current, generation);
        }
        result
    }

    /// Runs a pipeline; any error in it is an error of the whole.
    pub(crate) async fn query<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        let (generation, mut connection) = self.connection().await?;
        let result = pipeline.query_async(&mut connection).await;
        self.observe(generation, result)
    }

    /// Runs one script.
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        args: &[String],
    ) -> Result<T, RedisError> {
        let (generation, mut connection) = self.connection().await?;
        let mut call = script.prepare_invoke();
        for key in keys {
            call.key(key);
        }
        for arg in args {
            call.arg(arg);
        }
        let result = call.invoke_async(&mut connection).await;
        self.observe(generation, result)
    }
}

fn forget(current: &Mutex<Current>, generation: u64) {
    let mut current = lock(current);
    if current.generation == generation {
        current.dial = None;
    }
}

/// Locks, also after a panic elsewhere: every holder leaves the data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(
            without_password("redis://user:secret@host:1/0"),
            "redis://***@host:1/0"
        );
        let error = Server::new("rdis://:secret@host").unwrap_err();
        assert!(!format!("{error:?} {error}").contains("secret"));
    }

    #[test]
    fn every_kind_of_url_is_read() {
        for url in [
            "redis://h/3",
            "rediss://h:1/3",
            "unix:///tmp/s?db=3",
            "redis+unix:///tmp/s?db=3",
            "redis+socket:///tmp/s?virtual_host=3",
        ] {
            assert_eq!(Server::new(url).unwrap().database(), 3, "{url}");
        }
    }
}
