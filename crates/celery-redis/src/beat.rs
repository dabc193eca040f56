//! Sends calls at intervals or by crontabs. Several beats may run: one leads, and another takes over when it dies.
//!
//! The leader holds a lock in Redis with a token. Every send is one script that first checks the lock
//! and the entry's last run, so a beat that slept through its lock sends nothing, and no run is sent
//! twice, whoever thinks it leads. An entry is due when its last run lies one interval back; being
//! late by many intervals makes one catch-up, as in Celery. Last runs live in Redis, so a restart
//! neither forgets nor repeats one. A new entry runs for the first time one interval after it was
//! first seen.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use redis::{RedisError, Value};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::beat_entry::When;
use crate::{
    backoff::Backoff,
    clock,
    draft::Draft,
    error::Error,
    keys::{Keys, own_binding},
    link::{Link, Server},
    refusal::is_transient,
    routing::{Routes, TaskRoutes},
    scripts,
};
pub use crate::{beat_entry::Entry, crontab::Crontab};

/// The longest sleep between two looks at the schedule.
const LONGEST_SLEEP: Duration = Duration::from_mins(5);

/// Describes a [`Beat`]; see each method for its default.
#[derive(Debug)]
pub struct BeatBuilder {
    url: String,
    prefix: String,
    namespace: String,
    lock_ttl: Duration,
    cron_deadline: Option<Duration>,
    routes: Routes,
    entries: Vec<Entry>,
}

