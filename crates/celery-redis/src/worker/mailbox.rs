//! Listens to remote control and to other workers' events, on a connection of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::{PushInfo, PushKind, RedisError, Value as RedisValue, aio::MultiplexedConnection};
use serde_json::{Map, Value, json};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    dead_letter, envelope,
    keys::Keys,
    link::{Link, PushHandler, Server},
    pidbox::Request,
    worker::{address::is_for, events::adopt},
};

/// How long other workers may take to answer our hello, as in Celery.
const MINGLE: Duration = Duration::from_secs(1);
/// How often a silent connection is asked whether it still lives.
const UPKEEP: Duration = Duration::from_secs(25);
/// How often a malformed message is kept.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// Messages that may wait to be read, and requests to be obeyed; what comes beyond is dropped.
const WAITING: usize = 1024;

/// What the consumer hears from the mailbox.
#[derive(Debug)]
pub(crate) enum Post {
    /// A request to this worker.
    Request(Request),
    /// Ids that other workers know to be revoked.
    Mingled(Vec<String>),
}

/// Channels and payloads as they arrive.
type Arrived = (String, Vec<u8>);

/// Listens.
pub(crate) struct Mailbox {
    pub server: Server,
    /// For what is not said over the connection that listens.
    pub link: Link,
    pub keys: Keys,
    pub hostname: String,
    /// Whether to follow other workers' clocks.
    pub follow_events: bool,
    /// The clock of this worker's events.
    pub clock: Arc<AtomicU64>,
    /// The clock of remote control, which is another one.
    pub control_clock: Arc<AtomicU64>,
    pub post: mpsc::Sender<Post>,
    /// Cancelled when the worker has ended.
    pub closing: CancellationToken,
}

/// A place for at most [`WAITING`] requests.
pub(crate) fn post_box() -> (mpsc::Sender<Post>, mpsc::Receiver<Post>) {
    mpsc::channel(WAITING)
}

impl Mailbox {
    /// Listens until the worker has ended, over as many connections as it needs.
    pub(crate) async fn run(self) {
        let closing = self.closing.clone();
        tokio::select! {
            () = closing.cancelled() => {}
            () = self.listen() => {}
        }
    }

    async fn listen(&self) {
        let mut backoff = Backoff::new();
        loop {
            let (sender, mut arrived) = mpsc::channel(WAITING);
            let lost = CancellationToken::new();
            match self.connect(sender, lost.clone()).await {
                Ok(connection) => {
                    backoff = Backoff::new();
                    tokio::select! {
                        () = self.read(&mut arrived) => {}
                        () = self.mingle_then_watch(connection) => {}
                        () = lost.cancelled() => {}
                    }
                    tracing::warn!("lost the connection for remote control");
                }
                Err(error) => {
                    tracing::warn!(error = %error, "cannot listen to remote control, trying again");
                }
            }
            backoff.pause().await;
        }
    }

    async fn connect(
        &self,
        arrived: mpsc::Sender<Arrived>,
        lost: CancellationToken,
    ) -> Result<MultiplexedConnection, RedisError> {
        let push: PushHandler = Arc::new(move |info: PushInfo| match info.kind {
            PushKind::Message | PushKind::PMessage => {
                if let Some(message) = payload(info)
                    && arrived.try_send(message).is_err()
                {
                    tracing::warn!("dropped a control message: they come faster than they can be read");
                }
            }
            PushKind::Disconnection => lost.cancel(),
            _ => {}
        });
        let mut connection = self.server.connect(Some(push)).await?;
        let database = self.server.database();
        connection.subscribe(self.keys.pidbox(database)).await?;
        if self.follow_events {
            connection
                .psubscribe(self.keys.events(database, "worker.*"))
                .await?;
        }
        Ok(connection)
    }

    /// Hands on what arrives; returns when the connection is gone.
    async fn read(&self, arrived: &mut mpsc::Receiver<Arrived>) {
        let control = self.keys.pidbox(self.server.database());
        let mut kept: Option<Instant> = None;
        while let Some((channel, raw)) = arrived.recv().await {
            if channel == control {
                match self.request(&raw) {
                    Ok(Some(request)) => drop(self.post.send(Post::Request(request)).await),
                    Ok(None) => {}
                    Err(problem) => {
                        let [tag, ticket] = marks(&raw);
                        tracing::warn!(
                            problem,
                            bytes = raw.len(),
                            message.tag = tag,
                            message.ticket = ticket,
                            "ignored a malformed control message"
                        );
                        // A flood of them is not to push everything else out of the list.
                        if kept.is_none_or(|at| at.elapsed() > KEEP_EVERY) {
                            kept = Some(Instant::now());
                            self.set_aside(&raw, &problem).await;
                        }
                    }
                }
            } else {
                self.hear(&raw);
            }
        }
    }

    /// Keeps a message that is no request, for whoever looks for its sender.
    async fn set_aside(&self, raw: &[u8], problem: &str) {
        let reason = format!("malformed control message: {problem}");
        let entry = dead_letter::entry(&reason, &String::from_utf8_lossy(raw)).to_string();
        let list = self.keys.dead_letter();
        let end = isize::try_from(dead_letter::LIMIT).unwrap_or(isize::MAX) - 1;
        let mut keep = redis::pipe();
        keep.lpush(&list, entry).ignore().ltrim(&list, 0, end).ignore();
        if let Err(error) = self.link.query::<()>(&keep).await {
            tracing::warn!(error = %error, "could not keep a malformed control message");
        }
    }

