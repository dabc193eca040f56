//! Chords: counting their members, starting their bodies; and failing what a failure leaves without hope.

use serde_json::{Map, Value, json};

use crate::{
    exception::{Exception, repr_encoded},
    keys::DEFAULT_QUEUE,
    message::Message,
    scripts,
    signature_json::{fresh_id, list, option},
    worker::{runtime::Core, settle::Stored, writer::Call},
    workflow::{DEPTH, FollowUp, Place, Sender},
};

/// Seconds a worker has to start a chord's body before another may (twice Celery's join timeout).
const CLAIM_SECONDS: u32 = 6;

impl Core {
    /// Fails the tasks of a chain that will now never run, so that nobody waits for them.
    pub(crate) async fn fail_chain(&self, message: &Message, status: &'static str, exception: &Exception) {
        let mut open: Vec<Value> = message.embed.chain.clone();
        let mut seen = 0;
        while let Some(signature) = open.pop() {
            seen += 1;
            if seen > DEPTH * DEPTH {
                return;
            }
            if let Some(body) = signature.pointer("/kwargs/body") {
                open.push(body.clone());
            }
            let Some(id) = option(&signature, "task_id").and_then(Value::as_str) else {
                continue;
            };
            let group = option(&signature, "group_id").and_then(Value::as_str);
            let stored = Stored::exception(status, exception);
            self.store(id, stored.meta(id, group, None)).await;
            if let (Some(chord), Some(group)) = (option(&signature, "chord"), group) {
                let index = option(&signature, "group_index").and_then(Value::as_f64);
                let part = Part {
                    group,
                    index,
                    chord,
                    id,
                    root: message.root(),
                };
                self.count_part(&part, status, &stored.result).await;
            }
        }
    }

    /// Counts a finished member of a chord; the last one starts the body.
    pub(crate) async fn chord_part(&self, message: &Message, status: &str, result: &Value) {
        if let (Some(chord), Some(group)) = (&message.embed.chord, &message.group) {
            let part = Part {
                group,
                index: message.group_index,
                chord,
                id: &message.id,
                root: message.root(),
            };
            self.count_part(&part, status, result).await;
        }
    }

    async fn count_part(&self, part: &Part<'_>, status: &str, result: &Value) {
        let base = self.keys.group_meta(part.group);
        let key = |suffix: &str| format!("{base}{suffix}");
        let token = fresh_id();
        let counters = [key(".j"), key(".t"), key(".s"), key(".d")];
        let mut keys = counters.to_vec();
        keys.extend([base.clone(), key(".c")]);
        let call = Call::new(&scripts::CHORD_PART, keys)
            .arg(part.id)
            .arg(json!([1, part.id, status, result]).to_string())
            .arg(
                part.index
                    .map_or_else(|| "+inf".to_owned(), |index| index.to_string()),
            )
            .arg(self.settings.result_life().to_string())
            .arg(CLAIM_SECONDS.to_string())
            .arg(&token);
        if self.writer.call(call).await != Some(redis::Value::Int(1)) {
            return;
        }
        let (failed, follow_up) = match self.joined(&base, &counters[0]).await {
            Ok(results) => self.chord_body(part, &results),
            Err(problem) => (Some(problem), FollowUp::default()),
        };
        let follow_up = match &failed {
            None => follow_up,
            Some(problem) => self.fail_body(part, problem).await,
        };
        let mut keys = counters.to_vec();
        keys.push(key(".c"));
        let mut call = Call::new(&scripts::CHORD_DONE, keys)
            .arg(&token)
            .arg(if failed.is_some() { "1" } else { "0" })
            .arg(self.settings.result_life().to_string());
        for action in follow_up.actions(self).into_iter().flatten() {
            call = call.arg(action);
        }
        self.writer.call(call).await;
    }

    #[expect(
        clippy::unused_self,
        reason = "reads as part of the delivery's end, beside its siblings"
    )]
    fn chord_body(&self, part: &Part<'_>, results: &Value) -> (Option<String>, FollowUp) {
        let place = Place {
            root_id: Some(part.root.to_owned()),
            parent_id: Some(part.id.to_owned()),
            ..Place::default()
        };
        let mut sender = Sender::new(DEFAULT_QUEUE);
        match sender.apply(part.chord, std::slice::from_ref(results), &place) {
            Ok(_) => (None, sender.follow_up),
            Err(problem) => (Some(problem), FollowUp::default()),
        }
    }

    /// The results of all members in order, or which of them failed.
    async fn joined(&self, base: &str, parts: &str) -> Result<Value, String> {
        let mut read = redis::pipe();
        read.zrange(parts, 0, -1).get(base);
        let (parts, saved): (Vec<String>, Option<String>) = self
            .link
            .query(&read)
            .await
            .map_err(|error| format!("cannot read the parts: {error}"))?;
        let mut results = Map::new();
        let mut order = Vec::new();
        for part in &parts {
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

    /// Fails a chord's body and what would have followed it; returns its errbacks.
    async fn fail_body(&self, part: &Part<'_>, problem: &str) -> FollowUp {
        let exception = Exception::celery("ChordError", vec![json!(problem)]);
        let stored = Stored::exception("FAILURE", &exception);
        let Some(id) = option(part.chord, "task_id").and_then(Value::as_str) else {
            return FollowUp::default();
        };
        let group = option(part.chord, "group_id").and_then(Value::as_str);
        self.store(id, stored.meta(id, group, None)).await;
        for next in list(option(part.chord, "chain")) {
            if let Some(id) = option(&next, "task_id").and_then(Value::as_str) {
                self.store(id, stored.meta(id, None, None)).await;
            }
        }
        if let (Some(chord), Some(group)) = (option(part.chord, "chord"), group) {
            let index = option(part.chord, "group_index").and_then(Value::as_f64);
            let outer = Part {
                group,
                index,
                chord,
                id,
                root: part.root,
            };
            Box::pin(self.count_part(&outer, "FAILURE", &stored.result)).await;
        }
        self.errbacks(&list(option(part.chord, "link_error")), id, part.root)
    }
}

/// A finished member of a chord.
struct Part<'a> {
    group: &'a str,
    index: Option<f64>,
    /// The body.
    chord: &'a Value,
    id: &'a str,
    root: &'a str,
}

/// The results of a saved group in its own structure; `None` if any is missing.
fn structured(tuple: &Value, results: &Map<String, Value>) -> Option<Value> {
    match tuple.get(1) {
        Some(Value::Array(children)) => children.iter().map(|child| structured(child, results)).collect(),
        _ => results.get(tuple.pointer("/0/0")?.as_str()?).cloned(),
    }
}
