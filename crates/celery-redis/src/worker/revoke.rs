//! Calls that are not to be executed: which they are, and what becomes of those already here.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::{
    clock,
    exception::Exception,
    json, scripts,
    worker::{
        command::{Answer, ok},
        consumer::Consumer,
        job::Job,
        memory::Memory,
        runtime::Core,
        settle::Stored,
        writer::Call,
    },
};

/// Ids and stamps remembered, as in Celery; the oldest are forgotten first.
const REMEMBERED: usize = 50_000;
/// How long they are remembered, as in Celery.
const MEMORY: Duration = Duration::from_hours(3);
/// Ids handled in one script call.
const CHUNK: usize = 500;

/// What was revoked.
#[derive(Debug, Default)]
pub(super) struct Revoked {
    ids: HashMap<String, Instant>,
    order: VecDeque<(Instant, String)>,
    /// Names and values of stamps, the values as JSON.
    stamps: HashSet<(String, String)>,
    stamps_in_order: VecDeque<(String, String)>,
}

impl Revoked {
    /// Remembers ids.
    pub(super) fn add(&mut self, ids: impl IntoIterator<Item = String>) {
        let now = Instant::now();
        self.add_at(ids.into_iter().map(|id| (now, id)));
    }

    fn add_at(&mut self, ids: impl IntoIterator<Item = (Instant, String)>) {
        for (at, id) in ids {
            self.ids.insert(id.clone(), at);
            self.order.push_back((at, id));
            while self.ids.len() > REMEMBERED || self.order.len() > 2 * REMEMBERED {
                self.forget_oldest();
            }
        }
        self.forget_old();
    }

    fn forget_oldest(&mut self) {
        if let Some((at, id)) = self.order.pop_front()
            && self.ids.get(&id) == Some(&at)
        {
            self.ids.remove(&id);
        }
    }

    fn forget_old(&mut self) {
        while self.order.front().is_some_and(|(at, _)| at.elapsed() > MEMORY) {
            self.forget_oldest();
        }
    }

    /// Remembers a stamp.
    fn add_stamp(&mut self, name: &str, value: &Value) {
        let stamp = (name.to_owned(), value.to_string());
        if self.stamps.insert(stamp.clone()) {
            self.stamps_in_order.push_back(stamp);
        }
        if self.stamps_in_order.len() > REMEMBERED
            && let Some(oldest) = self.stamps_in_order.pop_front()
        {
            self.stamps.remove(&oldest);
        }
    }

    /// The ids, oldest first.
    pub(super) fn ids(&mut self) -> Vec<String> {
        self.forget_old();
        self.current().map(|(_, id)| id.clone()).collect()
    }

    fn current(&self) -> impl Iterator<Item = &(Instant, String)> {
        self.order.iter().filter(|(at, id)| self.ids.get(id) == Some(at))
    }

    /// Everything, to be kept.
    pub(super) fn memory(&mut self) -> Memory {
        let now = clock::epoch();
        Memory {
            revoked: self.ids(),
            times: self
                .current()
                .map(|(at, _)| now - at.elapsed().as_secs_f64())
                .collect(),
            stamps: self
                .stamps_in_order
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), json::parse(value).ok()?)))
                .collect(),
        }
    }

    /// Remembers what was kept.
    pub(super) fn restore(&mut self, memory: Memory) {
        // As old as they were: each restart would lengthen their memory otherwise.
        let (now, epoch) = (Instant::now(), clock::epoch());
        let times = memory.times.into_iter().chain(std::iter::repeat(epoch));
        self.add_at(memory.revoked.into_iter().zip(times).filter_map(|(id, time)| {
            let age = Duration::try_from_secs_f64(epoch - time).unwrap_or_default();
            // A machine that was started since has no such instant.
            (age <= MEMORY).then(|| (now.checked_sub(age).unwrap_or(now), id))
        }));
        for (name, value) in memory.stamps {
            self.add_stamp(&name, &value);
        }
    }

    /// Whether a call is not to be executed.
    pub(super) fn covers(&self, job: &Job) -> bool {
        self.ids.contains_key(&job.message.id)
            || (!self.stamps.is_empty()
                && stamps(job)
                    .into_iter()
                    .any(|(name, value)| self.stamps.contains(&(name.to_owned(), value.to_string()))))
    }
}

