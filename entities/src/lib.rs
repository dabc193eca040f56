//! The database: [`model`] mirrors the tables, [`repo`] holds every query as a named function, and
//! [`connect`] opens SQLite or PostgreSQL as the URL says.
//!
//! No other crate writes SQL. This crate knows nothing of HTTP, Redis, Docker or GitHub. Functions take
//! `&impl ConnectionTrait`, so that they run inside or outside a transaction; transactions that write
//! start with [`begin`].

mod connect;
mod error;
pub mod model;
pub mod repo;

pub use connect::{begin, connect};
pub use error::StoreError;
pub use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction};
