//! A message as received: reading it, and writing it again for a retry or a return to its queue.

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use flate2::read::ZlibDecoder;
use serde_json::{Map, Value, json};
use thiserror::Error;
use uuid::Uuid;

use crate::{clock, draft, json};

/// Header that counts the workers that died while executing the message.
const DEATHS: &str = "celery_redis_deaths";
/// Largest body accepted from a compressed message, in bytes.
const INFLATED_LIMIT: u64 = 64 * 1024 * 1024;

/// Why a message cannot be executed by anyone.
#[derive(Debug, Error)]
pub(crate) enum Malformed {
    #[error("not JSON: {0}")]
    Envelope(#[source] serde_json::Error),
    #[error("the message is no JSON object")]
    NoObject,
    #[error("`{0}` is missing or of the wrong type")]
    Field(&'static str),
    #[error("content type `{0}` is not accepted, only application/json is")]
    ContentType(String),
    #[error("compression `{0}` is not supported")]
    Compression(String),
    #[error("the body is not base64: {0}")]
    Base64(#[source] base64::DecodeError),
    #[error("the body cannot be decompressed: {0}")]
    Inflate(#[source] std::io::Error),
    #[error("the body is not JSON: {0}")]
    Body(#[source] serde_json::Error),
    #[error("`{0}` is no ISO-8601 time")]
    Time(&'static str),
    #[error("{0} bytes are too many for a message of its kind")]
    TooLarge(usize),
}

/// What the sender wants done around the call.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Embed {
    pub callbacks: Vec<Value>,
    pub errbacks: Vec<Value>,
    /// The rest of the chain, reversed: the next task is last.
    pub chain: Vec<Value>,
    pub chord: Option<Value>,
}

impl Embed {
    fn read(value: Option<&Value>) -> Result<Self, Malformed> {
        let list = |name| match value.and_then(|embed| embed.get(name)) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items.clone()),
            Some(single @ Value::Object(_)) => Ok(vec![single.clone()]),
            Some(_) => Err(Malformed::Field("embed")),
        };
        if value.is_some_and(|embed| !embed.is_object() && !embed.is_null()) {
            return Err(Malformed::Field("embed"));
        }
        Ok(Self {
            callbacks: list("callbacks")?,
            errbacks: list("errbacks")?,
            chain: list("chain")?,
            chord: value
                .and_then(|embed| embed.get("chord"))
                .filter(|chord| chord.is_object())
                .cloned(),
        })
    }
}

/// A message that can be executed.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub headers: Map<String, Value>,
    pub id: String,
    pub task: String,
    pub args: Vec<Value>,
    pub kwargs: Map<String, Value>,
    pub embed: Embed,
    pub eta: Option<DateTime<Utc>>,
    pub expires: Option<DateTime<Utc>>,
    pub retries: u32,
    /// `[hard, soft]`, positive seconds.
    pub time_limits: [Option<f64>; 2],
    pub group: Option<String>,
    pub group_index: Option<f64>,
    pub root_id: Option<String>,
    pub parent_id: Option<String>,
    pub ignore_result: bool,
    /// Whether the message leaves it to the task whether its result is ignored.
    pub ignores_by_default: bool,
    pub correlation_id: String,
    pub reply_to: String,
    pub priority: i64,
    pub redelivered: bool,
    pub deaths: u32,
    /// The address it was sent to: empty for the anonymous exchange, absent in what was never sent by kombu.
    pub exchange: Option<String>,
    pub routing_key: Option<String>,
}

impl Message {
    /// Reads a list element: protocol 2, or the older protocol 1.
    pub(crate) fn parse(raw: &str) -> Result<Self, Malformed> {
        let Value::Object(mut envelope) = json::parse(raw).map_err(Malformed::Envelope)? else {
            return Err(Malformed::NoObject);
        };
        let mut headers = take_object(&mut envelope, "headers");
        let properties = take_object(&mut envelope, "properties");
        let mut body = body(&envelope, &headers, &properties)?;
        if headers.get("task").is_none_or(Value::is_null)
            && let Value::Object(call) = &mut body
        {
            body = from_protocol_1(std::mem::take(call), &mut headers)?;
        }
        let Value::Array(parts) = body else {
            return Err(Malformed::Field("body"));
        };
        let Ok([args, kwargs, embed]) = <[Value; 3]>::try_from(parts) else {
            return Err(Malformed::Field("body"));
        };
        let Value::Array(args) = args else {
            return Err(Malformed::Field("args"));
        };
        let Value::Object(kwargs) = kwargs else {
            return Err(Malformed::Field("kwargs"));
        };
        let limit = |at: usize| {
            let limit = headers.get("timelimit")?.get(at)?.as_f64();
            limit.filter(|limit| *limit > 0.0)
        };
        let address = |name: &str| {
            let info = properties.get("delivery_info")?;
            info.get(name)?.as_str().map(str::to_owned)
        };
        let id = required(&headers, "id")?;
        Ok(Self {
            task: required(&headers, "task")?,
            args,
            kwargs,
            embed: Embed::read(Some(&embed))?,
            eta: time(&headers, "eta")?,
            expires: time(&headers, "expires")?,
            retries: count(headers.get("retries")),
            time_limits: [limit(0), limit(1)],
            group: optional(&headers, "group"),
            group_index: headers.get("group_index").and_then(Value::as_f64),
            root_id: optional(&headers, "root_id"),
            parent_id: optional(&headers, "parent_id"),
            ignores_by_default: headers.get("ignore_result").is_none_or(Value::is_null),
            ignore_result: headers
                .get("ignore_result")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            correlation_id: optional(&properties, "correlation_id").unwrap_or_else(|| id.clone()),
            reply_to: optional(&properties, "reply_to").unwrap_or_default(),
            priority: priority(&properties),
            redelivered: headers
                .get("redelivered")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            deaths: count(headers.get(DEATHS)),
            exchange: address("exchange"),
            routing_key: address("routing_key"),
            id,
            headers,
        })
    }

    /// The id in a message that cannot be executed, for the log and for a waiting caller.
    pub(crate) fn id_of(raw: &str) -> Option<String> {
        let value = json::parse(raw).ok()?;
        let id = value.get("headers").and_then(|headers| headers.get("id"));
        id.or_else(|| {
            value
                .get("properties")
                .and_then(|properties| properties.get("correlation_id"))
        })
        .and_then(Value::as_str)
        .map(str::to_owned)
    }

    /// The id of the first task of the workflow.
    pub(crate) fn root(&self) -> &str {
        self.root_id.as_deref().unwrap_or(&self.id)
    }

    /// The message that repeats this call: everything is kept but the count, the time and the delivery tag.
    pub(crate) fn retry(&self, raw: &str, eta: Option<DateTime<Utc>>) -> Result<String, Malformed> {
        let Value::Object(mut envelope) = json::parse(raw).map_err(Malformed::Envelope)? else {
            return Err(Malformed::NoObject);
        };
        let mut headers = self.headers.clone();
        headers.insert("retries".into(), json!(self.retries + 1));
        headers.insert("eta".into(), json!(eta.map(clock::iso)));
        headers.insert("root_id".into(), json!(self.root()));
        headers.insert(
            "parent_id".into(),
            json!(self.parent_id.as_deref().unwrap_or(&self.id)),
        );
        headers.remove("redelivered");
        headers.remove(DEATHS);
        let mut properties = object(envelope.get("properties"));
        properties.insert("delivery_tag".into(), json!(Uuid::new_v4().to_string()));
        if let Some(expires) = self.expires {
            properties.insert("expiration".into(), json!(draft::expiration(expires)));
        }
        if let Some(Value::Object(info)) = properties.get_mut("delivery_info") {
            info.remove("redelivered");
        }
        // A message of protocol 1 has no headers to carry these; it goes on as protocol 2.
        if object(envelope.get("headers"))
            .get("task")
            .is_none_or(Value::is_null)
        {
            let list = |items: &[Value]| {
                if items.is_empty() {
                    Value::Null
                } else {
                    json!(items)
                }
            };
            let embed = json!({"callbacks": list(&self.embed.callbacks), "errbacks": list(&self.embed.errbacks),
                               "chain": list(&self.embed.chain), "chord": self.embed.chord});
            envelope.insert(
                "body".into(),
                json!(STANDARD.encode(json!([self.args, self.kwargs, embed]).to_string())),
            );
            properties.insert("body_encoding".into(), json!("base64"));
            headers.remove("compression");
        }
        envelope.insert("headers".into(), Value::Object(headers));
        envelope.insert("properties".into(), Value::Object(properties));
        Ok(Value::Object(envelope).to_string())
    }
}

/// A message on its way back to its queue: both `redelivered` flags set, and a death counted if one happened.
pub(crate) fn redelivered(raw: &str, died: bool) -> Option<String> {
    let Ok(Value::Object(mut envelope)) = json::parse(raw) else {
        return None;
    };
    let headers = envelope
        .entry("headers")
        .or_insert_with(|| json!({}))
        .as_object_mut()?;
    headers.insert("redelivered".into(), json!(true));
    if died {
        let deaths = count(headers.get(DEATHS)) + 1;
        headers.insert(DEATHS.into(), json!(deaths));
    }
    let info = envelope
        .get_mut("properties")?
        .as_object_mut()?
        .get_mut("delivery_info")?
        .as_object_mut()?;
    info.insert("redelivered".into(), json!(true));
    Some(Value::Object(envelope).to_string())
}

/// The priority in a message, of which kombu accepts any number and text that reads as one.
pub(crate) fn priority_of(raw: &str) -> i64 {
    json::parse(raw)
        .ok()
        .map_or(0, |value| priority(&object(value.get("properties"))))
}

fn priority(properties: &Map<String, Value>) -> i64 {
    match properties.get("priority") {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a saturated priority is clamped later"
        )]
        Some(Value::Number(number)) => number
            .as_i64()
            .or_else(|| number.as_f64().map(|n| n as i64))
            .unwrap_or(0),
        Some(Value::String(text)) => text.trim().parse().unwrap_or(0),
        _ => 0,
    }
}

