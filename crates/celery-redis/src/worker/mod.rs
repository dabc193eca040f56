//! The worker runtime: takes messages, executes the tasks of the `celery` crate, stores results.
//!
//! `fetch` waits for messages and takes them; `consumer` decides what happens to each; `execute` runs one;
//! `settle` writes its end; `writer` puts many such writes into one round trip; `restore` keeps what is
//! held and brings back what dead workers held.

mod admit;
mod builder;
mod canvas;
mod chord;
mod consumer;
mod execute;
mod fetch;
mod job;
mod registry;
mod restore;
mod runtime;
mod settle;
mod shutdown;
mod workflow;
mod writer;

pub use builder::WorkerBuilder;
pub use runtime::Worker;
