//! Remote control as it travels: requests by pub/sub to all workers, replies through a list of the asker's own.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use redis::RedisError;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    clock, envelope,
    keys::{Keys, PRIORITY_STEPS, SEP},
    link::{Link, Server},
};

/// The exchange that replies go through; no other is ever written to on somebody's request.
pub(crate) const REPLY_EXCHANGE: &str = "reply.celery.pidbox";
/// Life of a reply that nobody fetches.
const REPLY_LIFE: Duration = Duration::from_mins(1);
/// How long kombu leaves the binding of an asker that never came back, in milliseconds.
const BINDING_LIFE_MS: i64 = 3_600_000;

/// Where a request's reply goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReplyTo {
    pub routing_key: String,
    pub ticket: Value,
}

/// A request, to this worker or to others as well.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub method: String,
    pub arguments: Map<String, Value>,
    pub destination: Vec<String>,
    /// Pattern and matcher: `glob` or `pcre`.
    pub pattern: Option<(String, String)>,
    pub reply_to: Option<ReplyTo>,
}

impl Request {
    /// Reads the body of a request; `Err` names the field that is missing or of the wrong type.
    pub(crate) fn read(body: &Value) -> Result<Self, &'static str> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let destination = match body.get("destination") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(names)) => names
                .iter()
                .map(|name| name.as_str().map(str::to_owned).ok_or("destination"))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err("destination"),
        };
        let arguments = match body.get("arguments") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(arguments)) => arguments.clone(),
            Some(_) => return Err("arguments"),
        };
        let reply_to = match body.get("reply_to") {
            None | Some(Value::Null) => None,
            Some(to) if to.get("exchange").and_then(Value::as_str) == Some(REPLY_EXCHANGE) => Some(ReplyTo {
                routing_key: text(to.get("routing_key")).ok_or("reply_to")?,
                ticket: body.get("ticket").cloned().unwrap_or_default(),
            }),
            Some(_) => return Err("reply_to"),
        };
        Ok(Self {
            method: text(body.get("method")).ok_or("method")?,
            arguments,
            destination,
            pattern: text(body.get("pattern")).zip(text(body.get("matcher"))),
            reply_to,
        })
    }

    fn encode(&self, timeout: Option<Duration>) -> String {
        let mut body = json!({
            "method": self.method, "arguments": self.arguments,
            "destination": if self.destination.is_empty() { Value::Null } else { json!(self.destination) },
            "pattern": self.pattern.as_ref().map(|(pattern, _)| pattern),
            "matcher": self.pattern.as_ref().map(|(_, matcher)| matcher),
        });
        if let Some(to) = &self.reply_to {
            body["ticket"] = to.ticket.clone();
            body["reply_to"] = json!({"exchange": REPLY_EXCHANGE, "routing_key": to.routing_key});
        }
        let expires = timeout.map_or(0.0, |timeout| clock::epoch() + timeout.as_secs_f64());
        envelope::wrap(
            &body.to_string(),
            &json!({"clock": 1, "expires": expires}),
            "celery.pidbox",
            "",
        )
    }

    /// Sends a request that nobody answers; returns how many heard it.
    pub(crate) async fn tell(&self, link: &Link, keys: &Keys, database: i64) -> Result<usize, RedisError> {
        let mut publish = redis::pipe();
        publish.publish(keys.pidbox(database), self.encode(None));
        let (heard,): (usize,) = link.query(&publish).await?;
        Ok(heard)
    }

    /// Sends the request and collects replies by node name until the timeout, or until all have answered that
    /// can be known to: those named, or everybody who heard it but `silent`.
    pub(crate) async fn ask(
        mut self,
        server: &Server,
        keys: &Keys,
        timeout: Duration,
        silent: usize,
    ) -> Result<Vec<(String, Value)>, RedisError> {
        let started = Instant::now();
        let (oid, ticket) = (Uuid::new_v4().to_string(), json!(Uuid::new_v4().to_string()));
        self.reply_to = Some(ReplyTo {
            routing_key: oid.clone(),
            ticket: ticket.clone(),
        });
        let queue = format!("{oid}.{REPLY_EXCHANGE}");
        let (binding, member) = (keys.binding(REPLY_EXCHANGE), format!("{oid}{SEP}{SEP}{queue}"));
        let lists: Vec<String> = PRIORITY_STEPS
            .iter()
            .map(|step| keys.list(&queue, i64::from(*step)))
            .collect();
        // A connection of its own: BRPOP would hold up everybody else's calls.
        let mut connection = server.connect(None).await?;
        let mut send = redis::pipe();
        send.sadd(&binding, &member).ignore();
        send.cmd("ZADD")
            .arg(keys.binding_deadlines())
            .arg("GT")
            .arg(clock::now().timestamp_millis() + BINDING_LIFE_MS)
            .arg(REPLY_EXCHANGE)
            .ignore();
        send.publish(keys.pidbox(server.database()), self.encode(Some(timeout)));
        let (heard,): (usize,) = send.query_async(&mut connection).await?;
        let expected = match (self.destination.len(), &self.pattern) {
            (0, None) => heard.saturating_sub(silent),
            // Nobody knows how many a pattern matches.
            (0, Some(_)) => usize::MAX,
            (named, _) => named,
        };
        let mut replies = Vec::new();
        let mut failed = None;
        while replies.len() < expected {
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                break;
            }
            let mut pop = redis::cmd("BRPOP");
            pop.arg(&lists).arg(left.as_secs_f64().clamp(0.01, 1.0));
            match pop
                .query_async::<Option<(String, Vec<u8>)>>(&mut connection)
                .await
            {
                Ok(Some((_, raw))) => replies.extend(read_reply(&raw, &ticket)),
                Ok(None) => {}
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let mut tidy = redis::pipe();
        tidy.srem(binding, member).ignore();
        tidy.del(lists).ignore();
        let tidied = tidy.query_async::<()>(&mut connection).await;
        match failed.or(tidied.err()) {
            Some(error) => Err(error),
            None => Ok(replies),
        }
    }
}

