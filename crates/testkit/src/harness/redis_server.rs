//! A Redis of the test's own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, Value};
use tempfile::TempDir;

use super::child::{Child, Signal};
use super::paths::program;
use super::poll::eventually;
use super::port::Port;

const START_DEADLINE: Duration = Duration::from_secs(20);

/// How a [`RedisServer`] is set up.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// Keeps every acknowledged write across a kill (`appendfsync always`), at the price of speed.
    pub append_only: bool,
    /// Asked of every client when set.
    pub password: Option<String>,
}

/// A `redis-server` on a free port of loopback and on a unix socket.
#[derive(Debug)]
pub struct RedisServer {
    options: RedisOptions,
    port: Port,
    child: Child,
    directory: TempDir,
}

impl RedisServer {
    /// Starts one that forgets everything when it ends.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(RedisOptions::default()).await
    }

    /// Starts one set up by `options`.
    pub async fn start_with(options: RedisOptions) -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("rp-redis-")?;
        let port = Port::reserve()?;
        let child = launch(&options, port.number(), directory.path()).await?;
        Ok(Self {
            options,
            port,
            child,
            directory,
        })
    }

    /// Its TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// `redis://…` with the password, database 0.
    pub fn url(&self) -> String {
        self.url_at(&format!("127.0.0.1:{}", self.port))
    }

    /// The same Redis reached through another address, such as a fault proxy's.
    pub fn url_at(&self, address: &str) -> String {
        let password = self
            .options
            .password
            .as_ref()
            .map(|password| format!(":{password}@"));
        format!("redis://{}{address}/0", password.unwrap_or_default())
    }

    /// `redis+unix://…` with the password.
    pub fn unix_url(&self) -> String {
        let password = self
            .options
            .password
            .as_ref()
            .map(|password| format!("?pass={password}"));
        format!(
            "redis+unix://{}{}",
            self.socket().display(),
            password.unwrap_or_default()
        )
    }

    /// Its unix socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }

    /// What it logged.
    pub fn log_text(&self) -> String {
        self.child.log_text()
    }

    /// A new connection.
    pub async fn connection(&self) -> anyhow::Result<MultiplexedConnection> {
        connect(&self.url()).await
    }

    /// Kills it; what it had not written to its append-only file is lost.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()
    }

    /// Stops it properly.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.child.terminate(START_DEADLINE).await.map(drop)
    }

    /// Starts it again on the same port with what its files kept.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        if self.child.is_running() {
            bail!("Redis still runs; stop or kill it first");
        }
        self.child = launch(&self.options, self.port(), self.directory.path()).await?;
        Ok(())
    }

    /// Freezes it: connections stay open, answers stop.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.child.signal(Signal::Stop)
    }

    /// Lets it go on after [`RedisServer::pause`].
    pub fn resume(&self) -> anyhow::Result<()> {
        self.child.signal(Signal::Cont)
    }

    /// All keys of database 0 in order.
    pub async fn keys(&self) -> anyhow::Result<Vec<String>> {
        let mut connection = self.connection().await?;
        let mut keys: Vec<String> = connection.keys("*").await?;
        keys.sort();
        Ok(keys)
    }

    /// All keys with their content as bytes: strings as they are, the members of anything else one per
    /// line.
    pub async fn dump(&self) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let mut connection = self.connection().await?;
        let mut dump = BTreeMap::new();
        for key in self.keys().await? {
            let kind: String = redis::cmd("TYPE").arg(&key).query_async(&mut connection).await?;
            let content: Value = match kind.as_str() {
                "string" => connection.get(&key).await?,
                "list" => connection.lrange(&key, 0, -1).await?,
                "set" => connection.smembers(&key).await?,
                "hash" => connection.hgetall(&key).await?,
                "zset" => connection.zrange_withscores(&key, 0, -1).await?,
                "stream" => connection.xrange_all(&key).await?,
                // The key expired between the two commands.
                "none" => continue,
                other => bail!("{key} is a {other}, which this dump does not know"),
            };
            let mut bytes = Vec::new();
            flatten(&content, &mut bytes);
            dump.insert(key, bytes);
        }
        Ok(dump)
    }
}

async fn launch(options: &RedisOptions, port: u16, directory: &Path) -> anyhow::Result<Child> {
    let configuration = directory.join("redis.conf");
    std::fs::write(&configuration, configure(options, port, directory)?)?;
    let mut command = Command::new(program("redis-server", "redis-server")?);
    command.arg(&configuration);
    let mut child = Child::spawn(
        "redis-server",
        &mut command,
        &directory.join("redis.log"),
        Signal::Kill,
    )?;
    let socket = directory.join("redis.sock");
    let password = options
        .password
        .as_ref()
        .map(|password| format!("?pass={password}"))
        .unwrap_or_default();
    let url = format!("redis+unix://{}{password}", socket.display());
    // Over the socket in its own directory: on the port, somebody else might answer.
    eventually(START_DEADLINE, "Redis answers", || {
        let running = child.ensure_running();
        let url = url.clone();
        async move {
            running?;
            let mut connection = connect(&url).await?;
            redis::cmd("PING")
                .query_async::<String>(&mut connection)
                .await
                .context("PING")
        }
    })
    .await?;
    Ok(child)
}

fn configure(options: &RedisOptions, port: u16, directory: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(text, "bind 127.0.0.1\nport {port}\ndir {}", directory.display())?;
    writeln!(
        text,
        "unixsocket {}\nunixsocketperm 700",
        directory.join("redis.sock").display()
    )?;
    writeln!(text, "save \"\"\nenable-debug-command local")?;
    if options.append_only {
        writeln!(text, "appendonly yes\nappendfsync always")?;
    }
    if let Some(password) = &options.password {
        writeln!(text, "requirepass {password}")?;
    }
    Ok(text)
}

async fn connect(url: &str) -> anyhow::Result<MultiplexedConnection> {
    let client = redis::Client::open(url)?;
    client
        .get_multiplexed_async_connection()
        .await
        .context("connecting to Redis")
}

fn flatten(value: &Value, into: &mut Vec<u8>) {
    match value {
        Value::Nil => {}
        Value::BulkString(bytes) => into.extend_from_slice(bytes),
        Value::Array(items) | Value::Set(items) => {
            for item in items {
                flatten(item, into);
                into.push(b'\n');
            }
        }
        Value::Map(pairs) => {
            for (name, content) in pairs {
                flatten(name, into);
                into.push(b'\n');
                flatten(content, into);
                into.push(b'\n');
            }
        }
        other => into.extend_from_slice(format!("{other:?}").as_bytes()),
    }
}
