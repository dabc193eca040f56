//! The worker: consumes Celery tasks; the only process that talks to Docker engines and the only writer
//! of what is observed.
//!
//! A job ([`jobs`]) is one file: a message is a hint, the job reads the truth from the database, takes
//! the instance's lease, acts, and writes the next state by compare-and-set. Every job may be delivered
//! twice at once or be killed between any two steps. What jobs decide is in [`decide`] as pure functions;
//! [`nodes`] is the Docker driver; [`context`] holds what jobs share. Start with
//! [`jobs::register_runner`]. `celery-redis` brings the messages; nothing here knows Redis lists, and
//! nothing here answers HTTP.

pub mod context;
pub mod decide;
pub mod events;
pub mod follow;
pub mod github_access;
pub mod jobs;
pub mod lease;
pub mod node_access;
pub mod nodes;
pub mod presence;
pub mod registration;
pub mod sample_buffer;
pub mod settings;
pub mod steps;
pub mod watch;
