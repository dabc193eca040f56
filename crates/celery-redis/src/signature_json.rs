//! Reading and changing signatures in the form in which they travel inside messages.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{clock, signature::delta};

/// Whether a signature is a group.
pub(crate) fn is_group(signature: &Value) -> bool {
    signature.get("subtask_type").and_then(Value::as_str) == Some("group")
}

/// A new task or group id.
pub(crate) fn fresh_id() -> String {
    Uuid::new_v4().to_string()
}

/// The signatures inside a group, chain or header.
pub(crate) fn members(signature: &Value, name: &str) -> Vec<Value> {
    let tasks = signature.get("kwargs").and_then(|kwargs| kwargs.get(name));
    match tasks {
        // A group's tasks may themselves be a group signature.
        Some(group @ Value::Object(_)) => members(group, "tasks"),
        other => list(other),
    }
}

/// An option that is set: null counts as absent.
pub(crate) fn option<'a>(signature: &'a Value, name: &str) -> Option<&'a Value> {
    signature
        .get("options")?
        .get(name)
        .filter(|value| !value.is_null())
}

/// Sets an option.
pub(crate) fn set_option(signature: &mut Value, name: &str, value: Value) {
    if let Some(signature) = signature.as_object_mut() {
        let options = signature.entry("options").or_insert_with(|| json!({}));
        if !options.is_object() {
            *options = json!({});
        }
        options[name] = value;
    }
}

/// The signatures in a list, or a single one; those of a group that stands for its list.
pub(crate) fn items(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(group) if is_group(group) => items(group.pointer("/kwargs/tasks")),
        Some(single @ Value::Object(_)) => vec![single],
        _ => Vec::new(),
    }
}

/// A list, or a single signature as a list of one.
pub(crate) fn list(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items.clone(),
        Some(single @ Value::Object(_)) => vec![single.clone()],
        _ => Vec::new(),
    }
}

/// A signature's options without some.
pub(crate) fn options_but(signature: &Value, without: &[&str]) -> Map<String, Value> {
    let options = signature.get("options").and_then(Value::as_object);
    let set = options.into_iter().flatten();
    set.filter(|(name, value)| !value.is_null() && !without.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Gives a signature the options of what holds it, which come before its own but for its stamps.
pub(crate) fn inherit(signature: &mut Value, options: &Map<String, Value>) {
    let stamped = list(option(signature, "stamped_headers"));
    for (name, value) in options {
        let kept = name == "stamped_headers" || stamped.contains(&json!(name));
        if !kept || option(signature, name).is_none() {
            set_option(signature, name, value.clone());
        }
    }
}

/// Adds signatures to the list in an option.
pub(crate) fn extend_option(signature: &mut Value, name: &str, more: Vec<Value>) {
    if !more.is_empty() {
        let mut all = list(option(signature, name));
        for signature in more {
            if !all.contains(&signature) {
                all.push(signature);
            }
        }
        set_option(signature, name, json!(all));
    }
}

/// Adds an errback where a failure of the signature shows: to the members of a group and the body of a chord.
pub(crate) fn link_error(signature: &mut Value, errback: &Value) {
    match signature.get("subtask_type").and_then(Value::as_str) {
        Some("group") => {
            if let Some(Value::Array(members)) = signature.pointer_mut("/kwargs/tasks") {
                for member in members {
                    link_error(member, errback);
                }
            }
        }
        Some("chord") => {
            if let Some(body) = signature.pointer_mut("/kwargs/body") {
                link_error(body, errback);
            }
        }
        _ => extend_option(signature, "link_error", vec![errback.clone()]),
    }
}

/// Gives an id to what a signature ends in, unless it has one.
pub(crate) fn name_end(signature: &mut Value, id: &Value) {
    match signature.get("subtask_type").and_then(Value::as_str) {
        Some("group") => {}
        Some("chord") => {
            if let Some(body) = signature.pointer_mut("/kwargs/body") {
                name_end(body, id);
            }
        }
        _ if option(signature, "task_id").is_none() => set_option(signature, "task_id", id.clone()),
        _ => {}
    }
}

/// How many members of a chord a signature in its header counts as.
pub(crate) fn descend(signature: &Value) -> usize {
    let tasks = || items(signature.pointer("/kwargs/tasks"));
    match signature.get("subtask_type").and_then(Value::as_str) {
        Some("group") => tasks().into_iter().map(descend).sum(),
        Some("chain") => {
            let mut sizes = tasks().into_iter().rev().map(descend);
            sizes.find(|size| *size > 0).unwrap_or(0)
        }
        Some("chord") => signature.pointer("/kwargs/body").map_or(0, descend),
        _ => 1,
    }
}

/// The stamps that a signature carries in its options.
pub(crate) fn stamps(signature: &Value) -> Value {
    let mut stamps = Map::new();
    for name in list(option(signature, "stamped_headers"))
        .iter()
        .filter_map(Value::as_str)
    {
        if let Some(value) = option(signature, name) {
            stamps.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(stamps)
}

/// When a signature is due.
pub(crate) fn eta(signature: &Value) -> Value {
    match option(signature, "countdown")
        .and_then(Value::as_f64)
        .and_then(|s| std::time::Duration::try_from_secs_f64(s).ok())
    {
        Some(countdown) => json!(clock::iso(clock::now() + delta(countdown))),
        None => option(signature, "eta").cloned().unwrap_or_default(),
    }
}

/// When a signature lapses.
pub(crate) fn expires(signature: &Value) -> Option<chrono::DateTime<chrono::Utc>> {
    match option(signature, "expires")? {
        Value::String(time) => clock::parse(time),
        seconds => {
            let seconds = seconds.as_f64()?;
            let span = delta(std::time::Duration::try_from_secs_f64(seconds.abs()).ok()?);
            Some(if seconds < 0.0 {
                clock::now() - span
            } else {
                clock::now() + span
            })
        }
    }
}
