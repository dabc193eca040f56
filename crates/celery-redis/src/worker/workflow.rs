//! What a task's end sets in motion: callbacks, the rest of a chain, groups, chords, errbacks.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    clock,
    draft::Draft,
    exception::{Exception, repr_encoded},
    keys::DEFAULT_QUEUE,
    message::Message,
    scripts,
    signature::delta,
    worker::{
        runtime::Core,
        settle::{FollowUp, Stored},
        writer::Call,
    },
};

/// Seconds a worker has to start a chord's body before another may (twice Celery's join timeout).
const CLAIM_SECONDS: u32 = 6;
/// Deepest nesting of chains, groups and chords that is followed.
const DEPTH: usize = 64;

/// Where a signature is applied.
#[derive(Clone, Default)]
struct Place {
    root_id: String,
    parent_id: String,
    /// What follows, reversed: the next task is last.
    chain: Option<Vec<Value>>,
    group: Option<(String, Option<usize>)>,
    chord: Option<Value>,
    depth: usize,
}

/// Collects what applying signatures sends.
#[derive(Default)]
struct Sender {
    follow_up: FollowUp,
}

impl Sender {
    /// Applies a signature with arguments before its own; returns Celery's result tuple of it.
    fn apply(&mut self, signature: &Value, prepend: &[Value], place: &Place) -> Result<Value, String> {
        if place.depth > DEPTH {
            return Err("the workflow is nested too deeply".to_owned());
        }
        let deeper = Place { depth: place.depth + 1, ..place.clone() };
        match signature.get("subtask_type").and_then(Value::as_str) {
            Some("chain") => self.chain(signature, prepend, &deeper),
            Some("group") => self.group(signature, prepend, &deeper),
            Some("chord") => self.chord(signature, prepend, &deeper),
            _ => self.task(signature, prepend, place),
        }
    }

    fn chain(&mut self, signature: &Value, prepend: &[Value], place: &Place) -> Result<Value, String> {
        let mut tasks = members(signature, "tasks");
        let Some(last) = tasks.last_mut() else { return Err("a chain is empty".to_owned()) };
        // What is linked to the chain is linked to its end.
        for name in ["link", "link_error"] {
            let outer = list(option(signature, name));
            if !outer.is_empty() {
                let mut all = list(option(last, name));
                all.extend(outer);
                set_option(last, name, json!(all));
            }
        }
        // The end of a chain is what a group or chord counts.
        if tasks.len() > 1 {
            let counted = place.group.clone();
            let chord = place.chord.clone();
            if let Some(last) = tasks.last_mut() {
                if let Some((group, index)) = counted {
                    set_option(last, "group_id", json!(group));
                    set_option(last, "group_index", json!(index));
                }
                if let Some(chord) = chord {
                    set_option(last, "chord", chord);
                }
            }
        }
        let alone = tasks.len() == 1;
        let first = tasks.remove(0);
        tasks.reverse();
        let mut rest = place.chain.clone().unwrap_or_default();
        rest.extend(tasks);
        let inner = Place {
            chain: Some(rest),
            group: place.group.clone().filter(|_| alone),
            chord: place.chord.clone().filter(|_| alone),
            ..place.clone()
        };
        self.apply(&first, prepend, &inner)
    }

    fn group(&mut self, signature: &Value, prepend: &[Value], place: &Place) -> Result<Value, String> {
        if let Some(rest) = place.chain.as_ref().filter(|rest| !rest.is_empty()) {
            // A group that something follows is the header of a chord.
            let mut rest = rest.clone();
            let body = rest.pop().unwrap_or_default();
            let chord = json!({"subtask_type": "chord", "kwargs": {"header": signature, "body": body}, "options": {}});
            return self.chord(&chord, prepend, &Place { chain: Some(rest), ..place.clone() });
        }
        let group = option(signature, "task_id").and_then(Value::as_str).map_or_else(fresh_id, str::to_owned);
        let mut children = Vec::new();
        for (index, member) in members(signature, "tasks").iter().enumerate() {
            let inner = Place { group: Some((group.clone(), Some(index))), chain: None, chord: None, ..place.clone() };
            children.push(self.apply(member, prepend, &inner)?);
        }
        Ok(json!([[group, null], children]))
    }

