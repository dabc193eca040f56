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