/// The stamps of a call, one pair for each value.
fn stamps(job: &Job) -> Vec<(&str, &Value)> {
    let Some(all) = job.headers().get("stamps").and_then(Value::as_object) else {
        return Vec::new();
    };
    all.iter()
        .flat_map(|(name, value)| match value {
            Value::Array(values) => values.iter().map(|value| (name.as_str(), value)).collect(),
            single => vec![(name.as_str(), single)],
        })
        .collect()
}

/// The number of a signal, given by name or number; 15 unless given.
pub(super) fn signal_number(arguments: &Map<String, Value>) -> Result<i32, String> {
    match arguments.get("signal") {
        None | Some(Value::Null) => Ok(15),
        Some(Value::Number(number)) => number
            .as_i64()
            .and_then(|number| i32::try_from(number).ok())
            .ok_or_else(|| format!("ValueError('{number} is no signal')")),
        Some(Value::String(name)) => match name.strip_prefix("SIG").unwrap_or(name) {
            "HUP" => Ok(1),
            "INT" => Ok(2),
            "QUIT" => Ok(3),
            "KILL" => Ok(9),
            "USR1" => Ok(10),
            "USR2" => Ok(12),
            "TERM" => Ok(15),
            other => Err(format!(
                "AttributeError(\"module 'signal' has no attribute 'SIG{other}'\")"
            )),
        },
        Some(other) => Err(format!("TypeError({other})")),
    }
}

impl Consumer {
    /// Keeps calls from being executed; with `terminate` also ends those that run here.
    pub(super) fn revoke(&mut self, ids: Vec<String>, terminate: bool, signal: i32) -> Answer {
        let ids: HashSet<String> = ids.into_iter().collect();
        tracing::info!(tasks = ?ids, terminate, "tasks revoked by remote control");
        self.revoked.add(ids.iter().cloned());
        self.memorize();
        let running: Vec<Arc<Job>> = self
            .jobs
            .values()
            .filter(|run| ids.contains(&run.job.message.id))
            .map(|run| run.job.clone())
            .collect();
        let held = self
            .held
            .values()
            .filter(|held| ids.contains(&held.job.message.id));
        let mut here: Vec<String> = held.map(|held| held.job.message.id.clone()).collect();
        here.extend(running.iter().map(|job| job.message.id.clone()));
        here.sort();
        here.dedup();
        let answer = if terminate {
            for job in &running {
                job.terminate(signal);
            }
            match here.as_slice() {
                [] => ok("terminate: tasks unknown"),
                here => ok(&format!("terminate: {}", here.join(", "))),
            }
        } else {
            ok(&format!("tasks {} flagged as revoked", python_set(&ids)))
        };
        self.discard_revoked();
        let running: HashSet<String> = running.iter().map(|job| job.message.id.clone()).collect();
        let unstarted: Vec<String> = ids.into_iter().filter(|id| !running.contains(id)).collect();
        let core = self.core.clone();
        Answer::After(
            async move { core.store_revoked(&unstarted).await }.boxed(),
            answer,
        )
    }

    /// Keeps calls with a stamp from being executed; with `terminate` also ends those that run here.
    pub(super) fn revoke_stamped(
        &mut self,
        headers: &Value,
        terminate: bool,
        signal: i32,
    ) -> Result<Value, String> {
        let headers: Map<String, Value> = match headers {
            Value::Object(headers) => headers.clone(),
            Value::Array(pairs) => pairs
                .iter()
                .filter_map(Value::as_str)
                .map(|pair| {
                    pair.split_once('=')
                        .ok_or("IndexError('list index out of range')")
                })
                .map(|pair| pair.map(|(name, value)| (name.to_owned(), json!(value))))
                .collect::<Result<_, _>>()?,
            _ => return Err("AttributeError('headers')".to_owned()),
        };
        let wanted: HashSet<(&str, &Value)> = headers
            .iter()
            .flat_map(|(name, value)| match value {
                Value::Array(values) => values.iter().map(|value| (name.as_str(), value)).collect(),
                single => vec![(name.as_str(), single)],
            })
            .collect();
        for (name, value) in &wanted {
            self.revoked.add_stamp(name, value);
        }
        self.memorize();
        let shown = json::repr(&Value::Object(headers.clone()));
        tracing::info!(stamps = shown, terminate, "stamps revoked by remote control");
        self.discard_revoked();
        if !terminate {
            return Ok(ok(&format!(
                "headers {shown} flagged as revoked, but not terminated"
            )));
        }
        let mut found: Map<String, Value> = Map::new();
        for run in self.jobs.values() {
            let matching: Vec<_> = stamps(&run.job)
                .into_iter()
                .filter(|stamp| wanted.contains(stamp))
                .collect();
            if !matching.is_empty() {
                run.job.terminate(signal);
            }
            for (name, value) in matching {
                if let Value::Array(values) = found.entry(name).or_insert_with(|| json!([]))
                    && !values.contains(value)
                {
                    values.push(value.clone());
                }
            }
        }
        Ok(if found.is_empty() {
            ok(&format!("headers {shown} were not terminated"))
        } else {
            ok(&format!("headers {} revoked", json::repr(&Value::Object(found))))
        })
    }

