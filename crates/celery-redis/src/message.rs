//! A message as received: reading it, and writing it again for a retry or a return to its queue.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Number, Value, json};
use thiserror::Error;
use uuid::Uuid;

use crate::{
    body::{body, from_protocol_1},
    clock, draft,
    json::{self, Json},
};

/// Header that counts the workers that died while executing the message.
const DEATHS: &str = "celery_redis_deaths";

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
    fn read(value: Value) -> Result<Self, Malformed> {
        let mut members = match value {
            Value::Null => return Ok(Self::default()),
            Value::Object(members) => members,
            _ => return Err(Malformed::Field("embed")),
        };
        let mut list = |name: &str| match members.remove(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(single @ Value::Object(_)) => Ok(vec![single]),
            Some(_) => Err(Malformed::Field("embed")),
        };
        Ok(Self {
            callbacks: list("callbacks")?,
            errbacks: list("errbacks")?,
            chain: list("chain")?,
            chord: members.remove("chord").filter(Value::is_object),
        })
    }
}

/// A message that can be executed.
#[derive(Debug, Clone)]
pub(crate) struct Message {
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
    /// What tells its copies from other messages; empty in what was never sent by kombu.
    pub delivery_tag: String,
    /// The address it was sent to: empty for the anonymous exchange, absent in what was never sent by kombu.
    pub exchange: Option<String>,
    pub routing_key: Option<String>,
    /// The sender: process and host.
    pub origin: Option<String>,
}

impl Message {
    /// Reads a list element: protocol 2, or the older protocol 1.
    pub(crate) fn parse(raw: &str) -> Result<Self, Malformed> {
        json::look_into(raw, Self::read).map_err(Malformed::Envelope)?
    }

    fn read(envelope: &Json<'_>) -> Result<Self, Malformed> {
        if !matches!(envelope, Json::Object(_)) {
            return Err(Malformed::NoObject);
        }
        let (headers, properties) = (envelope.get("headers"), envelope.get("properties"));
        let body = body(envelope)?;
        if headers
            .and_then(|headers| headers.get("task"))
            .is_none_or(Json::is_null)
            && let Value::Object(call) = body
        {
            let mut older = Map::new();
            let body = from_protocol_1(call, &mut older)?;
            let mut merged = match headers {
                Some(Json::Object(members)) => members.clone(),
                _ => Vec::new(),
            };
            merged.extend(older.into_iter().map(|(name, value)| (name.into(), value.into())));
            return Self::of(&Json::Object(merged), properties.unwrap_or(&Json::Null), body);
        }
        Self::of(
            headers.unwrap_or(&Json::Null),
            properties.unwrap_or(&Json::Null),
            body,
        )
    }

