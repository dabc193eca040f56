//! Answers questions of remote control, in the shapes of Celery 5.7.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::{
    clock,
    worker::{
        command::ok,
        consumer::{Consumer, Run},
        job::Job,
        pool::Source,
        publisher::{args_repr, kwargs_repr, shown_name},
    },
};

/// How often heartbeats come, in seconds.
pub(super) const HEARTBEAT_S: f64 = 2.0;

/// Task ids given as one text or a list.
pub(super) fn ids(value: &Value) -> Vec<String> {
    match value {
        Value::String(id) => vec![id.clone()],
        Value::Array(ids) => ids.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// What we are, with the time to the next heartbeat.
pub(super) fn software(freq: f64) -> Value {
    let system = match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "Darwin",
        other => other,
    };
    json!({"freq": freq, "sw_ident": "celery-redis", "sw_ver": env!("CARGO_PKG_VERSION"), "sw_sys": system})
}

/// The load of the machine over 1, 5 and 15 minutes; zeros where the system does not tell.
fn load() -> [f64; 3] {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut figures = text
        .split_whitespace()
        .map(|figure| figure.parse().unwrap_or(0.0));
    [(); 3].map(|()| figures.next().unwrap_or(0.0))
}

/// What this process has used, as far as the system tells; the names are those of Python's `getrusage`.
fn usage() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let stat = read("/proc/self/stat");
    // The name of the process may hold spaces and ends with the last bracket.
    let figures: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|figure| figure.parse().unwrap_or(0.0))
        .collect();
    let figure = |at: usize| figures.get(at).copied().unwrap_or(0.0);
    let status = read("/proc/self/status");
    let resident = status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or(0_u64);
    // Linux counts in hundredths of a second.
    json!({
        "utime": figure(11) / 100.0, "stime": figure(12) / 100.0, "maxrss": resident,
        "minflt": figure(7), "majflt": figure(9),
    })
}

/// A task as Celery describes it; `safe` shows the arguments as the sender wants them shown.
fn task_info(job: &Job, node: &str, run: Option<&Run>, safe: bool) -> Value {
    let message = &job.message;
    let (args, kwargs) = if safe {
        (json!(args_repr(job)), json!(kwargs_repr(job)))
    } else {
        (json!(message.args), json!(message.kwargs))
    };
    json!({
        "id": message.id, "name": shown_name(job), "args": args, "kwargs": kwargs, "type": message.task,
        "hostname": node, "time_start": run.map(|run| run.began), "acknowledged": job.open_tag().is_empty(),
        "delivery_info": {
            "exchange": job.exchange, "routing_key": job.routing_key, "priority": message.priority,
            "redelivered": message.redelivered,
        },
        "worker_pid": run.map(|_| std::process::id()),
    })
}

impl Consumer {
    /// What a heartbeat tells.
    pub(super) fn vitals(&self) -> Value {
        let mut vitals = software(HEARTBEAT_S);
        vitals["active"] = json!(self.running.len());
        vitals["processed"] = json!(self.processed);
        vitals["loadavg"] = json!(load());
        vitals
    }

    /// The answer to a question; `None` if the method is none.
    pub(super) fn inspect(
        &mut self,
        method: &str,
        arguments: &Map<String, Value>,
    ) -> Option<Result<Value, String>> {
        let node = self.core.settings.hostname.as_str();
        let safe = matches!(arguments.get("safe"), Some(Value::Bool(true)));
        let answer = match method {
            "ping" => ok("pong"),
            "clock" => json!({"clock": self.core.events.clock().load(std::sync::atomic::Ordering::Relaxed)}),
            "report" => ok(&self.report()),
            "conf" | "dump_conf" => self.configuration(),
            "stats" => self.stats(),
            "registered" | "dump_tasks" => self.registered(arguments),
            "active" | "dump_active" => {
                let runs = self.jobs.values();
                runs.map(|run| task_info(&run.job, node, Some(run), safe)).collect()
            }
            "reserved" | "dump_reserved" => self.reserved().map(|job| task_info(job, node, None, safe)).collect(),
            "scheduled" | "dump_schedule" => self
                .scheduled()
                .map(|(eta, job)| json!({"eta": eta, "priority": 6, "request": task_info(job, node, None, safe)}))
                .collect(),
            "revoked" | "dump_revoked" => json!(self.revoked.ids()),
            "active_queues" => self.queues.borrow().iter().map(queue_info).collect(),
            "query_task" => {
                let Some(wanted) = arguments.get("ids") else {
                    let missing = "query_task() missing 1 required positional argument: 'ids'";
                    return Some(Err(format!("TypeError(\"{missing}\")")));
                };
                self.query(&ids(wanted))
            }
            "memsample" => json!(format!("{}KB", usage()["maxrss"])),
            "memdump" => Value::Null,
            "objgraph" => return Some(Err("ImportError('Requires the objgraph library')".to_owned())),
            _ => return None,
        };
        Some(Ok(answer))
    }

