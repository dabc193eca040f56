//! The vocabulary of Runner Pilot: ids, states and their transition tables, permissions, the task
//! contract, Redis key names, parsed values such as an image reference, and sealed secrets.
//!
//! Everything here is a pure value. This crate does no I/O and must not know tokio, sea-orm, redis,
//! poem or bollard; the `tidy` test keeps it so. Start with [`instance`], the state machine that
//! everything else serves, then [`tasks`], the contract between the processes.

pub mod change;
pub mod clock;
pub mod container;
pub mod ids;
pub mod instance;
pub mod invalid;
pub mod keyring;
pub mod logs;
pub mod node;
pub mod org;
pub mod permissions;
pub mod placement;
pub mod redis_keys;
pub mod runner;
pub mod schedule;
pub mod tasks;
pub mod telemetry;
pub mod worker;

pub use clock::{Clock, SystemClock};
pub use invalid::Invalid;
