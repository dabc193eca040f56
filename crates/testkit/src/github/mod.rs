//! A simulated GitHub: stateful, on loopback, with GitHub's real REST paths for self-hosted runners.
//!
//! [`SimulatedGitHub::start`] listens on a free port. Its address serves as both `GITHUB_API_URL` and `GITHUB_URL`;
//! the REST paths answer at the root (like `api.github.com`) and below `/api/v3` (like GHES). Three faces:
//!
//! * the REST API, held against GitHub's `OpenAPI` description by `tests/github_contract.rs`;
//! * `/_sandbox/…`, for people and scripts: queue a sample job, look at the state;
//! * `/_runner/…`, spoken by the simulated runner image: register, session, long poll for jobs, completion.
//!
//! Tests use the Rust side of the same things: [`SimulatedGitHub::queue_job`],
//! [`SimulatedGitHub::registrations`], [`SimulatedGitHub::script`] for faults, [`SimulatedGitHub::clock`] to let
//! tokens expire, and [`SimulatedGitHub::wait_until`] to wait without sleeping.
//! Memory is bounded everywhere: runners, jobs, tokens and the request log have caps.

mod access;
mod clock;
mod fault;
mod issued;
mod jobs;
mod model;
mod rate;
mod registry;
mod rest;
mod runner_protocol;
mod sandbox;
mod server;
mod state;
mod store;

pub use access::{Level, Pat};
pub use clock::MovableClock;
pub use fault::{Effect, Fault};
pub use model::{Conclusion, Job, JobSpec, JobStatus, LoggedRequest, Registration};
pub use server::{Options, SANDBOX_PAT, SimulatedGitHub};
