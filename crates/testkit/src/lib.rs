//! What tests and the sandbox need: a simulated GitHub, a simulated runner image, and a harness that
//! starts the real parts (Redis, databases, Docker engines, our binaries) privately for one test.
//!
//! It knows the product only from outside: its HTTP API, its Redis keys and its containers' labels. It is
//! never linked into a shipped binary. Start with [`harness`].

pub mod engine;
pub mod github;
pub mod harness;
pub mod runner_image;
