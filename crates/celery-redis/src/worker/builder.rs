//! Settings of a worker.

use std::{any::Any, collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use celery::task::Task;

use crate::{
    draft::host_name,
    error::Error,
    keys::Keys,
    link::Server,
    request::Shared,
    routing::{Routes, TaskRoutes},
    worker::{
        events::Events,
        registry::{Entry, Registry},
        runtime::Worker,
    },
};

/// The settings, once checked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub hostname: String,
    pub queues: Vec<String>,
    /// Where what tasks' ends send goes.
    pub routes: Routes,
    pub concurrency: usize,
    /// Messages held beyond those being executed; 0 means no limit.
    pub prefetch: usize,
    pub prefetch_multiplier: usize,
    pub visibility_timeout: Duration,
    pub restore_interval: Duration,
    pub result_expires: Option<Duration>,
    pub shutdown_grace: Duration,
    pub max_deaths: u32,
    pub eta_limit: usize,
    pub track_started: bool,
    pub events: Events,
    pub remote_control: bool,
    /// Where what is revoked is kept.
    pub state_file: Option<PathBuf>,
    /// Bytes of the largest message executed.
    pub message_limit: usize,
}

impl Settings {
    /// Seconds a result is kept, 0 for ever.
    pub(crate) fn result_life(&self) -> u64 {
        self.result_expires.map_or(0, |life| life.as_secs().max(1))
    }
}

/// Describes a [`Worker`]; see each method for its default.
#[derive(Debug)]
pub struct WorkerBuilder {
    url: String,
    prefix: String,
    private_prefix: String,
    /// As asked for; `None` leaves it to `remote_control`.
    events: Option<Events>,
    /// As asked for; `None` means the default queue.
    queues: Option<Vec<String>>,
    settings: Settings,
    shared: Shared,
    tasks: BTreeMap<&'static str, Entry>,
    duplicate: Option<&'static str>,
}