/// The answers in one reply, `{node: answer}`; none if it answers another question or cannot be read.
fn read_reply(raw: &[u8], ticket: &Value) -> Vec<(String, Value)> {
    match envelope::unwrap(raw) {
        Ok((headers, Value::Object(answers)))
            if headers.get("ticket").is_none_or(|answered| answered == ticket) =>
        {
            answers.into_iter().collect()
        }
        Ok(_) => Vec::new(),
        Err(problem) => {
            tracing::warn!(problem = %problem, "ignored an unreadable reply to a control request");
            Vec::new()
        }
    }
}

/// Answers a request, if the asker still waits.
pub(crate) async fn reply(
    link: &Link,
    keys: &Keys,
    to: &ReplyTo,
    node: &str,
    clock: u64,
    answer: Value,
) -> Result<(), RedisError> {
    let mut bound = redis::pipe();
    bound.smembers(keys.binding(REPLY_EXCHANGE));
    let (members,): (Vec<String>,) = link.query(&bound).await?;
    let queues: HashSet<String> = members
        .iter()
        .filter_map(|member| {
            let mut parts = member.split(SEP);
            let (routing_key, queue) = (parts.next()?, parts.nth(1)?);
            // A binding that leads elsewhere is a forgery: no request may make us write into a queue of tasks.
            (routing_key == to.routing_key && queue.ends_with(REPLY_EXCHANGE)).then(|| queue.to_owned())
        })
        .collect();
    if queues.is_empty() {
        return Ok(());
    }
    let body = Value::Object(Map::from_iter([(node.to_owned(), answer)])).to_string();
    let raw = envelope::wrap(
        &body,
        &json!({"ticket": to.ticket, "clock": clock}),
        REPLY_EXCHANGE,
        &to.routing_key,
    );
    let mut push = redis::pipe();
    for queue in queues {
        let list = keys.list(&queue, 0);
        push.lpush(&list, &raw).ignore();
        push.expire(&list, i64::try_from(REPLY_LIFE.as_secs()).unwrap_or(60))
            .ignore();
    }
    link.query(&push).await
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_forged_request_is_refused() {
        for body in [
            json!(null),
            json!([]),
            json!({"method": 1}),
            json!({"method": "ping", "arguments": []}),
            json!({"method": "ping", "destination": "everybody"}),
            json!({"method": "ping", "reply_to": {"exchange": "celery", "routing_key": "celery"}}),
        ] {
            assert!(Request::read(&body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_request_is_read_as_it_was_written() {
        let request = Request {
            method: "ping".into(),
            arguments: Map::new(),
            destination: vec!["w@h".into()],
            pattern: Some(("w*".into(), "glob".into())),
            reply_to: Some(ReplyTo {
                routing_key: "oid".into(),
                ticket: json!("t"),
            }),
        };
        let (_, body) = envelope::unwrap(request.encode(None).as_bytes()).unwrap();
        assert_eq!(Request::read(&body), Ok(request));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            Just(json!(REPLY_EXCHANGE)),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            let name = prop_oneof![
                Just("method"),
                Just("arguments"),
                Just("destination"),
                Just("pattern"),
                Just("matcher"),
                Just("reply_to"),
                Just("exchange"),
                Just("routing_key"),
                Just("ticket"),
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(name.prop_map(str::to_owned), inner, 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_read_means_the_same_once_written(method in ".{0,12}", mut body in any_json()) {
            if let Value::Object(fields) = &mut body {
                fields.insert("method".to_owned(), json!(method));
            }
            if let Ok(request) = Request::read(&body) {
                prop_assert_eq!(Some(request.method.as_str()), body["method"].as_str());
                let (_, again) = envelope::unwrap(request.encode(None).as_bytes()).unwrap();
                prop_assert_eq!(Request::read(&again), Ok(request));
            }
        }

        #[test]
        fn a_reply_goes_nowhere_but_into_a_reply_queue(to in any_json()) {
            let body = json!({"method": "ping", "reply_to": to});
            let ours = body["reply_to"]["exchange"] == REPLY_EXCHANGE;
            if let Ok(Request { reply_to: Some(_), .. }) = Request::read(&body) {
                prop_assert!(ours);
            }
        }
    }
}
