//! The schema and the queries, on SQLite and on a real PostgreSQL.

mod groups;
mod lifecycle;
mod people_side;
mod rollup;
mod schema;
mod support;
