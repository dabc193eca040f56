//! Nodes, credentials, runners and instances over HTTP, on a server in this process with a real Redis
//! and a real database.

mod access;
mod admins;
mod bad_input;
mod credentials;
mod follow;
mod instances;
mod nodes;
mod observed;
mod org_instances;
mod overview;
mod parallel;
mod refusals;
mod restrictions;
mod runners;
mod sample_job;
mod schedules;
mod secrets;
mod shared_history;
mod support;
mod tenancy;