    fn chord(&mut self, signature: &Value, prepend: &[Value], place: &Place) -> Result<Value, String> {
        let header = signature.pointer("/kwargs/header").cloned().unwrap_or_default();
        let mut body = signature.pointer("/kwargs/body").cloned().unwrap_or_default();
        if !body.is_object() {
            return Err("a chord has no body".to_owned());
        }
        let tasks = if header.is_array() { list(Some(&header)) } else { members(&header, "tasks") };
        let group = option(&header, "task_id").and_then(Value::as_str).map_or_else(fresh_id, str::to_owned);
        let id = option(&body, "task_id").and_then(Value::as_str).map_or_else(fresh_id, str::to_owned);
        set_option(&mut body, "task_id", json!(id));
        set_option(&mut body, "root_id", json!(place.root_id));
        for name in ["link", "link_error"] {
            let outer = list(option(signature, name));
            if !outer.is_empty() {
                let mut all = list(option(&body, name));
                all.extend(outer);
                set_option(&mut body, name, json!(all));
            }
        }
        let mut rest = place.chain.clone().unwrap_or_default();
        rest.extend(list(option(&body, "chain")));
        if !rest.is_empty() {
            set_option(&mut body, "chain", json!(rest));
        }
        if let Some(outer) = &place.chord {
            set_option(&mut body, "chord", outer.clone());
        }
        // The body counts for an outer group; its own header's group tells Python where it came from.
        match &place.group {
            Some((outer, index)) => {
                set_option(&mut body, "group_id", json!(outer));
                set_option(&mut body, "group_index", json!(index));
            }
            None => set_option(&mut body, "group_id", json!(group)),
        }
        let mut flat = Vec::new();
        flatten(&tasks, &mut flat);
        if flat.is_empty() {
            let inner = Place { chain: None, chord: None, group: None, ..place.clone() };
            return self.apply(&body, &[json!([])], &inner);
        }
        self.follow_up.chords.push((group.clone(), flat.len()));
        for (index, member) in flat.iter().enumerate() {
            let inner = Place {
                chain: None,
                group: Some((group.clone(), Some(index))),
                chord: Some(body.clone()),
                ..place.clone()
            };
            self.apply(member, prepend, &inner)?;
        }
        Ok(json!([[id, null], null]))
    }

    fn task(&mut self, signature: &Value, prepend: &[Value], place: &Place) -> Result<Value, String> {
        let task = signature.get("task").and_then(Value::as_str).ok_or("a signature names no task")?;
        let text = |name: &str| option(signature, name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| option(signature, name).and_then(Value::as_f64);
        let value = |name: &str| option(signature, name).cloned().unwrap_or_default();
        let immutable = signature.get("immutable").and_then(Value::as_bool).unwrap_or(false);
        let mut args = if immutable { Vec::new() } else { prepend.to_vec() };
        args.extend(list(signature.get("args")));
        let id = text("task_id").unwrap_or_else(fresh_id);
        let mut chain = list(option(signature, "chain"));
        let had_chain = option(signature, "chain").is_some();
        let rest = place.chain.clone();
        let is_chain = had_chain || rest.is_some();
        // What follows from outside comes after what the signature brings along, so it lies deeper in the stack.
        let mut stack = rest.unwrap_or_default();
        stack.append(&mut chain);
        let nothing = |value: Vec<Value>| if value.is_empty() { Value::Null } else { Value::Array(value) };
        let (group, group_index) = match (&place.group, text("group_id")) {
            (Some((group, index)), _) => (json!(group), json!(index)),
            (None, Some(group)) => (json!(group), value("group_index")),
            (None, None) => (Value::Null, Value::Null),
        };
        let exchange = text("exchange").filter(|_| option(signature, "queue").is_none()).unwrap_or_default();
        self.follow_up.drafts.push(Draft {
            task: task.to_owned(),
            id: id.clone(),
            args,
            kwargs: signature.get("kwargs").and_then(Value::as_object).cloned().unwrap_or_default(),
            callbacks: nothing(list(option(signature, "link"))),
            errbacks: nothing(list(option(signature, "link_error"))),
            chain: if is_chain { Value::Array(stack) } else { Value::Null },
            chord: place.chord.clone().unwrap_or_else(|| value("chord")),
            shadow: text("shadow"),
            eta: eta(signature),
            expires: expires(signature),
            group,
            group_index,
            time_limits: [number("time_limit"), number("soft_time_limit")],
            root_id: Some(place.root_id.clone()),
            parent_id: Some(place.parent_id.clone()),
            ignore_result: option(signature, "ignore_result").and_then(Value::as_bool).unwrap_or(false),
            replaced_task_nesting: value("replaced_task_nesting"),
            stamped_headers: value("stamped_headers"),
            stamps: stamps(signature),
            headers: option(signature, "headers").and_then(Value::as_object).cloned().unwrap_or_default(),
            reply_to: text("reply_to").unwrap_or_default(),
            exchange,
            queue: Some(text("queue").or_else(|| text("routing_key")).unwrap_or_else(|| DEFAULT_QUEUE.to_owned())),
            priority: option(signature, "priority").and_then(Value::as_i64).unwrap_or(0),
        });
        Ok(json!([[id, null], null]))
    }
}

impl Core {
    /// What a success sends: callbacks, then the next of the chain.
    #[expect(clippy::unused_self, reason = "reads as part of the delivery's end, beside its siblings")]
    pub(crate) fn after_success(&self, message: &Message, value: &Value) -> Result<FollowUp, String> {
        let place = Place { root_id: message.root().to_owned(), parent_id: message.id.clone(), ..Place::default() };
        let mut sender = Sender::default();
        let prepend = std::slice::from_ref(value);
        let (groups, simple): (Vec<&Value>, Vec<&Value>) =
            message.embed.callbacks.iter().partition(|callback| is_group(callback));
        let mut children = Vec::new();
        match simple.as_slice() {
            [] => {}
            [one] => children.push(sender.apply(one, prepend, &place)?),
            many => {
                let group = json!({"subtask_type": "group", "kwargs": {"tasks": many}, "options": {}});
                children.push(sender.apply(&group, prepend, &place)?);
            }
        }
        for group in groups {
            children.push(sender.apply(group, prepend, &place)?);
        }
        let mut rest = message.embed.chain.clone();
        if let Some(next) = rest.pop() {
            children.push(sender.apply(&next, prepend, &Place { chain: Some(rest), ..place })?);
        }
        sender.follow_up.children = children;
        Ok(sender.follow_up)
    }

