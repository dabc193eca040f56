//! Chords: counting their members, starting their bodies; and failing what a failure leaves without hope.
//!
//! A member is counted by the step that ends it, and the body is sent by the step that counts the last one. Only
//! then it is known which member that is, so the step refuses to do anything and says so: the values of the others
//! are read, and it is asked for again with the body. Nothing lies between the two that a death could lose or double.

use std::collections::HashMap;

use redis::RedisError;
use serde_json::{Map, Value, json};

use crate::{
    backoff::Backoff,
    exception::{Exception, repr_encoded},
    message::Message,
    refusal::is_transient,
    signature_json::{is_group, items, list, option},
    worker::{runtime::Core, settle::Stored},
    workflow::{DEPTH, FollowUp, Place, Sender},
};

/// A member of a chord that ends.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    group: &'a str,
    index: Option<f64>,
    /// The body.
    chord: &'a Value,
    id: &'a str,
    /// As Celery keeps it: `[1, id, status, result]`.
    encoded: String,
}

impl<'a> Part<'a> {
    /// The part that a message's own task has in a chord.
    pub(crate) fn of(message: &'a Message, status: &str, result: &Value) -> Option<Self> {
        let (chord, group) = (message.embed.chord.as_ref()?, message.group.as_deref()?);
        Some(Self::new(
            group,
            message.group_index,
            chord,
            &message.id,
            status,
            result,
        ))
    }

    fn new(
        group: &'a str,
        index: Option<f64>,
        chord: &'a Value,
        id: &'a str,
        status: &str,
        result: &Value,
    ) -> Self {
        Self {
            group,
            index,
            chord,
            id,
            encoded: json!([1, id, status, result]).to_string(),
        }
    }

    /// As Redis reads it.
    fn score(&self) -> String {
        self.index
            .map_or_else(|| "+inf".to_owned(), |index| index.to_string())
    }

    /// How the chord remembers that it was counted.
    fn member(&self) -> String {
        format!("{}:{}", self.id, self.score())
    }
}

/// What will never run because of a failure: states to store by task id, and parts of chords.
#[derive(Default)]
pub(crate) struct Doomed<'a> {
    pub(crate) states: Vec<(&'a str, String)>,
    pub(crate) parts: Vec<Part<'a>>,
}

impl<'a> Doomed<'a> {
    /// All that the signatures would have led to: what they hold and what follows from them. Their failure counts in
    /// the chords that they belong to, so that nobody waits for any of them.
    pub(crate) fn of(signatures: impl IntoIterator<Item = &'a Value>, stored: &Stored<'_>) -> Self {
        let mut doomed = Self::default();
        let mut open: Vec<&'a Value> = signatures.into_iter().collect();
        let mut seen = 0;
        while let Some(signature) = open.pop() {
            seen += 1;
            if seen > DEPTH * DEPTH {
                break;
            }
            open.extend(items(option(signature, "chain")));
            match signature.get("subtask_type").and_then(Value::as_str) {
                Some("chord") => open.extend(signature.pointer("/kwargs/body")),
                Some("group" | "chain") => open.extend(items(signature.pointer("/kwargs/tasks"))),
                _ => {}
            }
            let Some(id) = option(signature, "task_id").and_then(Value::as_str) else {
                continue;
            };
            let group = option(signature, "group_id").and_then(Value::as_str);
            doomed.states.push((id, stored.meta(id, group, None)));
            if let (Some(chord), Some(group)) = (option(signature, "chord"), group) {
                let index = option(signature, "group_index").and_then(Value::as_f64);
                doomed
                    .parts
                    .push(Part::new(group, index, chord, id, stored.status, &stored.result));
            }
        }
        doomed
    }
}

/// The chords known to be complete with an end's parts, by group: the values in order, or which member failed.
pub(crate) type Complete = HashMap<String, Result<Value, String>>;

/// What an end counts, and what follows from it.
#[derive(Default)]
pub(crate) struct Tally<'a> {
    /// In the order in which the settle script is told of them.
    parts: Vec<Part<'a>>,
    sends: Vec<[String; 3]>,
    counts: Vec<[String; 3]>,
    closes: Vec<[String; 3]>,
}

impl Tally<'_> {
    /// The settle script's actions. What the server may refuse comes first: then nothing is counted.
    pub(crate) fn actions(&self) -> impl Iterator<Item = [String; 3]> {
        let all = self.sends.iter().chain(&self.counts).chain(&self.closes);
        all.cloned()
    }
}

