//! The tables, as sea-orm models: one file each, columns as in DESIGN §4. No logic lives here.
//!
//! Words of closed sets (states, roles) are text in the database; `repo` turns them into `domain` types.

pub mod api_tokens;
pub mod audit_log;
pub mod github_credentials;
pub mod installation;
pub mod instance_events;
pub mod invitations;
pub mod jobs;
pub mod monitoring;
pub mod nodes;
pub mod org_users;
pub mod orgs;
pub mod refresh_tokens;
pub mod runner_instances;
pub mod runners;
pub mod users;
