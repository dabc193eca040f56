//! What goes over the wire. Request types refuse unknown fields; reply types name each field.

pub mod credential;
pub mod instance;
pub mod members;
pub mod node;
pub mod node_view;
pub mod orgs;
pub mod overview;
pub mod people;
pub mod runner;
pub mod runner_actions;
pub mod runner_view;
pub mod schedules;
pub mod timeline;
pub mod usage;
pub mod words;
