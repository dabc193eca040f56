//! The jobs against real Redis, a real database, a real Docker engine and the simulated GitHub: what they
//! do, and what is left when a worker is killed between any two steps.

mod absent;
mod acts;
mod duplicates;
mod ends;
mod faults;
mod follow;
mod heartbeat;
mod images;
mod kills;
mod node_away;
mod probes;
mod reconcile;
mod secrets;
mod spared;
mod stuck;
mod support;
mod upkeep;
