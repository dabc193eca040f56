//! The body of a message, and the older protocol's calls, which are all body.

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::ZlibDecoder;
use serde_json::{Map, Value, json};

use crate::{
    json::{self, Json},
    message::Malformed,
};

/// Largest body accepted from a compressed message, in bytes.
pub(crate) const INFLATED_LIMIT: u64 = 64 * 1024 * 1024;

/// The body of a message, decoded and decompressed.
pub(crate) fn body(envelope: &Json<'_>) -> Result<Value, Malformed> {
    let text = |section: &str, name: &str| envelope.get(section)?.get(name)?.as_str();
    let content_type = envelope
        .get("content-type")
        .and_then(Json::as_str)
        .ok_or(Malformed::Field("content-type"))?;
    if content_type != "application/json" {
        return Err(Malformed::ContentType(content_type.to_owned()));
    }
    let body = envelope
        .get("body")
        .and_then(Json::as_str)
        .ok_or(Malformed::Field("body"))?;
    let mut bytes = match text("properties", "body_encoding") {
        Some("base64") => STANDARD.decode(body).map_err(Malformed::Base64)?,
        None => body.as_bytes().to_vec(),
        Some(_) => return Err(Malformed::Field("body_encoding")),
    };
    match text("headers", "compression") {
        None => {}
        Some("application/x-gzip") => {
            let mut inflated = Vec::new();
            ZlibDecoder::new(bytes.as_slice())
                .take(INFLATED_LIMIT + 1)
                .read_to_end(&mut inflated)
                .map_err(Malformed::Inflate)?;
            if inflated.len() as u64 > INFLATED_LIMIT {
                return Err(Malformed::TooLarge(inflated.len()));
            }
            bytes = inflated;
        }
        Some(other) => return Err(Malformed::Compression(other.to_owned())),
    }
    let text = String::from_utf8(bytes).map_err(|_| Malformed::Field("body"))?;
    json::parse(&text).map_err(Malformed::Body)
}

/// Turns a protocol 1 call, whose body holds everything, into protocol 2's headers and body.
pub(crate) fn from_protocol_1(
    mut call: Map<String, Value>,
    headers: &mut Map<String, Value>,
) -> Result<Value, Malformed> {
    for name in ["task", "id", "retries", "eta", "expires", "timelimit"] {
        if let Some(value) = call.remove(name) {
            headers.insert(name.to_owned(), value);
        }
    }
    if let Some(group) = call.remove("taskset") {
        headers.insert("group".into(), group);
    }
    if headers
        .get("task")
        .and_then(Value::as_str)
        .is_none_or(str::is_empty)
    {
        return Err(Malformed::Field("task"));
    }
    let mut take = |name: &str| call.remove(name).unwrap_or_default();
    let embed = json!({"callbacks": take("callbacks"), "errbacks": take("errbacks"), "chord": take("chord")});
    let (args, kwargs) = (take("args"), take("kwargs"));
    Ok(json!([
        if args.is_null() { json!([]) } else { args },
        if kwargs.is_null() { json!({}) } else { kwargs },
        embed
    ]))
}
