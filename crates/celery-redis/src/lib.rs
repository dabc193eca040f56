#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod backoff;
pub mod beat;
mod beat_entry;
mod body;
mod call;
mod canvas;
mod client;
mod clock;
mod control;
mod crontab;
mod dead_letter;
mod draft;
mod envelope;
mod error;
mod exception;
mod json;
mod keys;
mod link;
mod message;
mod pidbox;
mod refusal;
mod request;
mod result;
mod routing;
mod scripts;
mod sent;
mod signature;
mod signature_json;
mod soft_limit;
mod worker;
mod workflow;

pub use canvas::{Canvas, Started, chain, chord, group};
pub use client::{Client, ClientBuilder};
pub use control::{Control, Nodes};
pub use error::Error;
pub use request::{TaskRequest, current_request, data, fail, fail_with, ignore, reject, retry_in};
pub use result::{AsyncResult, Outcome, TaskFailure, TaskId, TaskMeta};
pub use routing::TaskRoutes;
pub use signature::Signature;
pub use soft_limit::{SoftLimit, soft_limit};
pub use worker::{Events, Worker, WorkerBuilder};