impl WorkerBuilder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            prefix: String::new(),
            private_prefix: "celery-redis.".to_owned(),
            events: None,
            queues: None,
            settings: Settings {
                hostname: format!("celery@{}", host_name()),
                queues: Vec::new(),
                routes: Routes::default(),
                concurrency: std::thread::available_parallelism().map_or(1, usize::from),
                prefetch: 0,
                prefetch_multiplier: 4,
                visibility_timeout: Duration::from_hours(1),
                restore_interval: Duration::from_secs(10),
                result_expires: Some(Duration::from_hours(24)),
                shutdown_grace: Duration::from_secs(30),
                max_deaths: 5,
                eta_limit: 65_535,
                track_started: false,
                events: Events::Off,
                remote_control: true,
                state_file: None,
                message_limit: 64 * 1024 * 1024,
            },
            shared: Shared::default(),
            tasks: BTreeMap::new(),
            duplicate: None,
        }
    }

    /// The node name, `celery@<host>` unless set. Each worker should have its own.
    #[must_use]
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.settings.hostname = name.into();
        self
    }

    /// The queue of calls that name none, among them what follows from tasks executed here; `celery` unless set.
    #[must_use]
    pub fn default_queue(mut self, queue: impl Into<String>) -> Self {
        self.settings.routes.default_queue = queue.into();
        self
    }

    /// Celery's `task_routes`, for what follows from tasks executed here and names no queue; none unless set. A retry
    /// stays in its queue.
    #[must_use]
    pub fn task_routes(mut self, routes: TaskRoutes) -> Self {
        self.settings.routes.tasks = routes;
        self
    }

    /// The queues to take from, the default queue alone unless set.
    #[must_use]
    pub fn queues<Q: Into<String>>(mut self, queues: impl IntoIterator<Item = Q>) -> Self {
        self.queues = Some(queues.into_iter().map(Into::into).collect());
        self
    }

    /// How many tasks run at once; the number of cores unless set.
    #[must_use]
    pub fn concurrency(mut self, tasks: usize) -> Self {
        self.settings.concurrency = tasks;
        self
    }

    /// Holds up to `concurrency` times this many messages, 4 unless set; 0 means no limit.
    #[must_use]
    pub fn prefetch_multiplier(mut self, multiplier: usize) -> Self {
        self.settings.prefetch_multiplier = multiplier;
        self
    }

    /// How long a message may go without a sign of life from its worker before another takes it; one hour
    /// unless set. Held messages are vouched for every third of it, so it need not exceed any task's length.
    #[must_use]
    pub fn visibility_timeout(mut self, timeout: Duration) -> Self {
        self.settings.visibility_timeout = timeout;
        self
    }

    /// How often to look for messages of dead workers; 10 s unless set.
    #[must_use]
    pub fn restore_interval(mut self, interval: Duration) -> Self {
        self.settings.restore_interval = interval;
        self
    }

    /// How long results are kept, one day unless set; `None` keeps them for ever.
    #[must_use]
    pub fn result_expires(mut self, age: Option<Duration>) -> Self {
        self.settings.result_expires = age;
        self
    }

    /// How long running tasks may take to end at shutdown; 30 s unless set.
    #[must_use]
    pub fn shutdown_grace(mut self, grace: Duration) -> Self {
        self.settings.shutdown_grace = grace;
        self
    }

    /// How many workers a message with late acknowledgement may kill before it is set aside; 5 unless set. The
    /// first one is not counted if the task brings it about before it first waits.
    #[must_use]
    pub fn max_deaths(mut self, deaths: u32) -> Self {
        self.settings.max_deaths = deaths;
        self
    }

    /// How many delayed messages are held without counting against the prefetch limit; 65,535 unless set.
    #[must_use]
    pub fn eta_limit(mut self, messages: usize) -> Self {
        self.settings.eta_limit = messages;
        self
    }

    /// Stores `STARTED` when a task begins; off unless set.
    #[must_use]
    pub fn track_started(mut self, track: bool) -> Self {
        self.settings.track_started = track;
        self
    }

    /// Which events are sent. Unless set: those of the worker while it can be remote-controlled, so that
    /// Celery's tools know whom to ask, and none otherwise.
    #[must_use]
    pub fn events(mut self, events: Events) -> Self {
        self.events = Some(events);
        self
    }

    /// Celery's `-E`: sends the events of tasks as well as those of the worker. Off unless set; `enable_events`
    /// turns them on, too.
    #[must_use]
    pub fn task_events(self, send: bool) -> Self {
        self.events(if send { Events::Task } else { Events::Worker })
    }

    /// Whether `celery inspect` and `celery control` reach this worker; on unless set, as in Celery.
    #[must_use]
    pub fn remote_control(mut self, allow: bool) -> Self {
        self.settings.remote_control = allow;
        self
    }

    /// Keeps what is revoked in this file over a restart, as Celery's `--statedb` does; nowhere unless set, so that
    /// a worker that starts asks the others. Each worker needs a file of its own.
    #[must_use]
    pub fn state_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.state_file = Some(path.into());
        self
    }

    /// Bytes of the largest message that is executed, 64 MiB unless set; larger ones are set aside by the server
    /// itself, without being sent here.
    #[must_use]
    pub fn message_limit(mut self, bytes: usize) -> Self {
        self.settings.message_limit = bytes;
        self
    }

    /// kombu's transport option `global_keyprefix`, put before every key and channel.
    #[must_use]
    pub fn global_keyprefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Put before the keys that only this crate knows; `celery-redis.` unless set.
    /// Workers that share a database must agree on it.
    #[must_use]
    pub fn private_keyprefix(mut self, prefix: impl Into<String>) -> Self {
        self.private_prefix = prefix.into();
        self
    }

    /// Shares a value with all tasks: `celery_redis::data::<C>()` gives it back inside their bodies.
    #[must_use]
    pub fn data<C: Any + Send + Sync>(mut self, value: Arc<C>) -> Self {
        self.shared.insert(value);
        self
    }

    /// Makes a task executable here.
    #[must_use]
    pub fn register<T: Task + 'static>(mut self) -> Self {
        if self.tasks.insert(T::NAME, Entry::of::<T>()).is_some() {
            self.duplicate = Some(T::NAME);
        }
        self
    }

    /// Makes a task executable here whose results are not stored, unless a call says otherwise (Celery's
    /// `ignore_result=True` of a task).
    #[must_use]
    pub fn register_ignoring_result<T: Task + 'static>(mut self) -> Self {
        self = self.register::<T>();
        if let Some(entry) = self.tasks.get_mut(T::NAME) {
            entry.ignores_result = true;
        }
        self
    }

    /// Checks the settings; connects nowhere yet.
    pub fn build(self) -> Result<Worker, Error> {
        let Self {
            url,
            prefix,
            private_prefix,
            events,
            queues,
            mut settings,
            shared,
            tasks,
            duplicate,
        } = self;
        if let Some(name) = duplicate {
            return Err(Error::DuplicateTask(name.to_owned()));
        }
        settings.queues = queues.unwrap_or_else(|| vec![settings.routes.default_queue.clone()]);
        let check = |ok: bool, problem: &str| {
            if ok {
                Ok(())
            } else {
                Err(Error::Config(problem.to_owned()))
            }
        };
        check(settings.concurrency > 0, "concurrency must be at least 1")?;
        check(!settings.queues.is_empty(), "a worker needs at least one queue")?;
        check(
            settings.queues.iter().all(|queue| !queue.is_empty()),
            "a queue name must not be empty",
        )?;
        check(
            settings.visibility_timeout >= Duration::from_secs(1),
            "the visibility timeout must be at least 1 s",
        )?;
        check(
            settings.restore_interval >= Duration::from_millis(100),
            "the restore interval must be at least 100 ms",
        )?;
        let mut unique = std::collections::HashSet::new();
        settings.queues.retain(|queue| unique.insert(queue.clone()));
        settings.prefetch = settings.concurrency.saturating_mul(settings.prefetch_multiplier);
        settings.events = events.unwrap_or(if settings.remote_control {
            Events::Worker
        } else {
            Events::Off
        });
        Ok(Worker {
            server: Server::new(&url)?,
            keys: Keys::new(&prefix, &private_prefix),
            registry: Registry::new(tasks),
            settings,
            shared,
        })
    }
}
