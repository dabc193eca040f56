//! The producer: sends calls and reads their results.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use redis::Pipeline;

use crate::{
    control::Control,
    draft::Draft,
    error::Error,
    keys::{DEFAULT_QUEUE, Keys, PRIORITY_STEPS, own_binding},
    link::{Link, Server, lock},
    request,
    result::{AsyncResult, Hub, TaskId},
    signature::Signature,
};

/// Settings of a [`Client`].
#[derive(Debug, Clone)]
pub struct ClientBuilder {
    url: String,
    prefix: String,
    default_queue: String,
}

impl ClientBuilder {
    /// kombu's transport option `global_keyprefix`, put before every key and channel.
    #[must_use]
    pub fn global_keyprefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The queue of calls that name none; `celery` unless set.
    #[must_use]
    pub fn default_queue(mut self, queue: impl Into<String>) -> Self {
        self.default_queue = queue.into();
        self
    }

    /// Makes the client; connects nowhere yet.
    pub fn build(self) -> Result<Client, Error> {
        let server = Server::new(&self.url)?;
        let hub = Hub::default();
        let pushed = hub.clone();
        let link = Link::new(server.clone(), Some(Arc::new(move |info| pushed.handle(info))));
        let inner = Inner {
            server,
            link,
            hub,
            keys: Keys::new(&self.prefix, ""),
            default_queue: self.default_queue,
            bound: Mutex::default(),
        };
        Ok(Client(Arc::new(inner)))
    }
}

#[derive(Debug)]
struct Inner {
    server: Server,
    link: Link,
    hub: Hub,
    keys: Keys,
    default_queue: String,
    /// Queues whose bindings this client has written.
    bound: Mutex<HashSet<String>>,
}

/// Sends calls to workers and reads their results. Cheap to clone; all clones share one connection.
///
/// The connection is made at the first call. While the server is away, calls fail within about five seconds
/// and succeed again once it is back.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

impl Client {
    /// A client with default settings; connects nowhere yet.
    pub fn new(url: &str) -> Result<Self, Error> {
        Self::builder(url).build()
    }

    /// Starts describing a client of the server at `url`.
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder {
            url: url.to_owned(),
            prefix: String::new(),
            default_queue: DEFAULT_QUEUE.to_owned(),
        }
    }

    /// Sends one call.
    pub async fn send(&self, signature: &Signature) -> Result<TaskId, Error> {
        let mut ids = self.send_many(std::slice::from_ref(signature)).await?;
        ids.pop()
            .ok_or_else(|| Error::Config("nothing was sent".to_owned()))
    }

    /// Sends many calls in one round trip, in order; all are sent or, if the server was out of reach, none.
    /// Sent by a running task they become its children, as in Celery.
    pub async fn send_many(&self, signatures: &[Signature]) -> Result<Vec<TaskId>, Error> {
        if signatures.is_empty() {
            return Ok(Vec::new());
        }
        let ancestry = request::ancestry();
        let drafts: Vec<Draft> = signatures
            .iter()
            .map(|signature| {
                let mut draft = signature.draft(&self.0.default_queue);
                if let Some((root, parent)) = &ancestry {
                    draft.root_id.get_or_insert_with(|| root.clone());
                    draft.parent_id.get_or_insert_with(|| parent.clone());
                }
                draft
            })
            .collect();
        let mut pipeline = redis::pipe();
        // One transaction: a connection that breaks halfway leaves no half of the calls behind.
        pipeline.atomic();
        let unbound = self.bind(&drafts, &mut pipeline);
        for draft in &drafts {
            pipeline
                .lpush(self.0.keys.list(draft.queue(), draft.priority), draft.encode())
                .ignore();
        }
        self.0
            .link
            .query::<()>(&pipeline)
            .await
            .map_err(Error::redis("accept a task"))?;
        lock(&self.0.bound).extend(unbound);
        request::note_children(drafts.iter().map(|draft| draft.id.as_str()));
        Ok(drafts.into_iter().map(|draft| TaskId(draft.id)).collect())
    }

    /// Adds the bindings of queues not used before, in both sets, as kombu 5.7 does.
    fn bind(&self, drafts: &[Draft], pipeline: &mut Pipeline) -> HashSet<String> {
        let bound = lock(&self.0.bound);
        let unbound: HashSet<String> = drafts
            .iter()
            .map(Draft::queue)
            .filter(|queue| !bound.contains(*queue))
            .map(str::to_owned)
            .collect();
        for queue in &unbound {
            let member = own_binding(queue);
            pipeline.sadd(self.0.keys.binding(queue), &member).ignore();
            pipeline
                .sadd(self.0.keys.binding_permanent(queue), &member)
                .ignore();
        }
        unbound
    }

    /// A handle on the result of a call.
    pub fn result(&self, id: impl Into<TaskId>) -> AsyncResult {
        AsyncResult::new(self.clone(), id.into())
    }

    /// How many messages wait in a queue, over all priorities.
    pub async fn queue_len(&self, queue: &str) -> Result<u64, Error> {
        let mut pipeline = redis::pipe();
        for step in PRIORITY_STEPS {
            pipeline.llen(self.0.keys.list(queue, i64::from(step)));
        }
        let lengths: Vec<u64> = self
            .0
            .link
            .query(&pipeline)
            .await
            .map_err(Error::redis("count a queue"))?;
        Ok(lengths.into_iter().sum())
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut ping = redis::pipe();
        ping.cmd("PING").ignore();
        self.0
            .link
            .query(&ping)
            .await
            .map_err(Error::redis("answer a ping"))
    }

    /// Requests to workers: `celery inspect` and `celery control` from here.
    pub fn control(&self) -> Control {
        Control::new(self.clone())
    }

    pub(crate) fn server(&self) -> &Server {
        &self.0.server
    }

    pub(crate) fn link(&self) -> &Link {
        &self.0.link
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }
}
