//! The state on disk, so that a sandbox keeps its runners over a restart.

use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{
    model::Job,
    registry::Runner,
    state::{Simulation, State},
};

/// What is kept; sessions and short-lived tokens are not.
#[derive(Serialize, Deserialize)]
struct Stored {
    next_runner_id: i64,
    next_job_id: u64,
    runners: Vec<Runner>,
    jobs: Vec<Job>,
}

/// Reads the file into the state; a missing file is an empty state.
pub(super) fn load(simulation: &Simulation, path: &Path) -> anyhow::Result<()> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("could not read {}", path.display())),
    };
    let stored: Stored = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is no state file of this program", path.display()))?;
    let Stored {
        next_runner_id,
        next_job_id,
        runners,
        jobs,
    } = stored;
    simulation.update(|state, _| {
        state.next_runner_id = next_runner_id;
        state.next_job_id = next_job_id;
        state.runners = runners
            .into_iter()
            .map(|runner| (runner.registration.id, runner))
            .collect();
        state.jobs = jobs.into_iter().map(|job| (job.id, job)).collect();
    });
    Ok(())
}

/// Replaces the file by the present state in one step, readable by its owner only (it holds credentials).
pub(super) fn save(simulation: &Simulation, path: &Path) -> anyhow::Result<()> {
    let bytes = simulation.read(|state: &State| {
        serde_json::to_vec(&Stored {
            next_runner_id: state.next_runner_id,
            next_job_id: state.next_job_id,
            runners: state.runners.values().cloned().collect(),
            jobs: state.jobs.values().cloned().collect(),
        })
    })?;
    let temporary = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options
        .open(&temporary)
        .with_context(|| format!("could not write {}", temporary.display()))?;
    file.write_all(&bytes)?;
    std::fs::rename(&temporary, path).with_context(|| format!("could not replace {}", path.display()))
}
