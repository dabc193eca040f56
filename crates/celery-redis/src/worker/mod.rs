//! The worker runtime: takes messages, executes the tasks of the `celery` crate, stores results.
//!
//! `fetch` brings messages in: `take` takes them, `idle` waits for more; `consumer` decides what happens to each; `execute` runs one;
//! `settle` writes its end; `writer` puts many such writes into one round trip; `restore` keeps what is
//! held and brings back what dead workers held. `events` and `publisher` tell the world; `mailbox` hears its
//! requests, which `command` and `inspect` answer in the consumer's own loop.

mod address;
mod admit;
mod arrivals;
mod builder;
mod chord;
mod command;
mod consumer;
mod events;
mod execute;
mod fetch;
mod flush;
mod idle;
mod inspect;
pub(crate) mod job;
mod limits;
mod mailbox;
mod memory;
mod missed;
mod pool;
mod publisher;
mod rate;
mod registry;
mod restore;
mod retry_delay;
mod revoke;
mod room;
pub(crate) mod runtime;
mod settle;
mod shutdown;
mod slots;
mod take;
mod upkeep;
mod workflow;
mod writer;

pub use builder::WorkerBuilder;
pub use events::Events;
pub use runtime::Worker;
