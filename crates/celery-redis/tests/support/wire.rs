//! Messages as they lie in a list, to be compared with Python's.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// What differs from one call to the next, or tells the sender.
const OWN: [&str; 10] = [
    "/headers/id",
    "/headers/root_id",
    "/headers/lang",
    "/headers/origin",
    "/properties/correlation_id",
    "/properties/reply_to",
    "/properties/delivery_tag",
    // These are only there if a call expires, and count from its sending.
    "/headers/expires",
    "/properties/expiration",
    "/headers/eta",
];

/// A message with its body decoded, and only the types of what is a call's or a sender's own.
pub fn comparable(raw: &str) -> Value {
    let mut message: Value = serde_json::from_str(raw).expect("JSON");
    let body = STANDARD
        .decode(message["body"].as_str().expect("text"))
        .expect("base64");
    message["body"] = serde_json::from_slice(&body).expect("JSON");
    for own in OWN {
        if let Some(value) = message.pointer_mut(own) {
            *value = json!(kind(value));
        }
    }
    message
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
