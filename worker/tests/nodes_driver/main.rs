//! The node driver: against this machine's engine, a second one over TLS, and a simulated one that misbehaves.

mod engine;
mod faults;
mod remote;
mod support;