    /// What is held to be executed soon.
    fn reserved(&self) -> impl Iterator<Item = &Job> {
        let waiting: HashSet<u64> = self.waiting.iter().map(|due| due.0.1).collect();
        let jobs = self
            .held
            .values()
            .filter(|held| !held.running)
            .map(|held| &*held.job);
        jobs.filter(move |job| !waiting.contains(&job.seq))
    }

    /// What is held until its time comes.
    fn scheduled(&self) -> impl Iterator<Item = (String, &Job)> {
        let current = |job: &Job| {
            self.held
                .get(&job.taken.tag)
                .is_some_and(|held| held.job.seq == job.seq)
        };
        self.waiting
            .iter()
            .filter(move |due| current(&due.0.2))
            .map(|due| (clock::iso(due.0.0), &*due.0.2))
    }

    fn query(&self, wanted: &[String]) -> Value {
        let node = self.core.settings.hostname.as_str();
        let mut found = Map::new();
        let mut add = |state: &str, job: &Job, run: Option<&Run>| {
            if wanted.contains(&job.message.id) {
                found.insert(
                    job.message.id.clone(),
                    json!([state, task_info(job, node, run, false)]),
                );
            }
        };
        self.scheduled().for_each(|(_, job)| add("scheduled", job, None));
        self.reserved().for_each(|job| add("reserved", job, None));
        self.jobs
            .values()
            .for_each(|run| add("active", &run.job, Some(run)));
        Value::Object(found)
    }

    fn registered(&self, arguments: &Map<String, Value>) -> Value {
        let items = arguments.get("taskinfoitems").map(ids).unwrap_or_default();
        let rates = items.is_empty() || items.iter().any(|item| item == "rate_limit");
        let names = self.core.registry.names().into_iter();
        names
            .map(|name| match self.buckets.text(name).filter(|_| rates) {
                Some(rate) => format!("{name} [rate_limit={rate}]"),
                None => name.to_owned(),
            })
            .collect()
    }

    fn report(&self) -> String {
        format!(
            "\nsoftware -> celery-redis:{} (Celery 5.7, kombu 5.7) rust\nplatform -> system:{} arch:{}\n\
             settings -> transport:redis broker:{} concurrency:{}\n",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
            self.core.server.url(),
            self.concurrency
        )
    }

    fn configuration(&self) -> Value {
        let settings = &self.core.settings;
        // The URL is shown without its password, and nothing else here is secret.
        json!({
            "broker_url": self.core.server.url(), "result_backend": self.core.server.url(),
            "broker_transport_options": {"visibility_timeout": settings.visibility_timeout.as_secs_f64()},
            "task_queues": self.queues.borrow().iter().map(|source| source.queue.clone()).collect::<Vec<_>>(),
            "task_default_queue": self.core.settings.routes.default_queue,
            "task_serializer": "json", "result_serializer": "json", "accept_content": ["json"],
            "task_track_started": settings.track_started,
            "worker_concurrency": self.concurrency,
            "worker_prefetch_multiplier": settings.prefetch_multiplier,
            "worker_eta_task_limit": settings.eta_limit,
            "worker_send_task_events": self.core.events.of_tasks(),
            "result_expires": settings.result_expires.map(|life| life.as_secs()),
            "enable_utc": true, "timezone": "UTC",
        })
    }

    fn stats(&self) -> Value {
        let pid = std::process::id();
        // As many of each as tasks can run at once: to Celery's tools a slot is a process or a thread.
        let slots = vec![pid; self.concurrency];
        let delayed = self.waiting.len();
        let clock = self
            .core
            .events
            .clock()
            .load(std::sync::atomic::Ordering::Relaxed);
        json!({
            "total": self.totals, "pid": pid, "clock": clock.to_string(), "uptime": self.started.elapsed().as_secs(),
            "pool": {
                "implementation": "celery_redis:tokio", "max-concurrency": self.concurrency, "processes": slots,
                "threads": self.concurrency, "max-tasks-per-child": "N/A", "put-guarded-by-semaphore": false,
                "timeouts": [0, 0], "writes": {"total": self.processed, "strategy": "fair"},
            },
            "broker": self.core.server.describe(),
            "prefetch_count": if self.prefetch == 0 { 0 } else { self.prefetch + delayed },
            "rusage": usage(),
        })
    }
}

/// A queue as Celery describes it.
fn queue_info(source: &Source) -> Value {
    json!({
        "name": source.queue,
        "exchange": {
            "name": source.exchange, "type": "direct", "arguments": null, "durable": true, "passive": false,
            "auto_delete": false, "delivery_mode": null, "no_declare": false,
        },
        "routing_key": source.routing_key, "queue_arguments": null, "binding_arguments": null,
        "consumer_arguments": null, "durable": true, "exclusive": false, "auto_delete": false, "no_ack": false,
        "alias": null, "bindings": [], "no_declare": null, "expires": null, "message_ttl": null, "max_length": null,
        "max_length_bytes": null, "max_priority": null,
    })
}