/// The body of a message, decoded and decompressed.
pub(crate) fn body(
    envelope: &Map<String, Value>,
    headers: &Map<String, Value>,
    properties: &Map<String, Value>,
) -> Result<Value, Malformed> {
    let content_type = envelope
        .get("content-type")
        .and_then(Value::as_str)
        .ok_or(Malformed::Field("content-type"))?;
    if content_type != "application/json" {
        return Err(Malformed::ContentType(content_type.to_owned()));
    }
    let body = envelope
        .get("body")
        .and_then(Value::as_str)
        .ok_or(Malformed::Field("body"))?;
    let mut bytes = match properties.get("body_encoding").and_then(Value::as_str) {
        Some("base64") => STANDARD.decode(body).map_err(Malformed::Base64)?,
        None => body.as_bytes().to_vec(),
        Some(_) => return Err(Malformed::Field("body_encoding")),
    };
    match headers.get("compression").and_then(Value::as_str) {
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
fn from_protocol_1(
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
    required(headers, "task")?;
    let mut take = |name: &str| call.remove(name).unwrap_or_default();
    let embed = json!({"callbacks": take("callbacks"), "errbacks": take("errbacks"), "chord": take("chord")});
    let (args, kwargs) = (take("args"), take("kwargs"));
    Ok(json!([
        if args.is_null() { json!([]) } else { args },
        if kwargs.is_null() { json!({}) } else { kwargs },
        embed
    ]))
}

fn object(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn take_object(map: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match map.remove(name) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn optional(map: &Map<String, Value>, name: &str) -> Option<String> {
    map.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn required(map: &Map<String, Value>, name: &'static str) -> Result<String, Malformed> {
    optional(map, name)
        .filter(|text| !text.is_empty())
        .ok_or(Malformed::Field(name))
}

fn count(value: Option<&Value>) -> u32 {
    value
        .and_then(Value::as_u64)
        .map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX))
}

fn time(headers: &Map<String, Value>, name: &'static str) -> Result<Option<DateTime<Utc>>, Malformed> {
    match headers.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => clock::parse(text).map(Some).ok_or(Malformed::Time(name)),
        Some(_) => Err(Malformed::Time(name)),
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
