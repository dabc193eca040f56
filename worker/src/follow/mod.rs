//! Logs that people look at while they are written: from an engine into a viewer's Redis stream.
//!
//! It goes on in the background, so that a viewer costs no task's place: the task only begins it. It
//! ends with the viewer's lease, with the container, or with the worker; how much goes to Redis in a
//! given time is bounded, whatever the container writes. Start with [`follow_container`].

mod followers;
mod lines;
mod outlet;
mod place;
mod pump;

pub use followers::Followers;
pub use outlet::Outlet;
pub use place::Beginning;
pub use pump::follow_container;
