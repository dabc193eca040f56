//! The producer: sends calls and reads their results.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use redis::Pipeline;
use serde_json::{Value, json};

use crate::{
    canvas::{Canvas, Started},
    control::Control,
    draft::Draft,
    error::Error,
    keys::{Keys, PRIORITY_STEPS, own_binding},
    link::{Link, Server, lock},
    request,
    result::{AsyncResult, Hub, Outcome, TaskId},
    routing::{Routes, TaskRoutes},
    sent,
    signature::Signature,
    workflow::{FollowUp, Place, Sender},
};

/// Seconds that the size of a chord and the members of a group are kept, as Celery's `result_expires`.
const GROUP_LIFE_S: u64 = 86_400;

/// Settings of a [`Client`].
#[derive(Debug, Clone)]
pub struct ClientBuilder {
    url: String,
    prefix: String,
    routes: Routes,
    sent_events: bool,
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
        self.routes.default_queue = queue.into();
        self
    }

    /// Celery's `task_routes`, for calls that name no queue; none unless set.
    #[must_use]
    pub fn task_routes(mut self, routes: TaskRoutes) -> Self {
        self.routes.tasks = routes;
        self
    }

    /// Celery's `task_send_sent_event`: tells of each call that is sent by the event `task-sent`. Off unless set.
    #[must_use]
    pub fn send_sent_event(mut self, send: bool) -> Self {
        self.sent_events = send;
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
            routes: self.routes,
            sent_events: self.sent_events,
            event_clock: AtomicU64::new(0),
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
    routes: Routes,
    sent_events: bool,
    /// The Lamport clock of this client's events.
    event_clock: AtomicU64,
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
            routes: Routes::default(),
            sent_events: false,
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
                let mut draft = signature.draft(&self.0.routes);
                if let Some((root, parent)) = &ancestry {
                    draft.root_id.get_or_insert_with(|| root.clone());
                    draft.parent_id.get_or_insert_with(|| parent.clone());
                }
                draft
            })
            .collect();
        let mut pipeline = redis::pipe();
        let unbound = self.push(&drafts, &mut pipeline);
        if drafts.len() > 1 {
            // One transaction: a connection that breaks halfway leaves no half of the calls behind.
            pipeline.atomic();
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

    /// Sends a workflow: what comes first in it at once, the rest by the workers, as its parts end.
    pub async fn start(&self, canvas: impl Into<Canvas>) -> Result<Started, Error> {
        let (json, started) = canvas.into().freeze()?;
        let (root_id, parent_id) = request::ancestry().unzip();
        let place = Place {
            root_id,
            parent_id,
            ..Place::default()
        };
        let mut sender = Sender::new(&self.0.routes);
        let tuple = sender.apply(&json, &[], &place).map_err(Error::Canvas)?;
        let FollowUp { drafts, chords, .. } = sender.follow_up;
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for (group, size) in chords {
            let counters = self.0.keys.group_meta(&group);
            pipeline.del(format!("{counters}.c")).ignore();
            pipeline
                .set_ex(format!("{counters}.s"), size, GROUP_LIFE_S)
                .ignore();
        }
        let unbound = self.push(&drafts, &mut pipeline);
        self.0
            .link
            .query::<()>(&pipeline)
            .await
            .map_err(Error::redis("accept a workflow"))?;
        lock(&self.0.bound).extend(unbound);
        request::note_child(tuple);
        Ok(started)
    }

    /// Waits for the results of several calls, for instance the members of a group; in the same order.
    pub async fn results(&self, ids: &[TaskId], timeout: Duration) -> Result<Vec<Outcome>, Error> {
        let waiting = ids.iter().map(|id| {
            let result = self.result(id.clone());
            async move { result.get(timeout).await }
        });
        futures::future::try_join_all(waiting).await
    }

    /// Stores which calls belong to the group that a workflow ends in, so that Python's `GroupResult.restore(id)`
    /// finds it; kept for a day.
    pub async fn save_group(&self, started: &Started) -> Result<(), Error> {
        let members: Vec<Value> = started
            .members
            .iter()
            .map(|id| json!([[id, null], null]))
            .collect();
        let saved = json!({"result": [[started.id, null], members]}).to_string();
        let key = self.0.keys.group_meta(started.id.as_str());
        let mut pipeline = redis::pipe();
        pipeline.set_ex(&key, saved, GROUP_LIFE_S).ignore();
        self.0
            .link
            .query(&pipeline)
            .await
            .map_err(Error::redis("keep a group"))
    }

    /// Adds the messages of calls, and the bindings of queues not used before, which are returned.
    fn push(&self, drafts: &[Draft], pipeline: &mut Pipeline) -> HashSet<String> {
        let unbound = self.bind(drafts, pipeline);
        for draft in drafts {
            pipeline
                .lpush(self.0.keys.list(draft.queue(), draft.priority), draft.encode())
                .ignore();
        }
        // After the calls: whoever hears of one may look for it.
        for draft in drafts.iter().filter(|_| self.0.sent_events) {
            let channel = self.0.keys.events(self.0.server.database(), sent::ROUTING_KEY);
            let event = sent::sent_event(draft, &self.0.event_clock);
            pipeline.publish(channel, event).ignore();
        }
        unbound
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
