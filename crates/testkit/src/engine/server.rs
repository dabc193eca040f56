//! A simulated engine's socket, and the test's hand on it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::fault::{Fault, Planned, take};
use super::routes::{Answer, answer, event};
use super::state::{SimContainer, State};
use super::wire::{Request, Wire};

/// A simulated engine; it ends when dropped.
#[derive(Debug)]
pub struct EngineSim {
    socket: PathBuf,
    shared: Arc<Shared>,
    stop: CancellationToken,
    _directory: tempfile::TempDir,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    events: broadcast::Sender<Value>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EngineSim {
    /// Starts an engine without images or containers on a socket of its own.
    pub fn start() -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("engine-sim-").tempdir()?;
        let socket = directory.path().join("docker.sock");
        let listener = UnixListener::bind(&socket)?;
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            events: broadcast::channel(4096).0,
        });
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (accepting, connections, end) = (Arc::clone(&shared), tasks.clone(), stop.clone());
        tasks.spawn(async move {
            while let Some(Ok((stream, _))) = end.run_until_cancelled(listener.accept()).await {
                let (shared, end) = (Arc::clone(&accepting), end.clone());
                connections.spawn(async move {
                    // A client that leaves is no failure of the simulation.
                    drop(end.run_until_cancelled(serve(stream, &shared)).await);
                });
            }
        });
        Ok(Self {
            socket,
            shared,
            stop,
            _directory: directory,
        })
    }

    /// Where it listens.
    pub fn socket_path(&self) -> &Path {
        &self.socket
    }

    /// Puts an image on the node.
    pub fn add_image(&self, name: &str) {
        self.shared.state().images.insert(name.to_owned());
    }

    /// Makes an image (`name:tag`) one that can be pulled.
    pub fn add_pullable_image(&self, name: &str) {
        self.shared.state().pullable.insert(name.to_owned());
    }

    /// The API version that it claims to speak.
    pub fn set_api_version(&self, version: &str) {
        self.shared.state().api_version = Some(version.to_owned());
    }

    /// What every command run inside a container ends with.
    pub fn set_exec_result(&self, exit_code: i64, output: &str) {
        self.shared.state().exec_result = (exit_code, output.to_owned());
    }

    /// Plans a fault for the next `times` requests whose line, for example `POST /containers/create`,
    /// contains this text.
    pub fn fault(&self, request: &str, fault: Fault, times: usize) {
        self.shared.state().faults.push(Planned {
            request: request.to_owned(),
            fault,
            times,
        });
    }

    /// Ends all planned faults; requests that hang go on hanging.
    pub fn clear_faults(&self) {
        self.shared.state().faults.clear();
    }

    /// Every container, in the order of creation.
    pub fn containers(&self) -> Vec<SimContainer> {
        self.shared.state().containers.values().cloned().collect()
    }

    /// Adds a container that somebody else made, running.
    pub fn add_foreign_container(&self, name: &str) -> String {
        let mut state = self.shared.state();
        state.images.insert("foreign:1".to_owned());
        // The name was checked by no one here: a test that gives one twice gets the first one's id.
        let made = state.create(name, json!({"Image": "foreign:1", "Labels": {}}));
        let id = match made {
            Ok(id) => id,
            Err(_) => state
                .containers
                .values()
                .find(|container| container.name == name)
                .map(|container| container.id.clone())
                .unwrap_or_default(),
        };
        if let Some(container) = state.containers.get_mut(&id) {
            (container.running, container.started) = (true, true);
        }
        id
    }

    /// Lets a container end by itself.
    pub fn finish(&self, id: &str, exit_code: i64, oom_killed: bool) {
        let ended = {
            let mut state = self.shared.state();
            let Some(container) = state.containers.get_mut(id) else {
                return;
            };
            container.running = false;
            container.exit_code = exit_code;
            container.oom_killed = oom_killed;
            event("die", id, &container.config["Labels"], Some(exit_code))
        };
        // Nobody may be listening.
        drop(self.shared.events.send(ended));
    }

    /// Adds to what a container has written.
    pub fn write_log(&self, id: &str, text: &str) {
        if let Some(container) = self.shared.state().containers.get_mut(id) {
            container.log.push_str(text);
        }
    }

    /// Every request so far, as `METHOD /path`.
    pub fn requests(&self) -> Vec<String> {
        self.shared.state().requests.clone()
    }
}

impl Drop for EngineSim {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve(stream: UnixStream, shared: &Shared) -> io::Result<()> {
    let mut wire = Wire::new(stream);
    while let Some(request) = wire.request().await? {
        let line = format!("{} {}", request.method, request.path);
        let fault = {
            let mut state = shared.state();
            state.requests.push(line.clone());
            take(&mut state.faults, &line)
        };
        match fault {
            Some(Fault::Hang) => return std::future::pending().await,
            Some(Fault::Status(status, message)) => {
                wire.json(status, &json!({"message": message})).await?;
                continue;
            }
            Some(Fault::Endless) => return endless(wire).await,
            Some(Fault::Delay(time)) => wait(time).await,
            Some(Fault::LoseReply) => {
                done(shared, &request);
                return Ok(());
            }
            Some(Fault::LyingId(id)) => {
                done(shared, &request);
                wire.json(201, &json!({"Id": id, "Warnings": []})).await?;
                continue;
            }
            None => {}
        }
        match done(shared, &request) {
            Answer::Json(status, body) => wire.json(status, &body).await?,
            Answer::Raw(bytes) => wire.reply(200, "application/octet-stream", &bytes).await?,
            Answer::Lines(lines) => {
                wire.begin_chunks().await?;
                for line in lines {
                    wire.chunk(format!("{line}\n").as_bytes()).await?;
                }
                wire.chunk(b"").await?;
            }
            Answer::Upgrade(output) => return wire.upgrade(&output).await,
            Answer::Input(id) => {
                let input = wire.input().await?;
                if let Some(container) = shared.state().containers.get_mut(&id) {
                    container.input.extend_from_slice(&input);
                }
                return Ok(());
            }
            Answer::Events => return tell(wire, shared.events.subscribe()).await,
        }
    }
    Ok(())
}

fn done(shared: &Shared, request: &Request) -> Answer {
    let mut events = Vec::new();
    let answer = answer(&mut shared.state(), request, &mut events);
    for event in events {
        // Nobody may be listening.
        drop(shared.events.send(event));
    }
    answer
}

async fn tell(mut wire: Wire, mut events: broadcast::Receiver<Value>) -> io::Result<()> {
    wire.begin_chunks().await?;
    while let Ok(event) = events.recv().await {
        wire.chunk(format!("{event}\n").as_bytes()).await?;
    }
    Ok(())
}

async fn endless(mut wire: Wire) -> io::Result<()> {
    wire.begin_chunks().await?;
    wire.chunk(b"[\"").await?;
    let piece = vec![b'x'; 64 << 10];
    loop {
        wire.chunk(&piece).await?;
    }
}

/// The one place where time passes on purpose: a slow engine is what is simulated.
async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}
