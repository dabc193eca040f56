//! The schema and the queries, on SQLite and on a real PostgreSQL.

mod lifecycle;
mod schema;
mod support;