    fn of(headers: &Json<'_>, properties: &Json<'_>, body: Value) -> Result<Self, Malformed> {
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
            let limit = headers.get("timelimit")?.at(at)?.as_number()?.as_f64();
            limit.filter(|limit| *limit > 0.0)
        };
        let flag = |name: &str| headers.get(name).and_then(Json::as_bool).unwrap_or(false);
        let address = |name: &str| optional(properties.get("delivery_info")?, name);
        let id = required(headers, "id")?;
        Ok(Self {
            task: required(headers, "task")?,
            args,
            kwargs,
            embed: Embed::read(embed)?,
            eta: time(headers, "eta")?,
            expires: time(headers, "expires")?,
            retries: count(headers, "retries"),
            time_limits: [limit(0), limit(1)],
            group: optional(headers, "group"),
            group_index: headers
                .get("group_index")
                .and_then(Json::as_number)
                .and_then(Number::as_f64),
            root_id: optional(headers, "root_id"),
            parent_id: optional(headers, "parent_id"),
            ignores_by_default: headers.get("ignore_result").is_none_or(Json::is_null),
            ignore_result: flag("ignore_result"),
            correlation_id: optional(properties, "correlation_id").unwrap_or_else(|| id.clone()),
            reply_to: optional(properties, "reply_to").unwrap_or_default(),
            priority: priority(properties),
            redelivered: flag("redelivered"),
            deaths: count(headers, DEATHS),
            delivery_tag: optional(properties, "delivery_tag").unwrap_or_default(),
            exchange: address("exchange"),
            routing_key: address("routing_key"),
            origin: optional(headers, "origin"),
            id,
        })
    }

    /// Whether it has an address and a tag, as whatever kombu sends.
    pub(crate) fn is_addressed(&self) -> bool {
        self.exchange.is_some() && self.routing_key.is_some() && !self.delivery_tag.is_empty()
    }

    /// Exchange and routing key, as far as it has them.
    pub(crate) fn address(&self) -> (&str, &str) {
        (
            self.exchange.as_deref().unwrap_or_default(),
            self.routing_key.as_deref().unwrap_or_default(),
        )
    }

    /// The id in a message that cannot be executed, for the log and for a waiting caller.
    pub(crate) fn id_of(raw: &str) -> Option<String> {
        let id = |envelope: &Json<'_>| {
            let id = envelope.get("headers").and_then(|headers| headers.get("id"));
            let id = id.or_else(|| envelope.get("properties")?.get("correlation_id"));
            id.and_then(Json::as_str).map(str::to_owned)
        };
        json::look_into(raw, id).ok()?
    }

    /// All headers, custom ones included: few ask for them.
    pub(crate) fn headers(raw: &str) -> Result<Map<String, Value>, Malformed> {
        let Value::Object(mut envelope) = json::parse(raw).map_err(Malformed::Envelope)? else {
            return Err(Malformed::NoObject);
        };
        let mut headers = match envelope.remove("headers") {
            Some(Value::Object(headers)) => headers,
            _ => Map::new(),
        };
        if headers.get("task").is_none_or(Value::is_null)
            && let Value::Object(call) = json::look_into(raw, body).map_err(Malformed::Envelope)??
        {
            from_protocol_1(call, &mut headers)?;
        }
        Ok(headers)
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
        let mut headers = Self::headers(raw)?;
        headers.insert("retries".into(), json!(self.retries.saturating_add(1)));
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
        let deaths = saturated(headers.get(DEATHS).and_then(Value::as_u64)).saturating_add(1);
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

/// The id of a message that is too large to be read: kombu writes the properties last.
pub(crate) fn id_near_end(raw: &[u8]) -> Option<String> {
    let end = String::from_utf8_lossy(&raw[raw.len().saturating_sub(64 * 1024)..]);
    let (_, after) = end.split_once("\"correlation_id\":")?;
    let (id, _) = after.trim_start().strip_prefix('"')?.split_once('"')?;
    Some(id.to_owned())
}

/// The priority in a message, of which kombu accepts any number and text that reads as one.
pub(crate) fn priority_of(raw: &str) -> i64 {
    json::look_into(raw, |envelope| envelope.get("properties").map_or(0, priority)).unwrap_or(0)
}

fn priority(properties: &Json<'_>) -> i64 {
    match properties.get("priority") {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a saturated priority is clamped later"
        )]
        Some(Json::Number(number)) => number
            .as_i64()
            .or_else(|| number.as_f64().map(|n| n as i64))
            .unwrap_or(0),
        Some(Json::String(text)) => text.trim().parse().unwrap_or(0),
        _ => 0,
    }
}

fn object(value: Option<&Value>) -> Map<String, Value> {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn optional(json: &Json<'_>, name: &str) -> Option<String> {
    json.get(name).and_then(Json::as_str).map(str::to_owned)
}

fn required(headers: &Json<'_>, name: &'static str) -> Result<String, Malformed> {
    optional(headers, name)
        .filter(|text| !text.is_empty())
        .ok_or(Malformed::Field(name))
}

fn count(headers: &Json<'_>, name: &str) -> u32 {
    saturated(
        headers
            .get(name)
            .and_then(Json::as_number)
            .and_then(Number::as_u64),
    )
}

fn saturated(count: Option<u64>) -> u32 {
    count.map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX))
}

fn time(headers: &Json<'_>, name: &'static str) -> Result<Option<DateTime<Utc>>, Malformed> {
    match headers.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => clock::parse(text).map(Some).ok_or(Malformed::Time(name)),
        Some(_) => Err(Malformed::Time(name)),
    }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
