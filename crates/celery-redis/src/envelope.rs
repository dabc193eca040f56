//! Messages that are no tasks, events and remote control, in kombu's envelope.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    body,
    json::{self, Json},
    message::Malformed,
};

/// Largest message accepted, in bytes: twice what a mingle with 50,000 revoked ids comes to.
const LIMIT: usize = 8 * 1024 * 1024;

/// Wraps a body as a transient message.
pub(crate) fn wrap(body: &str, headers: &Value, exchange: &str, routing_key: &str) -> String {
    json!({
        "body": STANDARD.encode(body), "content-encoding": "utf-8", "content-type": "application/json",
        "headers": headers,
        "properties": {
            "delivery_mode": 1, "delivery_info": {"exchange": exchange, "routing_key": routing_key},
            "priority": 0, "body_encoding": "base64", "delivery_tag": Uuid::new_v4().to_string(),
        },
    })
    .to_string()
}

/// Unwraps headers and body.
pub(crate) fn unwrap(raw: &[u8]) -> Result<(Map<String, Value>, Value), Malformed> {
    if raw.len() > LIMIT {
        return Err(Malformed::TooLarge(raw.len()));
    }
    let text = std::str::from_utf8(raw).map_err(|_| Malformed::NoObject)?;
    let envelope = json::parse(text).map_err(Malformed::Envelope)?;
    if !envelope.is_object() {
        return Err(Malformed::NoObject);
    }
    let headers = envelope.get("headers").and_then(Value::as_object).cloned();
    let body = body::body(&Json::from(envelope))?;
    Ok((headers.unwrap_or_default(), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wrapped_is_unwrapped() {
        let raw = wrap(
            "{\"a\": 1}",
            &json!({"hostname": "w"}),
            "celeryev",
            "worker.online",
        );
        let (headers, body) = unwrap(raw.as_bytes()).unwrap();
        assert_eq!((headers["hostname"].as_str(), body), (Some("w"), json!({"a": 1})));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for raw in [
            &b"\xff\xfe"[..],
            b"",
            b"[]",
            b"{}",
            b"{\"body\": \"e30=\", \"content-type\": \"application/x-python-serialize\"}",
        ] {
            assert!(unwrap(raw).is_err());
        }
        assert!(matches!(
            unwrap(&vec![b' '; LIMIT + 1]),
            Err(Malformed::TooLarge(_))
        ));
    }
}
