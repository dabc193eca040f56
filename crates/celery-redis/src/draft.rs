//! A message about to be sent: protocol 2, as Celery 5.7 writes it.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{clock, json, keys::DEFAULT_QUEUE};

/// `gen<pid>@<host>`, the sender of a message.
static ORIGIN: LazyLock<String> = LazyLock::new(|| format!("gen{}@{}", std::process::id(), host_name()));

/// The name of this machine, `localhost` if the system does not tell.
pub(crate) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

/// Everything that decides what a message looks like.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub task: String,
    pub id: String,
    pub args: Vec<Value>,
    pub kwargs: Map<String, Value>,
    pub callbacks: Value,
    pub errbacks: Value,
    pub chain: Value,
    pub chord: Value,
    pub shadow: Option<String>,
    pub eta: Value,
    pub expires: Option<DateTime<Utc>>,
    pub group: Value,
    pub group_index: Value,
    /// `[hard, soft]` in seconds.
    pub time_limits: [Option<f64>; 2],
    pub root_id: Option<String>,
    pub parent_id: Option<String>,
    pub ignore_result: bool,
    pub replaced_task_nesting: Value,
    pub stamped_headers: Value,
    pub stamps: Value,
    pub headers: Map<String, Value>,
    pub reply_to: String,
    pub exchange: String,
    pub queue: Option<String>,
    pub priority: i64,
}

impl Draft {
    /// The queue the message goes to.
    pub(crate) fn queue(&self) -> &str {
        self.queue.as_deref().unwrap_or(DEFAULT_QUEUE)
    }

    /// The list element.
    pub(crate) fn encode(&self) -> String {
        let embed = json!({"callbacks": self.callbacks, "errbacks": self.errbacks, "chain": self.chain, "chord": self.chord});
        let body = json!([self.args, self.kwargs, embed]).to_string();
        let mut headers = self.headers.clone();
        let Value::Object(own) = json!({
            "lang": "rs", "task": self.task, "id": self.id, "shadow": self.shadow, "eta": self.eta,
            "expires": self.expires.map(clock::iso), "group": self.group, "group_index": self.group_index,
            "retries": 0, "timelimit": self.time_limits.map(seconds),
            "root_id": self.root_id.as_ref().unwrap_or(&self.id), "parent_id": self.parent_id,
            "argsrepr": json::repr_args(&self.args), "kwargsrepr": json::repr_kwargs(&self.kwargs),
            "origin": *ORIGIN, "ignore_result": self.ignore_result,
            "replaced_task_nesting": if self.replaced_task_nesting.is_null() { json!(0) } else { self.replaced_task_nesting.clone() },
            "stamped_headers": self.stamped_headers,
            "stamps": if self.stamps.is_null() { json!({}) } else { self.stamps.clone() },
        }) else {
            return String::new();
        };
        headers.extend(own);
        let mut properties = json!({
            "correlation_id": self.id, "reply_to": self.reply_to, "delivery_mode": 2,
            "delivery_info": {"exchange": self.exchange, "routing_key": self.queue()},
            "priority": self.priority, "body_encoding": "base64", "delivery_tag": Uuid::new_v4().to_string(),
        });
        if let Some(expires) = self.expires {
            properties["expiration"] = json!(expiration(expires));
        }
        json!({
            "body": STANDARD.encode(body), "content-encoding": "utf-8", "content-type": "application/json",
            "headers": headers, "properties": properties,
        })
        .to_string()
    }
}

/// The `expiration` property: milliseconds from now as a string, `"0"` if already past.
pub(crate) fn expiration(expires: DateTime<Utc>) -> String {
    (expires - clock::now()).num_milliseconds().max(0).to_string()
}

/// Writes whole seconds as an integer, as Python does for `time_limit=1`.
fn seconds(limit: Option<f64>) -> Value {
    match limit {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
        Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => json!(whole as i64),
        other => json!(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_every_field_that_a_python_worker_reads() {
        let draft = Draft {
            task: "add".into(),
            id: "1".into(),
            args: vec![json!(2), json!(3)],
            ..Draft::default()
        };
        let message: Value = serde_json::from_str(&draft.encode()).unwrap();
        let body: Value =
            serde_json::from_slice(&STANDARD.decode(message["body"].as_str().unwrap()).unwrap()).unwrap();
        assert_eq!(
            body,
            json!([[2, 3], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}])
        );
        let mut headers: Vec<&str> = message["headers"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        headers.sort_unstable();
        assert_eq!(
            headers,
            [
                "argsrepr",
                "eta",
                "expires",
                "group",
                "group_index",
                "id",
                "ignore_result",
                "kwargsrepr",
                "lang",
                "origin",
                "parent_id",
                "replaced_task_nesting",
                "retries",
                "root_id",
                "shadow",
                "stamped_headers",
                "stamps",
                "task",
                "timelimit"
            ]
        );
        assert_eq!(message["headers"]["root_id"], "1");
        assert_eq!(message["headers"]["argsrepr"], "(2, 3)");
        assert_eq!(
            message["properties"]["delivery_info"],
            json!({"exchange": "", "routing_key": "celery"})
        );
        assert!(message["properties"].get("expiration").is_none());
    }

    #[test]
    fn time_limits_are_hard_first_and_whole_when_they_can_be() {
        let draft = Draft {
            time_limits: [Some(3.0), Some(1.5)],
            ..Draft::default()
        };
        let message: Value = serde_json::from_str(&draft.encode()).unwrap();
        assert_eq!(message["headers"]["timelimit"], json!([3, 1.5]));
    }
}