impl Core {
    /// Counts parts; of those that complete their chord, starts the body or fails it, and counts what fails with it.
    pub(crate) fn tally<'a>(&self, parts: &[Part<'a>], root: &str, complete: &Complete) -> Tally<'a> {
        let mut tally = Tally::default();
        let mut open = parts.to_vec();
        let mut closed: Vec<&str> = Vec::new();
        while let Some(part) = open.pop() {
            let base = self.keys.group_meta(part.group);
            let value = format!("{}\n{}\n{}", part.score(), part.encoded, part.id);
            tally.counts.push(["C".to_owned(), base.clone(), value]);
            if let Some(joined) = complete.get(part.group).filter(|_| !closed.contains(&part.group)) {
                closed.push(part.group);
                let started = match joined {
                    Ok(results) => self.chord_body(&part, root, results),
                    Err(problem) => Err(problem.clone()),
                };
                let (follow_up, how) = match started {
                    Ok(follow_up) => (follow_up, "done"),
                    Err(problem) => {
                        let exception = Exception::celery("ChordError", vec![json!(problem)]);
                        let doomed = Doomed::of([part.chord], &Stored::exception("FAILURE", &exception));
                        for (id, meta) in doomed.states {
                            tally.sends.push(["R".to_owned(), self.keys.task_meta(id), meta]);
                        }
                        open.extend(doomed.parts);
                        (self.body_errbacks(part.chord, root), "failed")
                    }
                };
                tally.sends.extend(follow_up.actions(self));
                tally.closes.push(["E".to_owned(), base, how.to_owned()]);
            }
            tally.parts.push(part);
        }
        tally
    }

    /// What starts the body of a chord.
    fn chord_body(&self, part: &Part<'_>, root: &str, results: &Value) -> Result<FollowUp, String> {
        let place = Place {
            root_id: Some(root.to_owned()),
            parent_id: Some(part.id.to_owned()),
            ..Place::default()
        };
        let mut sender = Sender::new(&self.settings.routes);
        sender.apply(part.chord, std::slice::from_ref(results), &place)?;
        Ok(sender.follow_up)
    }

    /// The errbacks of a chord's body; of a group its members', each with the member's id.
    fn body_errbacks(&self, body: &Value, root: &str) -> FollowUp {
        let errbacks = |signature: &Value| list(option(signature, "link_error"));
        let mut follow_up = FollowUp::default();
        let members = if is_group(body) {
            items(body.pointer("/kwargs/tasks"))
        } else {
            vec![body]
        };
        for member in members {
            let mut own = errbacks(member);
            if is_group(body) {
                let shared = errbacks(body);
                own.extend(
                    shared
                        .into_iter()
                        .filter(|errback| !errbacks(member).contains(errback)),
                );
            }
            if let Some(id) = option(member, "task_id").and_then(Value::as_str) {
                let FollowUp { drafts, chords, .. } = self.errbacks(&own, id, root);
                follow_up.drafts.extend(drafts);
                follow_up.chords.extend(chords);
            }
        }
        follow_up
    }

    /// Takes note of where chords stand, the settle script having said so of each part of a tally; returns whether
    /// somebody else is about to close one.
    pub(crate) async fn look_again(
        &self,
        tally: &Tally<'_>,
        standings: &[redis::Value],
        complete: &mut Complete,
    ) -> bool {
        let mut pending = false;
        for (part, standing) in tally.parts.iter().zip(standings) {
            match standing {
                redis::Value::Int(1) => {
                    if !complete.contains_key(part.group) {
                        let own: Vec<&Part<'_>> = tally
                            .parts
                            .iter()
                            .filter(|other| other.group == part.group)
                            .collect();
                        let joined = self.joined(part.group, &own).await;
                        complete.insert(part.group.to_owned(), joined);
                    }
                }
                standing => {
                    pending |= *standing == redis::Value::Int(2);
                    complete.remove(part.group);
                }
            }
        }
        pending
    }

    /// The results of all members in order, of which the last are `own`; or which of them failed.
    async fn joined(&self, group: &str, own: &[&Part<'_>]) -> Result<Value, String> {
        let mut backoff = Backoff::new();
        let (mut parts, saved) = loop {
            match self.parts(group, own).await {
                Ok(read) => break read,
                Err(error) if is_transient(&error) => {
                    tracing::warn!(error = %error, group, "Redis is out of reach; a chord waits for it");
                    backoff.pause().await;
                }
                Err(error) => return Err(format!("cannot read the parts: {error}")),
            }
        };
        // As the sorted set will have them.
        parts.sort_by(|(one, at), (other, and)| at.total_cmp(and).then_with(|| one.cmp(other)));
        let mut results = Map::new();
        let mut order = Vec::new();
        for (part, _) in &parts {
            let Ok(Value::Array(part)) = crate::json::parse(part) else {
                continue;
            };
            let [_, id, status, result] = part.as_slice() else {
                continue;
            };
            let id = id.as_str().unwrap_or_default();
            if matches!(status.as_str(), Some("FAILURE" | "REVOKED")) {
                return Err(format!("Dependency {id} raised {}", repr_encoded(result)));
            }
            results.insert(id.to_owned(), result.clone());
            order.push(result.clone());
        }
        let saved = saved.and_then(|saved| crate::json::parse(&saved).ok());
        let structured = saved
            .as_ref()
            .and_then(|saved| structured(saved.pointer("/result")?, &results));
        Ok(structured.unwrap_or(Value::Array(order)))
    }

    /// The parts that are counted and `own` ones, with their scores; and the saved group.
    async fn parts(
        &self,
        group: &str,
        own: &[&Part<'_>],
    ) -> Result<(Vec<(String, f64)>, Option<String>), RedisError> {
        let base = self.keys.group_meta(group);
        let mut read = redis::pipe();
        read.zrange_withscores(format!("{base}.j"), 0, -1).get(&base);
        read.smembers(format!("{base}.d"));
        let (mut parts, saved, counted): (Vec<(String, f64)>, Option<String>, Vec<String>) =
            self.link.query(&read).await?;
        for part in own.iter().filter(|part| !counted.contains(&part.member())) {
            parts.push((part.encoded.clone(), part.index.unwrap_or(f64::INFINITY)));
        }
        Ok((parts, saved))
    }
}

/// The results of a saved group in its own structure; `None` if any is missing.
fn structured(tuple: &Value, results: &Map<String, Value>) -> Option<Value> {
    match tuple.get(1) {
        Some(Value::Array(children)) => children.iter().map(|child| structured(child, results)).collect(),
        _ => results.get(tuple.pointer("/0/0")?.as_str()?).cloned(),
    }
}
