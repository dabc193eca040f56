//! The simulated runner image on a real engine, against the simulated GitHub.

mod failures;
mod life;
mod world;
