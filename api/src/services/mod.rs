//! Use cases: what a route does once it knows who calls and what was sent.

pub mod accounts;
pub mod credentials;
pub mod instance_actions;
pub mod instance_history;
pub mod instance_lists;
pub mod instances;
pub mod live_status;
pub mod members;
pub mod nodes;
pub mod orgs;
pub mod overview;
pub mod placement;
pub mod runners;
pub mod sample_job;
pub mod schedules;
pub mod sessions;
pub mod shared_history;
