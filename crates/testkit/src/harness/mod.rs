//! Real parts for tests: Redis, both databases, Docker engines, our binaries, and faults between them.
//!
//! Everything is private to the test that starts it, listens on loopback only and ends when it is
//! dropped; what a killed test process leaves behind is ended by [`reaper`]. Start with
//! [`stack::Stack::start`] for the whole product, or with one part alone.

pub mod canary;
pub mod child;
pub mod client;
pub mod database;
pub mod engine;
pub mod fault_proxy;
pub mod paths;
pub mod poll;
pub mod port;
pub mod postgres;
pub mod reaper;
pub mod redis_server;
pub mod remote_engine;
pub mod service;
pub mod stack;
pub mod tls;

pub use canary::Canary;
pub use child::{Child, Signal};
pub use client::{ApiClient, Reply};
pub use database::{DatabaseKind, TestDatabase};
pub use engine::{Engine, engine};
pub use fault_proxy::{Direction, FaultProxy, Faults};
pub use paths::binary;
pub use poll::eventually;
pub use port::Port;
pub use postgres::Postgres;
pub use redis_server::{RedisOptions, RedisServer};
pub use remote_engine::RemoteEngine;
pub use service::{Ready, Service};
pub use stack::Stack;
pub use tls::TlsMaterial;
