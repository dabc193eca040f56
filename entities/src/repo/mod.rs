//! Every query, as named functions, one file per subject. Lists are limited; transitions are
//! compare-and-set; what belongs to an organisation is always looked up together with its id.

pub mod assignment;
pub mod audit;
pub mod credentials;
pub mod derived;
pub mod fleet;
pub mod groups;
pub mod heartbeats;
pub mod housekeeping;
pub mod installation;
pub mod instance_lists;
pub mod instances;
pub mod invitations;
pub mod leases;
pub mod lifecycle;
pub mod members;
pub mod metrics;
pub mod node_checks;
pub mod nodes;
pub mod orgs;
pub mod overview;
pub mod page;
pub mod refresh_tokens;
pub mod rollup;
pub mod runners;
pub mod samples;
pub mod timeline;
pub mod users;