    /// Ends what waits here and is revoked; Celery does it when the turn of each comes, by when it may have
    /// forgotten that it was revoked.
    pub(super) fn discard_revoked(&mut self) {
        let mut revoked = Vec::new();
        for held in self.held.values_mut() {
            if !held.running && self.revoked.covers(&held.job) {
                held.running = true;
                revoked.push(held.job.clone());
            }
        }
        if revoked.is_empty() {
            return;
        }
        let gone: HashSet<u64> = revoked.iter().map(|job| job.seq).collect();
        self.ready.retain(|job| !gone.contains(&job.seq));
        self.waiting.retain(|due| !gone.contains(&due.0.1));
        self.buckets.retain(|job| !gone.contains(&job.seq));
        for job in revoked {
            self.discard(job, "revoked");
        }
    }
}

/// A set as Python shows it, in order.
fn python_set(ids: &HashSet<String>) -> String {
    if ids.is_empty() {
        return "set()".to_owned();
    }
    let mut shown: Vec<String> = ids.iter().map(|id| json::repr(&json!(id))).collect();
    shown.sort();
    format!("{{{}}}", shown.join(", "))
}

impl Core {
    /// Stores `REVOKED` for calls that nobody has begun, known here or not.
    async fn store_revoked(&self, ids: &[String]) {
        let exception = Exception::celery("TaskRevokedError", vec![json!("revoked")]);
        for chunk in ids.chunks(CHUNK) {
            let keys = chunk.iter().map(|id| self.keys.task_meta(id)).collect();
            let call = Call::new(&scripts::REVOKE, keys).arg(self.settings.result_life().to_string());
            let call = chunk.iter().fold(call, |call, id| {
                call.arg(Stored::exception("REVOKED", &exception).meta(id, None, None))
            });
            self.writer.call(call).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_ids_are_forgotten_first() {
        let mut revoked = Revoked::default();
        revoked.add((0..REMEMBERED).map(|number| number.to_string()));
        revoked.add(["0".to_owned(), "new".to_owned()]);
        let ids = revoked.ids();
        assert_eq!(ids.len(), REMEMBERED);
        assert_eq!(ids.first().map(String::as_str), Some("2"));
        assert_eq!(ids[REMEMBERED - 2..], ["0", "new"]);
        for _ in 0..3 * REMEMBERED {
            revoked.add(["again".to_owned()]);
        }
        assert!(revoked.order.len() <= 2 * REMEMBERED);
    }

    #[test]
    fn a_signal_has_a_name_or_a_number() {
        let number = |signal: Value| signal_number(&Map::from_iter([("signal".to_owned(), signal)]));
        assert_eq!(number(json!("SIGKILL")), Ok(9));
        assert_eq!(number(json!("TERM")), Ok(15));
        assert_eq!(number(json!(null)), Ok(15));
        assert_eq!(number(json!(2)), Ok(2));
        assert!(number(json!("LOUD")).is_err());
    }

    #[test]
    fn a_set_is_shown_as_python_shows_it() {
        assert_eq!(python_set(&HashSet::new()), "set()");
        assert_eq!(
            python_set(&HashSet::from(["b".to_owned(), "a".to_owned()])),
            "{'a', 'b'}"
        );
    }
}
