//! GitHub REST for self-hosted runners: registration tokens, just-in-time (JIT) configurations,
//! listing, looking up and removing runners, and telling what a token may do.
//!
//! Start at [`GitHub`]; a [`Target`] says which repository or organisation a call is about. The crate
//! knows nothing of nodes, instances, tasks or databases, and it never retries by itself: every
//! [`Error`] says whether a retry may help ([`Error::is_retryable`]) and when
//! ([`Error::retry_after`]), and the caller's task queue does the waiting.
//!
//! Keep one [`GitHub`] per credential and clone it: clones share the connections, the list cache
//! (`ETag`) and the rate-limit windows. Inside a window that GitHub asked for, no request is sent at all.
//!
//! # Why `reqwest` and not `octocrab`
//!
//! `octocrab` has every call needed here and was considered. It was not taken, because three things must
//! be ours: the rate-limit headers of *error* replies (its errors drop them, and `retry-after` has to be
//! obeyed to the second), a cap on the size of every reply, and a no-redirect policy, so that a token is
//! never carried to a host nobody configured.
//!
//! Protocol facts come from GitHub's `OpenAPI` description (`@octokit/openapi` 23.0.2); the contract test of
//! `testkit` holds this client against it.

mod client;
mod endpoint;
mod error;
mod jit;
mod list_cache;
mod rate_limit;
mod runners;
mod sandbox;
mod target;
mod tokens;
mod verify;

pub use client::GitHub;
pub use endpoint::{EndpointError, api_url_for_host};
pub use error::Error;
pub use jit::{JitConfig, JitConfigRequest, JitFilesError};
pub use runners::{DeleteOutcome, Runner, RunnerLabel, RunnerStatus};
pub use sandbox::{QueuedJob, SampleJob, Sandbox};
pub use target::{Target, TargetError};
pub use tokens::RunnerToken;
pub use verify::{Access, MissingRight};
