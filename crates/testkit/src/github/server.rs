//! Starting, stopping and driving the simulation from Rust.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use domain::Clock;
use poem::{
    EndpointExt, Route, Server,
    listener::{Acceptor, Listener, TcpListener},
    middleware::AddData,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    access::Pat,
    clock::MovableClock,
    fault::Fault,
    model::{Job, JobSpec, LoggedRequest, Registration},
    rest, runner_protocol, sandbox,
    state::Simulation,
    store,
};

/// The token that [`Options::default`] accepts for every owner, repository and organisation.
pub const SANDBOX_PAT: &str = "sandbox";
/// How often silent sessions are looked for; nothing else depends on it.
const TICK: Duration = Duration::from_millis(250);

/// How to start a simulation.
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// The tokens that are known.
    pub pats: Vec<Pat>,
    /// Where runners and jobs are kept over a restart, if anywhere.
    pub state_file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            pats: vec![Pat::admin(SANDBOX_PAT)],
            state_file: None,
        }
    }
}

/// A running simulation; it ends when dropped.
pub struct SimulatedGitHub {
    simulation: Arc<Simulation>,
    url: Url,
    stop: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl SimulatedGitHub {
    /// Starts on a free loopback port, accepting [`SANDBOX_PAT`].
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// Starts as `options` say.
    pub async fn start_with(options: Options) -> anyhow::Result<Self> {
        let Options {
            bind,
            pats,
            state_file,
        } = options;
        anyhow::ensure!(
            bind.ip().is_loopback(),
            "the simulation listens on loopback only, not on {bind}"
        );
        let acceptor = TcpListener::bind(bind)
            .into_acceptor()
            .await
            .with_context(|| format!("could not listen on {bind}"))?;
        let address = acceptor
            .local_addr()
            .into_iter()
            .find_map(|address| address.as_socket_addr().copied())
            .context("the listener has no address")?;
        let root = format!("http://{address}");
        let simulation = Arc::new(Simulation::new(root.clone(), MovableClock::default(), pats));
        if let Some(path) = &state_file {
            store::load(&simulation, path)?;
        }
        let app = Route::new()
            .nest("/_sandbox", sandbox::routes())
            .nest("/_runner", runner_protocol::routes())
            .nest("/api/v3", rest::routes())
            .nest("/", rest::routes())
            .with(AddData::new(Arc::clone(&simulation)));
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let stopped = stop.clone().cancelled_owned();
        tasks.spawn(async move {
            let server = Server::new_with_acceptor(acceptor);
            Ok(server
                .run_with_graceful_shutdown(app, stopped, Some(Duration::from_millis(200)))
                .await?)
        });
        tasks.spawn(keep_house(Arc::clone(&simulation), state_file, stop.clone()));
        Ok(Self {
            simulation,
            url: root.parse()?,
            stop,
            tasks,
        })
    }

    /// The address; right for `GITHUB_API_URL`, `GITHUB_URL` and `SANDBOX_GITHUB_URL` alike.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The clock that token expiry, budgets and housekeeping go by.
    pub fn clock(&self) -> &MovableClock {
        &self.simulation.clock
    }

    /// Accepts one more token.
    pub fn add_pat(&self, pat: Pat) {
        self.simulation.update(|state, _| state.pats.push(pat));
    }

    /// Forgets a token, as when a person revokes it.
    pub fn revoke_pat(&self, token: &str) {
        self.simulation
            .update(|state, _| state.pats.retain(|pat| pat.token != token));
    }

    /// Adds a fault to the script; of several that match, the first added strikes first.
    pub fn script(&self, fault: Fault) {
        self.simulation.note(|state, _| state.script.push(fault));
    }

    /// Leaves `remaining` requests in the hourly `core` budget, which is renewed after `reset_in`.
    pub fn set_core_budget(&self, remaining: u64, reset_in: chrono::TimeDelta) {
        let reset = self.simulation.clock.now() + reset_in;
        self.simulation
            .note(|state, _| state.budgets.set_core(remaining, reset));
    }

    /// Queues a sample job; an idle connected runner with its labels gets it at once.
    pub fn queue_job(&self, spec: JobSpec) -> anyhow::Result<Job> {
        self.simulation
            .update(|state, now| state.queue_job(spec, now))
            .context("too many jobs wait already")
    }

    /// Every token, runner's key and JIT configuration that was handed out, each with what it is.
    pub fn issued_secrets(&self) -> Vec<(&'static str, String)> {
        self.simulation.read(|state| state.secrets.list())
    }

    /// All registered runners, oldest first.
    pub fn registrations(&self) -> Vec<Registration> {
        self.simulation.read(|state| {
            state
                .runners
                .values()
                .map(super::registry::Runner::view)
                .collect()
        })
    }

    /// The runner of that name at `target` (`owner/name` or a login).
    pub fn registration(&self, target: &str, name: &str) -> Option<Registration> {
        self.registrations()
            .into_iter()
            .find(|runner| runner.target == target && runner.name == name)
    }

    /// Removes a registration behind everybody's back, job or not.
    pub fn forget_runner(&self, id: i64) -> bool {
        self.simulation
            .update(|state, _| state.runners.remove(&id).is_some())
    }

    /// All jobs that are remembered, oldest first.
    pub fn jobs(&self) -> Vec<Job> {
        self.simulation
            .read(|state| state.jobs.values().cloned().collect())
    }

    /// The job with that id.
    pub fn job(&self, id: u64) -> Option<Job> {
        self.simulation.read(|state| state.jobs.get(&id).cloned())
    }

    /// The REST requests since the last [`SimulatedGitHub::clear_requests`], oldest first, at most 2,000.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.simulation.read(|state| state.log.iter().cloned().collect())
    }

    /// Forgets the logged requests.
    pub fn clear_requests(&self) {
        self.simulation.note(|state, _| state.log.clear());
    }

    /// Waits for `look` to find something, woken by every change; fails after `patience`.
    pub async fn wait_until<T>(
        &self,
        what: &str,
        patience: Duration,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut news = self.simulation.news();
        let found = async {
            loop {
                news.mark_unchanged();
                if let Some(found) = look(self) {
                    return found;
                }
                // The sender lives in `self`, so the channel can't close meanwhile.
                let _ = news.changed().await;
            }
        };
        tokio::time::timeout(patience, found).await.with_context(|| {
            format!(
                "{what} did not happen within {patience:?}; runners: {:#?}",
                self.registrations()
            )
        })
    }

    /// Waits for the server to end by itself, which it does only when it fails.
    pub async fn failed(&mut self) -> anyhow::Result<()> {
        match self.tasks.join_next().await {
            Some(ended) => ended?,
            None => Ok(()),
        }
    }

    /// Stops listening, saves the state file and waits for both.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}

impl Drop for SimulatedGitHub {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Ends silent sessions and writes the state file after changes.
async fn keep_house(
    simulation: Arc<Simulation>,
    state_file: Option<PathBuf>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut news = simulation.news();
    let mut ticks = tokio::time::interval(TICK);
    loop {
        let stopping = tokio::select! {
            () = stop.cancelled() => true,
            _ = ticks.tick() => false,
        };
        simulation.tick();
        if let Some(path) = &state_file
            && (stopping || news.has_changed().unwrap_or(false))
        {
            news.mark_unchanged();
            let (simulation, path) = (Arc::clone(&simulation), path.clone());
            tokio::task::spawn_blocking(move || store::save(&simulation, &path)).await??;
        }
        if stopping {
            return Ok(());
        }
    }
}
