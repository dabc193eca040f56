//! A simulated Docker engine on a unix socket: the subset of the Engine API that the worker uses, with
//! containers in memory and faults on demand. It is for scale and for faults; what an engine really does
//! is tested against a real one. Start with [`EngineSim::start`].
//!
//! It writes HTTP/1.1 by hand, because the faults worth having are below HTTP: a reply that never comes,
//! one that is cut off, one that never ends.

mod fault;
mod routes;
mod server;
mod state;
mod wire;

pub use fault::Fault;
pub use server::EngineSim;
pub use state::SimContainer;
