//! Wiring: what a running worker consists of, and the order in which its parts start and stop.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use celery::{Celery, CeleryBuilder};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    error::Error,
    keys::Keys,
    link::{Link, Server},
    request::Shared,
    worker::{
        builder::{Settings, WorkerBuilder},
        consumer::Consumer,
        fetch::Fetcher,
        registry::Registry,
        writer::Writer,
    },
};

/// How long the last writes may take once everything else has stopped.
const LAST_WRITES: Duration = Duration::from_secs(10);

/// A worker, ready to run.
#[derive(Debug)]
pub struct Worker {
    pub(crate) server: Server,
    pub(crate) keys: Keys,
    pub(crate) registry: Registry,
    pub(crate) settings: Settings,
    pub(crate) shared: Shared,
}

/// What all parts of a running worker share.
pub(crate) struct Core {
    pub keys: Keys,
    pub settings: Settings,
    pub registry: Registry,
    pub shared: Shared,
    /// What requests of the `celery` crate refer to; it opens no connection.
    pub app: Arc<Celery>,
    pub link: Link,
    pub writer: Writer,
    /// The name of this process in `owners`; another one each time.
    pub consumer: String,
    /// Locked while a call that moves a message out of `unacked` is queued, and while one that writes messages
    /// into it is: the second must not follow the first for the same message.
    pub order: Mutex<()>,
    /// `run_id` of the server that holds our deliveries.
    pub run_id: Mutex<String>,
}

impl Worker {
    /// Starts describing a worker on the server at `url`.
    pub fn builder(url: &str) -> WorkerBuilder {
        WorkerBuilder::new(url)
    }

    /// The node name.
    pub fn hostname(&self) -> &str {
        &self.settings.hostname
    }

    /// The names of the registered tasks, in order.
    pub fn tasks(&self) -> Vec<&'static str> {
        self.registry.names()
    }

    /// Works until `stop` is cancelled, then shuts down warmly: takes nothing more, lets running tasks end within
    /// the grace, gives back what was not started. The server being away is waited for, at the start too.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let Self {
            server,
            keys,
            registry,
            settings,
            shared,
        } = self;
        let app = CeleryBuilder::new("celery-redis", "redis://localhost/")
            .hostname(&settings.hostname)
            .build()
            .await
            .map_err(|error| Error::App(Box::new(error)))?;
        let link = Link::new(server.clone(), None);
        let (writer, writing) = Writer::new(link.clone());
        tracing::info!(
            worker.hostname = settings.hostname,
            redis.url = server.url(),
            redis.database = server.database(),
            queues = ?settings.queues,
            tasks = ?registry.names(),
            concurrency = settings.concurrency,
            "worker starts"
        );
        let core = Arc::new(Core {
            keys,
            settings,
            registry,
            shared,
            app: Arc::new(app),
            link,
            writer,
            consumer: Uuid::new_v4().simple().to_string(),
            order: Mutex::default(),
            run_id: Mutex::default(),
        });

        let give_up = CancellationToken::new();
        let mut parts = JoinSet::new();
        parts.spawn(writing.run(give_up.clone()));
        let (events, received) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(if core.settings.prefetch == 0 {
            Semaphore::MAX_PERMITS
        } else {
            core.settings.prefetch
        }));
        parts.spawn(Fetcher::new(server, &core, permits.clone(), events, stop.clone()).run());

        Consumer::new(core.clone(), permits, received, stop).run().await;

        // The last writer goes with the core, and its loop ends once everything is written.
        drop(core);
        let written = async { while parts.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WRITES, written).await.is_err() {
            tracing::error!("Redis is out of reach; what was not written will be redelivered");
            give_up.cancel();
            parts.shutdown().await;
        }
        tracing::info!("worker stopped");
        Ok(())
    }
}