impl BeatBuilder {
    /// Adds an entry.
    #[must_use]
    pub fn entry(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    /// The prefix of this schedule's keys (`<namespace>:lock`, `<namespace>:last_run`); `celery-redis.beat`
    /// unless set.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// How long the lock outlives a leader that died, 6 s unless set. Another takes over within 1.25 times this.
    #[must_use]
    pub fn lock_ttl(mut self, ttl: Duration) -> Self {
        self.lock_ttl = ttl;
        self
    }

    /// Celery's `beat_cron_starting_deadline`: a run of a crontab that was missed by more than this is left out. Unless
    /// set, the last missed one is always caught up with.
    #[must_use]
    pub fn cron_starting_deadline(mut self, deadline: Duration) -> Self {
        self.cron_deadline = Some(deadline);
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

    /// kombu's transport option `global_keyprefix`, put before every key.
    #[must_use]
    pub fn global_keyprefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Checks the schedule; connects nowhere yet.
    pub fn build(self) -> Result<Beat, Error> {
        let Self {
            url,
            prefix,
            namespace,
            lock_ttl,
            cron_deadline,
            routes,
            entries,
        } = self;
        let check = |ok: bool, problem: String| if ok { Ok(()) } else { Err(Error::Config(problem)) };
        check(
            lock_ttl >= Duration::from_millis(500),
            "the lock must live at least 500 ms".to_owned(),
        )?;
        let mut names = std::collections::HashSet::new();
        for entry in &entries {
            check(
                names.insert(entry.name.clone()),
                format!("entry `{}` is named twice", entry.name),
            )?;
            check(
                !matches!(entry.when, When::Every(Duration::ZERO)),
                format!("entry `{}` needs an interval", entry.name),
            )?;
        }
        Ok(Beat {
            link: Link::new(Server::new(&url)?, None),
            lock: format!("{prefix}{namespace}:lock"),
            last_run: format!("{prefix}{namespace}:last_run"),
            keys: Keys::new(&prefix, ""),
            lock_ttl,
            cron_deadline,
            routes,
            entries,
            token: Uuid::new_v4().simple().to_string(),
        })
    }
}

/// Sends calls at intervals, while it leads.
#[derive(Debug)]
pub struct Beat {
    link: Link,
    keys: Keys,
    lock: String,
    last_run: String,
    lock_ttl: Duration,
    cron_deadline: Option<Duration>,
    routes: Routes,
    entries: Vec<Entry>,
    /// Proves that the lock is ours; another one for every process.
    token: String,
}

/// What a script said about our lead.
enum Lead {
    Ours,
    Lost,
}

impl Beat {
    /// Starts describing a beat on the server at `url`.
    pub fn builder(url: &str) -> BeatBuilder {
        BeatBuilder {
            url: url.to_owned(),
            prefix: String::new(),
            namespace: "celery-redis.beat".to_owned(),
            lock_ttl: Duration::from_secs(6),
            cron_deadline: None,
            routes: Routes::default(),
            entries: Vec::new(),
        }
    }

    /// What stands in the lock, `<namespace>:lock`, while this beat leads.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Sends what is due until `stop` is cancelled, then releases the lock. The server being away is waited for.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let mut backoff = Backoff::new();
        while !stop.is_cancelled() {
            let problem = tokio::select! {
                led = self.wait_and_lead() => led,
                () = stop.cancelled() => break,
            };
            match problem {
                Ok(()) => {
                    tracing::warn!("this beat no longer leads");
                    backoff = Backoff::new();
                }
                Err(error) if is_transient(&error) => {
                    tracing::warn!(error = %error, "beat cannot reach Redis, trying again");
                    tokio::select! {
                        () = backoff.pause() => {}
                        () = stop.cancelled() => {}
                    }
                }
                Err(source) => {
                    return Err(Error::Redis {
                        operation: "run the beat's scripts",
                        source,
                    });
                }
            }
        }
        let (lock, token) = ([self.lock.clone()], [self.token.clone()]);
        // Unreleased, it lapses by itself.
        if let Err(error) = self.link.script::<Value>(&scripts::RELEASE, &lock, &token).await {
            tracing::warn!(error = %error, "the beat's lock was not released");
        }
        Ok(())
    }

    /// Waits for the lead, then sends what is due for as long as it lasts.
    async fn wait_and_lead(&self) -> Result<(), RedisError> {
        while let Lead::Lost = self.renew().await? {
            tokio::time::sleep(self.lock_ttl / 4).await;
        }
        tracing::info!(entries = self.entries.len(), "this beat leads");
        let mut last_runs = self.load().await?;
        loop {
            let renewed = Instant::now();
            for entry in &self.entries {
                let now = clock::epoch();
                let last = last_runs.get(&entry.name).cloned().unwrap_or_default();
                if now < entry.due_after(read(&last), now, self.cron_deadline) {
                    continue;
                }
                match self.send(entry, now, &last).await? {
                    1 => drop(last_runs.insert(entry.name.clone(), write(now))),
                    0 => return Ok(()),
                    // A send whose reply was lost, or another beat's.
                    _ => last_runs = self.load().await?,
                }
            }
            let now = clock::epoch();
            let next = self
                .entries
                .iter()
                .map(|entry| {
                    let last = read(last_runs.get(&entry.name).map_or("", String::as_str));
                    entry.due_after(last, now, self.cron_deadline)
                })
                .fold(f64::INFINITY, f64::min);
            let until_due =
                Duration::try_from_secs_f64((next - clock::epoch()).max(0.0)).unwrap_or(LONGEST_SLEEP);
            let until_renewal = (self.lock_ttl / 3).saturating_sub(renewed.elapsed());
            tokio::time::sleep(until_due.min(until_renewal)).await;
            if let Lead::Lost = self.renew().await? {
                return Ok(());
            }
        }
    }

    async fn renew(&self) -> Result<Lead, RedisError> {
        let ttl = self.lock_ttl.as_millis().to_string();
        let ours: i64 = self
            .link
            .script(
                &scripts::BEAT_RENEW,
                std::slice::from_ref(&self.lock),
                &[self.token.clone(), ttl],
            )
            .await?;
        Ok(if ours == 1 { Lead::Ours } else { Lead::Lost })
    }

    /// The last runs; an entry seen for the first time counts from now, one no longer scheduled is forgotten.
    async fn load(&self) -> Result<HashMap<String, String>, RedisError> {
        let mut read = redis::pipe();
        read.hgetall(&self.last_run);
        let (stored,): (HashMap<String, String>,) = self.link.query(&read).await?;
        let mut tidy = redis::pipe();
        for entry in &self.entries {
            tidy.hset_nx(&self.last_run, &entry.name, write(clock::epoch()))
                .ignore();
        }
        for name in stored
            .keys()
            .filter(|name| !self.entries.iter().any(|entry| entry.name == **name))
        {
            tidy.hdel(&self.last_run, name).ignore();
        }
        tidy.hgetall(&self.last_run);
        let (now,): (HashMap<String, String>,) = self.link.query(&tidy).await?;
        Ok(now)
    }

    async fn send(&self, entry: &Entry, now: f64, last: &str) -> Result<i64, RedisError> {
        let draft: Draft = entry.signature.draft(&self.routes);
        let queue = draft.queue();
        let keys = [
            self.lock.clone(),
            self.last_run.clone(),
            self.keys.list(queue, draft.priority),
            self.keys.binding(queue),
            self.keys.binding_permanent(queue),
        ];
        let args = [
            self.token.clone(),
            entry.name.clone(),
            write(now),
            last.to_owned(),
            own_binding(queue),
            draft.encode(),
        ];
        tracing::debug!(entry = entry.name, task.id = draft.id, "sending a due entry");
        self.link.script(&scripts::BEAT_SEND, &keys, &args).await
    }
}

/// A time as it is stored. Two beats compare this text, so it is always written alike.
fn write(seconds: f64) -> String {
    format!("{seconds:.6}")
}

/// A stored time; one that cannot be read counts as long past.
fn read(text: &str) -> f64 {
    text.parse().unwrap_or(0.0)
}
