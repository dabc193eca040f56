//! The GitHub client against the simulated GitHub, over real sockets.
#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test fails, in its helpers too"
)]

mod calls;
mod failures;
mod world;
