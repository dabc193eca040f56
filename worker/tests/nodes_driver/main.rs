//! The node driver: against this machine's engine, a second one over TLS, and a simulated one that misbehaves.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "the helpers of a test may fail it as the test itself may"
)]

mod engine;
mod faults;
mod follow;
mod inside;
mod place;
mod remote;
mod support;
