//! A delivery: a message that this worker holds.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicI32, Ordering},
};

use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::message::Message;

/// A message as the server gave it.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// The queue it came from, unless only its address could tell.
    pub queue: Option<Arc<str>>,
    /// The list element.
    pub raw: Vec<u8>,
}

/// A message with its place.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The queue it came from.
    pub queue: Arc<str>,
    /// Its key in `unacked`.
    pub tag: String,
    /// The list element.
    pub raw: String,
}

/// A message that this worker holds and can execute.
#[derive(Debug)]
pub(crate) struct Job {
    /// Distinguishes two deliveries of one message.
    pub seq: u64,
    pub taken: Taken,
    pub message: Message,
    headers: OnceLock<Map<String, Value>>,
    /// The address in the message, for the slot in `unacked`.
    pub exchange: String,
    pub routing_key: String,
    /// Whether it is acknowledged after it was executed.
    pub late: bool,
    /// Whether an early acknowledgement was sent.
    acked: AtomicBool,
    /// Whether the message was asked out of `unacked`, in whatever way.
    leaving: AtomicBool,
    /// Told when the execution is to end.
    terminate: Notify,
    signal: AtomicI32,
}

impl Job {
    pub(crate) fn new(seq: u64, taken: Taken, mut message: Message, late: bool) -> Arc<Self> {
        let exchange = message.exchange.take().unwrap_or_default();
        let routing_key = message
            .routing_key
            .take()
            .unwrap_or_else(|| taken.queue.to_string());
        Arc::new(Self {
            seq,
            taken,
            message,
            headers: OnceLock::new(),
            exchange,
            routing_key,
            late,
            acked: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            terminate: Notify::new(),
            signal: AtomicI32::new(0),
        })
    }

    /// All headers of the message, custom ones included.
    pub(crate) fn headers(&self) -> &Map<String, Value> {
        self.headers
            .get_or_init(|| Message::headers(&self.taken.raw).unwrap_or_default())
    }

    /// The tag while the message is ours, empty once it was acknowledged.
    pub(crate) fn open_tag(&self) -> &str {
        if self.acked.load(Ordering::Acquire) {
            ""
        } else {
            &self.taken.tag
        }
    }

    /// Notes that the message is acknowledged.
    pub(crate) fn set_acked(&self) {
        self.acked.store(true, Ordering::Release);
    }

    /// Whether the message is on its way out of `unacked`; then nothing may write it there again.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Notes that the message is asked out of `unacked`. Only while the core's `order` is locked.
    pub(crate) fn set_leaving(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    /// Notes that the message stays ours after all. Likewise.
    pub(crate) fn set_staying(&self) {
        self.leaving.store(false, Ordering::Release);
    }

    /// Asks the execution to end; the signal is only told on.
    pub(crate) fn terminate(&self, signal: i32) {
        self.signal.store(signal, Ordering::Relaxed);
        self.terminate.notify_one();
    }

    /// Waits until the execution is asked to end; returns the signal.
    pub(crate) async fn terminated(&self) -> i32 {
        self.terminate.notified().await;
        self.signal.load(Ordering::Relaxed)
    }

    /// The value of the message's slot in `unacked`.
    pub(crate) fn slot(&self) -> String {
        format!(
            "[{}, {}, {}]",
            self.taken.raw,
            json!(self.exchange),
            json!(self.routing_key)
        )
    }
}
