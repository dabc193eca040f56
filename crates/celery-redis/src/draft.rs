//! A message about to be sent: protocol 2, as Celery 5.7 writes it.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{clock, json, keys::DEFAULT_QUEUE};

/// `gen<pid>@<host>`, the sender of a message.
pub(crate) static ORIGIN: LazyLock<String> =
    LazyLock::new(|| format!("gen{}@{}", std::process::id(), host_name()));

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
    /// A named exchange, and with which key it is asked; empty for none.
    pub exchange: String,
    pub routing_key: String,
    /// Where it goes otherwise.
    pub queue: Option<String>,
    pub priority: i64,
}

impl Draft {
    /// The queue the message goes to.
    pub(crate) fn queue(&self) -> &str {
        self.queue.as_deref().unwrap_or(DEFAULT_QUEUE)
    }

    /// What the exchange is asked with: a queue's name, unless it is a named one.
    pub(crate) fn routing_key(&self) -> &str {
        if self.exchange.is_empty() {
            self.queue()
        } else {
            &self.routing_key
        }
    }

    /// The list element.
    pub(crate) fn encode(&self) -> String {
        let embed = json!({"callbacks": self.callbacks, "errbacks": self.errbacks, "chain": self.chain, "chord": self.chord});
        let body = json!([self.args, self.kwargs, embed]).to_string();
        let (nesting, stamps) = (json!(0), json!({}));
        let own = TaskHeaders {
            lang: "rs",
            task: &self.task,
            id: &self.id,
            shadow: self.shadow.as_deref(),
            eta: &self.eta,
            expires: self.expires.map(clock::iso),
            group: &self.group,
            group_index: &self.group_index,
            retries: 0,
            timelimit: self.time_limits.map(seconds),
            root_id: self.root_id.as_ref().unwrap_or(&self.id),
            parent_id: self.parent_id.as_deref(),
            argsrepr: json::repr_args(&self.args),
            kwargsrepr: json::repr_kwargs(&self.kwargs),
            origin: &ORIGIN,
            ignore_result: self.ignore_result,
            replaced_task_nesting: Some(&self.replaced_task_nesting)
                .filter(|nesting| !nesting.is_null())
                .unwrap_or(&nesting),
            stamped_headers: &self.stamped_headers,
            stamps: Some(&self.stamps)
                .filter(|stamps| !stamps.is_null())
                .unwrap_or(&stamps),
        };
        let tag = Uuid::new_v4().to_string();
        let properties = Properties {
            correlation_id: &self.id,
            reply_to: &self.reply_to,
            delivery_mode: 2,
            delivery_info: Address {
                exchange: &self.exchange,
                routing_key: self.routing_key(),
            },
            priority: self.priority,
            body_encoding: "base64",
            expiration: self.expires.map(expiration),
            delivery_tag: &tag,
        };
        let written = if self.headers.is_empty() {
            serde_json::to_string(&Envelope::of(&body, own, properties))
        } else {
            self.with_custom(&own)
                .and_then(|headers| serde_json::to_string(&Envelope::of(&body, headers, properties)))
        };
        // Nothing in it can fail to be written.
        written.unwrap_or_default()
    }

    /// Custom headers, below Celery's own.
    fn with_custom(&self, own: &TaskHeaders<'_>) -> Result<Value, serde_json::Error> {
        let mut headers = self.headers.clone();
        if let Value::Object(own) = serde_json::to_value(own)? {
            headers.extend(own);
        }
        Ok(Value::Object(headers))
    }
}

/// What is written, in kombu's order.
#[derive(Serialize)]
struct Envelope<'a, H> {
    body: String,
    #[serde(rename = "content-encoding")]
    encoding: &'static str,
    #[serde(rename = "content-type")]
    content_type: &'static str,
    headers: H,
    properties: Properties<'a>,
}

impl<'a, H> Envelope<'a, H> {
    fn of(body: &str, headers: H, properties: Properties<'a>) -> Self {
        Self {
            body: STANDARD.encode(body),
            encoding: "utf-8",
            content_type: "application/json",
            headers,
            properties,
        }
    }
}

#[derive(Serialize)]
struct TaskHeaders<'a> {
    lang: &'static str,
    task: &'a str,
    id: &'a str,
    shadow: Option<&'a str>,
    eta: &'a Value,
    expires: Option<String>,
    group: &'a Value,
    group_index: &'a Value,
    retries: u32,
    timelimit: [Value; 2],
    root_id: &'a str,
    parent_id: Option<&'a str>,
    argsrepr: String,
    kwargsrepr: String,
    origin: &'a str,
    ignore_result: bool,
    replaced_task_nesting: &'a Value,
    stamped_headers: &'a Value,
    stamps: &'a Value,
}

#[derive(Serialize)]
struct Properties<'a> {
    correlation_id: &'a str,
    reply_to: &'a str,
    delivery_mode: u8,
    delivery_info: Address<'a>,
    priority: i64,
    body_encoding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<String>,
    delivery_tag: &'a str,
}

#[derive(Serialize)]
struct Address<'a> {
    exchange: &'a str,
    routing_key: &'a str,
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
