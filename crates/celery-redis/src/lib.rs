#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod client;
mod clock;
mod draft;
mod error;
mod json;
mod keys;
mod link;
mod result;
mod scripts;
mod signature;

pub use client::{Client, ClientBuilder};
pub use error::Error;
pub use result::{AsyncResult, Outcome, TaskFailure, TaskId, TaskMeta};
pub use signature::Signature;