    /// What a failure sends: the errbacks, each with the failed task's id, as one group.
    pub(crate) fn after_failure(&self, message: &Message) -> FollowUp {
        self.errbacks(&message.embed.errbacks, &message.id, message.root())
    }

    #[expect(clippy::unused_self, reason = "reads as part of the delivery's end, beside its siblings")]
    fn errbacks(&self, errbacks: &[Value], failed: &str, root: &str) -> FollowUp {
        let place = Place { root_id: root.to_owned(), parent_id: failed.to_owned(), ..Place::default() };
        let mut sender = Sender::default();
        if !errbacks.is_empty() {
            let group = json!({"subtask_type": "group", "kwargs": {"tasks": errbacks}, "options": {}});
            if let Err(problem) = sender.apply(&group, &[json!(failed)], &place) {
                tracing::error!(task.id = failed, problem, "an errback cannot be sent");
            }
        }
        sender.follow_up
    }

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
            let Some(id) = option(&signature, "task_id").and_then(Value::as_str) else { continue };
            let group = option(&signature, "group_id").and_then(Value::as_str);
            let stored = Stored::exception(status, exception);
            self.store(id, stored.meta(id, group, None)).await;
            if let (Some(chord), Some(group)) = (option(&signature, "chord"), group) {
                let index = option(&signature, "group_index").and_then(Value::as_f64);
                let part = Part { group, index, chord, id, root: message.root() };
                self.count_part(&part, status, &stored.result).await;
            }
        }
    }

    /// Counts a finished member of a chord; the last one starts the body.
    pub(crate) async fn chord_part(&self, message: &Message, status: &str, result: &Value) {
        if let (Some(chord), Some(group)) = (&message.embed.chord, &message.group) {
            let part = Part { group, index: message.group_index, chord, id: &message.id, root: message.root() };
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
            .arg(part.index.map_or_else(|| "+inf".to_owned(), |index| index.to_string()))
            .arg(self.result_life().to_string())
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
            .arg(self.result_life().to_string());
        for action in follow_up.actions(self).into_iter().flatten() {
            call = call.arg(action);
        }
        self.writer.call(call).await;
    }

    #[expect(clippy::unused_self, reason = "reads as part of the delivery's end, beside its siblings")]
    fn chord_body(&self, part: &Part<'_>, results: &Value) -> (Option<String>, FollowUp) {
        let place = Place { root_id: part.root.to_owned(), parent_id: part.id.to_owned(), ..Place::default() };
        let mut sender = Sender::default();
        match sender.apply(part.chord, std::slice::from_ref(results), &place) {
            Ok(_) => (None, sender.follow_up),
            Err(problem) => (Some(problem), FollowUp::default()),
        }
    }

    /// The results of all members in order, or which of them failed.
    async fn joined(&self, base: &str, parts: &str) -> Result<Value, String> {
        let mut read = redis::pipe();
        read.zrange(parts, 0, -1).get(base);
        let (parts, saved): (Vec<String>, Option<String>) =
            self.link.query(&read).await.map_err(|error| format!("cannot read the parts: {error}"))?;
        let mut results = Map::new();
        let mut order = Vec::new();
        for part in &parts {
            let Ok(Value::Array(part)) = crate::json::parse(part) else { continue };
            let [_, id, status, result] = part.as_slice() else { continue };
            let id = id.as_str().unwrap_or_default();
            if matches!(status.as_str(), Some("FAILURE" | "REVOKED")) {
                return Err(format!("Dependency {id} raised {}", repr_encoded(result)));
            }
            results.insert(id.to_owned(), result.clone());
            order.push(result.clone());
        }
        let saved = saved.and_then(|saved| crate::json::parse(&saved).ok());
        let structured = saved.as_ref().and_then(|saved| structured(saved.pointer("/result")?, &results));
        Ok(structured.unwrap_or(Value::Array(order)))
    }

    /// Fails a chord's body and what would have followed it; returns its errbacks.
    async fn fail_body(&self, part: &Part<'_>, problem: &str) -> FollowUp {
        let exception = Exception::celery("ChordError", vec![json!(problem)]);
        let stored = Stored::exception("FAILURE", &exception);
        let Some(id) = option(part.chord, "task_id").and_then(Value::as_str) else { return FollowUp::default() };
        let group = option(part.chord, "group_id").and_then(Value::as_str);
        self.store(id, stored.meta(id, group, None)).await;
        for next in list(option(part.chord, "chain")) {
            if let Some(id) = option(&next, "task_id").and_then(Value::as_str) {
                self.store(id, stored.meta(id, None, None)).await;
            }
        }
        if let (Some(chord), Some(group)) = (option(part.chord, "chord"), group) {
            let index = option(part.chord, "group_index").and_then(Value::as_f64);
            let outer = Part { group, index, chord, id, root: part.root };
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

/// Opens groups inside a chord's header: each member counts by itself.
fn flatten(tasks: &[Value], flat: &mut Vec<Value>) {
    for task in tasks {
        if is_group(task) { flatten(&members(task, "tasks"), flat) } else { flat.push(task.clone()) }
    }
}

fn is_group(signature: &Value) -> bool {
    signature.get("subtask_type").and_then(Value::as_str) == Some("group")
}

fn fresh_id() -> String {
    Uuid::new_v4().to_string()
}

fn members(signature: &Value, name: &str) -> Vec<Value> {
    let tasks = signature.get("kwargs").and_then(|kwargs| kwargs.get(name));
    match tasks {
        // A group's tasks may themselves be a group signature.
        Some(group @ Value::Object(_)) => members(group, "tasks"),
        other => list(other),
    }
}

/// An option that is set: null counts as absent.
fn option<'a>(signature: &'a Value, name: &str) -> Option<&'a Value> {
    signature.get("options")?.get(name).filter(|value| !value.is_null())
}

fn set_option(signature: &mut Value, name: &str, value: Value) {
    if let Some(signature) = signature.as_object_mut() {
        let options = signature.entry("options").or_insert_with(|| json!({}));
        if !options.is_object() {
            *options = json!({});
        }
        options[name] = value;
    }
}

/// A list, or a single signature as a list of one.
fn list(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items.clone(),
        Some(single @ Value::Object(_)) => vec![single.clone()],
        _ => Vec::new(),
    }
}

fn stamps(signature: &Value) -> Value {
    let mut stamps = Map::new();
    for name in list(option(signature, "stamped_headers")).iter().filter_map(Value::as_str) {
        if let Some(value) = option(signature, name) {
            stamps.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(stamps)
}

fn eta(signature: &Value) -> Value {
    match option(signature, "countdown").and_then(Value::as_f64).and_then(|s| std::time::Duration::try_from_secs_f64(s).ok()) {
        Some(countdown) => json!(clock::iso(clock::now() + delta(countdown))),
        None => option(signature, "eta").cloned().unwrap_or_default(),
    }
}

fn expires(signature: &Value) -> Option<chrono::DateTime<chrono::Utc>> {
    match option(signature, "expires")? {
        Value::String(time) => clock::parse(time),
        seconds => {
            let seconds = seconds.as_f64()?;
            let span = delta(std::time::Duration::try_from_secs_f64(seconds.abs()).ok()?);
            Some(if seconds < 0.0 { clock::now() - span } else { clock::now() + span })
        }
    }
}
