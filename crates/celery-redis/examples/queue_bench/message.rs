//! The messages, written by hand so that sending costs the measuring side as little as possible.

use base64::Engine as _;
use serde_json::{Value, json};
use uuid::Uuid;

/// A task to send.
pub struct Task {
    pub name: &'static str,
    pub args: Value,
    /// Whether nobody wants its result.
    pub ignored: bool,
}

impl Task {
    /// Tasks that do nothing.
    pub fn noops(count: usize, ignored: bool) -> Vec<Self> {
        let noop = || Self {
            name: "tasks.noop",
            args: json!([]),
            ignored,
        };
        std::iter::repeat_with(noop).take(count).collect()
    }

    /// A task that notes in a file when it began.
    pub fn stamp(path: &str, number: usize) -> Self {
        Self {
            name: "tasks.stamp",
            args: json!([path, number]),
            ignored: true,
        }
    }

    /// The list element as kombu writes it.
    pub fn encode(&self) -> String {
        let id = Uuid::new_v4().to_string();
        let body =
            json!([self.args, {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]);
        let body = base64::engine::general_purpose::STANDARD.encode(body.to_string());
        json!({
            "body": body,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py", "task": self.name, "id": id, "shadow": null, "eta": null, "expires": null,
                "group": null, "group_index": null, "retries": 0, "timelimit": [null, null],
                "root_id": id, "parent_id": null, "argsrepr": "()", "kwargsrepr": "{}",
                "origin": "gen1@bench", "ignore_result": self.ignored, "replaced_task_nesting": 0,
                "stamped_headers": null, "stamps": {},
            },
            "properties": {
                "correlation_id": id, "reply_to": "", "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": crate::contender::QUEUE},
                "priority": 0, "body_encoding": "base64", "delivery_tag": Uuid::new_v4().to_string(),
            },
        })
        .to_string()
    }
}
