//! The REST API of Runner Pilot: routes, the page, health and metrics.
//!
//! `routes/` are thin: they resolve who calls ([`access`]), hand the parsed request to a use case in
//! `services/` and turn its outcome into a DTO. Services work on domain types and `entities::repo`; DTOs
//! never reach `repo`, database models never reach a route. This crate never talks to Docker.
//!
//! Start with [`app::build`], the whole server as one endpoint, then [`error::ApiError`].

pub mod access;
pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod context;
pub mod error;
pub mod fields;
pub mod middleware;
pub mod openapi;
pub mod page;
pub mod payload;
pub mod queue;
pub mod reply;
pub mod request;
pub mod restrictions;
pub mod server;
pub mod settings;
pub mod stream;
pub mod ui;

mod dto;
mod hex;
mod routes;
mod services;
