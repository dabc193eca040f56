//! The beat: sends the periodic tasks of [`schedule`]. It writes no database and talks to no Docker engine.
//!
//! Several may run: one leads (a lock in Redis with a fencing token), another takes over within ten
//! seconds. What a task does is the worker's business; how ticks are sent is `celery-redis`'.

pub mod publish;
pub mod schedule;
pub mod settings;