    /// Reads a request; `None` if it is for others.
    fn request(&self, raw: &[u8]) -> Result<Option<Request>, String> {
        let (headers, body) = envelope::unwrap(raw).map_err(|problem| problem.to_string())?;
        let request =
            Request::read(&body).map_err(|field| format!("`{field}` is missing or of the wrong type"))?;
        let clock = headers.get("clock").and_then(Value::as_u64).unwrap_or(0);
        adopt(&self.control_clock, clock);
        // Our own hello comes back to us.
        let own = request.method == "hello"
            && request.arguments.get("from_node").and_then(Value::as_str) == Some(&self.hostname);
        Ok((!own && is_for(&self.hostname, &request)?).then_some(request))
    }

    /// Follows the clock of another worker's event.
    fn hear(&self, raw: &[u8]) {
        let Ok((_, event)) = envelope::unwrap(raw) else {
            tracing::debug!(bytes = raw.len(), "ignored a malformed event");
            return;
        };
        let ours = event.get("hostname").and_then(Value::as_str) == Some(&self.hostname);
        if let Some(clock) = event.get("clock").and_then(Value::as_u64).filter(|_| !ours) {
            adopt(&self.clock, clock);
        }
    }

    /// Greets the other workers, then looks after the connection; returns when it is of no more use.
    async fn mingle_then_watch(&self, mut connection: MultiplexedConnection) {
        self.mingle().await;
        let mut unanswered = 0;
        while unanswered < 2 {
            tokio::time::sleep(UPKEEP).await;
            match redis::cmd("PING").exec_async(&mut connection).await {
                Ok(()) => unanswered = 0,
                Err(error) if error.is_timeout() => unanswered += 1,
                Err(_) => return,
            }
        }
    }

    /// Learns from the other workers what is revoked and what time it is by their clocks.
    async fn mingle(&self) {
        let hello = Request {
            method: "hello".to_owned(),
            arguments: Map::from_iter([
                ("from_node".to_owned(), json!(self.hostname)),
                ("revoked".to_owned(), json!([])),
            ]),
            destination: Vec::new(),
            pattern: None,
            reply_to: None,
        };
        let mut revoked = Vec::new();
        // We hear it ourselves and do not answer.
        match hello.ask(&self.server, &self.keys, MINGLE, 1).await {
            Ok(replies) => {
                let others = replies
                    .iter()
                    .filter(|(node, answer)| *node != self.hostname && answer.is_object());
                for (node, answer) in others {
                    tracing::info!(worker.other = node, "synchronized with another worker");
                    adopt(
                        &self.clock,
                        answer.get("clock").and_then(Value::as_u64).unwrap_or(0),
                    );
                    // Up to Celery 5.6 an object with the ids as names.
                    match answer.get("revoked") {
                        Some(Value::Array(ids)) => {
                            revoked.extend(ids.iter().filter_map(Value::as_str).map(str::to_owned));
                        }
                        Some(Value::Object(ids)) => revoked.extend(ids.keys().cloned()),
                        _ => {}
                    }
                }
            }
            Err(error) => tracing::warn!(error = %error, "could not ask other workers what is revoked"),
        }
        drop(self.post.send(Post::Mingled(revoked)).await);
    }
}

/// What tells a malformed message from others, as far as it can be read: its delivery tag and its ticket.
fn marks(raw: &[u8]) -> [Option<String>; 2] {
    let short = |value: Option<&Value>| value?.as_str().map(|text| text.chars().take(64).collect());
    if raw.len() > dead_letter::WHOLE {
        return [None, None];
    }
    let envelope: Option<Value> = serde_json::from_slice(raw).ok();
    let tag = short(
        envelope
            .as_ref()
            .and_then(|envelope| envelope.pointer("/properties/delivery_tag")),
    );
    let body = envelope::unwrap(raw).ok().map(|(_, body)| body);
    [tag, short(body.as_ref().and_then(|body| body.get("ticket")))]
}

/// The channel and the payload of a pushed message.
fn payload(info: PushInfo) -> Option<Arrived> {
    let mut data = info.data.into_iter().rev();
    match (data.next()?, data.next()?) {
        (RedisValue::BulkString(payload), RedisValue::BulkString(channel)) => {
            Some((String::from_utf8(channel).ok()?, payload))
        }
        _ => None,
    }
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox")
            .field("hostname", &self.hostname)
            .field("clock", &self.clock.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_message_is_known_by_its_tag_and_ticket() {
        let body = json!({"ticket": "t-1", "method": 5}).to_string();
        let raw = envelope::wrap(&body, &json!({}), "celery.pidbox", "");
        let [tag, ticket] = marks(raw.as_bytes());
        assert!(tag.is_some_and(|tag| raw.contains(&tag)));
        assert_eq!(ticket.as_deref(), Some("t-1"));
        assert_eq!(marks(b"\xff"), [None, None]);
        assert_eq!(
            marks(br#"{"properties": {"delivery_tag": "d"}}"#),
            [Some("d".to_owned()), None]
        );
    }
}
