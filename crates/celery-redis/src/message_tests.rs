use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{body::INFLATED_LIMIT, draft::Draft, message::*};

fn envelope(body: &Value) -> Value {
    json!({"body": STANDARD.encode(body.to_string()), "content-encoding": "utf-8", "content-type": "application/json",
           "headers": {"task": "t", "id": "1"},
           "properties": {"delivery_tag": "tag", "delivery_info": {"exchange": "", "routing_key": "q"}, "body_encoding": "base64"}})
}

fn plain() -> Value {
    envelope(&json!([[1], {"k": 2}, {"callbacks": null}]))
}

#[test]
fn a_message_that_we_write_is_read_back() {
    let draft = Draft {
        task: "t".into(),
        id: "1".into(),
        args: vec![json!(1)],
        time_limits: [Some(2.5), None],
        priority: 4,
        ..Draft::default()
    };
    let message = Message::parse(&draft.encode()).unwrap();
    assert_eq!(
        (message.task.as_str(), message.id.as_str(), message.priority),
        ("t", "1", 4)
    );
    assert_eq!(message.args, [json!(1)]);
    assert_eq!(message.time_limits, [Some(2.5), None]);
}

#[test]
fn only_task_and_id_are_required_of_the_headers() {
    let message = Message::parse(&plain().to_string()).unwrap();
    assert_eq!(
        (message.retries, message.eta, message.ignore_result),
        (0, None, false)
    );
    let mut nulls = plain();
    for name in [
        "retries",
        "timelimit",
        "ignore_result",
        "stamps",
        "root_id",
        "eta",
        "expires",
        "group",
    ] {
        nulls["headers"][name] = Value::Null;
    }
    assert!(Message::parse(&nulls.to_string()).is_ok());
}

#[test]
fn what_would_kill_a_python_worker_is_an_error_here() {
    type Spoiler = fn(&mut Value);
    let broken: [(&str, Spoiler); 9] = [
        ("no content type", |m| {
            drop(m.as_object_mut().unwrap().remove("content-type"));
        }),
        ("no body", |m| drop(m.as_object_mut().unwrap().remove("body"))),
        ("body not base64", |m| m["body"] = json!("%%%")),
        ("two-element body", |m| {
            m["body"] = json!(STANDARD.encode("[[],{}]"));
        }),
        ("pickle", |m| {
            m["content-type"] = json!("application/x-python-serialize");
        }),
        ("no id", |m| {
            drop(m["headers"].as_object_mut().unwrap().remove("id"));
        }),
        ("no task", |m| {
            drop(m["headers"].as_object_mut().unwrap().remove("task"));
        }),
        ("eta garbage", |m| m["headers"]["eta"] = json!("tomorrow")),
        ("eta number", |m| m["headers"]["eta"] = json!(5)),
    ];
    for (what, spoil) in broken {
        let mut message = plain();
        spoil(&mut message);
        assert!(Message::parse(&message.to_string()).is_err(), "{what}");
    }
    assert!(Message::parse("not json").is_err());
}

#[test]
fn a_compressed_body_is_inflated() {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"[[7], {}, null]").unwrap();
    let mut message = plain();
    message["body"] = json!(STANDARD.encode(encoder.finish().unwrap()));
    message["headers"]["compression"] = json!("application/x-gzip");
    assert_eq!(Message::parse(&message.to_string()).unwrap().args, [json!(7)]);
}

#[test]
fn a_protocol_1_message_is_read_and_retried_as_protocol_2() {
    let mut message = envelope(&json!({"task": "t", "id": "1", "args": [1], "kwargs": {}, "retries": 2}));
    message["headers"] = json!({});
    let raw = message.to_string();
    let parsed = Message::parse(&raw).unwrap();
    assert_eq!((parsed.args.clone(), parsed.retries), (vec![json!(1)], 2));
    let again = Message::parse(&parsed.retry(&raw, None).unwrap()).unwrap();
    assert_eq!(
        (again.task.as_str(), again.args, again.retries),
        ("t", vec![json!(1)], 3)
    );
}

#[test]
fn a_retry_keeps_everything_but_count_time_and_tag() {
    let mut message = plain();
    message["headers"]["custom"] = json!({"deep": [1, 2]});
    message["headers"]["group_index"] = json!(3);
    message["headers"]["redelivered"] = json!(true);
    message["properties"]["reply_to"] = json!("somewhere");
    let raw = message.to_string();
    let retried: Value =
        serde_json::from_str(&Message::parse(&raw).unwrap().retry(&raw, None).unwrap()).unwrap();
    assert_eq!(retried["body"], message["body"]);
    assert_eq!(retried["headers"]["custom"], json!({"deep": [1, 2]}));
    assert_eq!(retried["headers"]["group_index"], 3);
    assert_eq!(retried["headers"]["retries"], 1);
    assert_eq!(retried["headers"]["parent_id"], "1");
    assert!(retried["headers"].get("redelivered").is_none());
    assert_eq!(retried["properties"]["reply_to"], "somewhere");
    assert_ne!(retried["properties"]["delivery_tag"], "tag");
}

#[test]
fn a_message_given_back_carries_both_flags_and_its_deaths() {
    let once = redelivered(&plain().to_string(), true).unwrap();
    let twice = redelivered(&once, true).unwrap();
    let message = Message::parse(&twice).unwrap();
    assert!(message.redelivered);
    assert_eq!(message.deaths, 2);
    let value: Value = serde_json::from_str(&twice).unwrap();
    assert_eq!(value["properties"]["delivery_info"]["redelivered"], true);
    assert_eq!(value["properties"]["delivery_tag"], "tag");
}

/// The kept messages, by name: those that begin with `good` are read, the others refused. What fuzzing finds is
/// added here.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let kept = std::fs::read_dir(directory).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    });
    kept.collect()
}

#[test]
fn every_kept_message_is_read_or_refused_as_it_should_be() {
    let corpus = corpus();
    assert!(corpus.len() > 15);
    for (name, raw) in corpus {
        let parsed = Message::parse(std::str::from_utf8(&raw).unwrap());
        assert_eq!(parsed.is_ok(), name.starts_with("good"), "{name}: {parsed:?}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_-]{0,12}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_decoder_panic(text in ".*") {
        let _ = Message::parse(&text);
        let _ = redelivered(&text, true);
        let _ = Message::id_of(&text);
        let _ = priority_of(&text);
    }

    #[test]
    fn no_value_in_any_field_makes_the_decoder_panic(
        section in prop_oneof![Just("headers"), Just("properties"), Just("")],
        name in prop_oneof![
            Just("task"), Just("id"), Just("eta"), Just("expires"), Just("timelimit"), Just("retries"), Just("priority"),
            Just("delivery_info"), Just("body_encoding"), Just("compression"), Just("body"), Just("headers"), Just("properties"),
        ],
        value in any_json(),
    ) {
        let mut message = plain();
        if section.is_empty() { message[name] = value } else { message[section][name] = value }
        let raw = message.to_string();
        if let Ok(parsed) = Message::parse(&raw) {
            let again = parsed.retry(&raw, None).unwrap();
            prop_assert_eq!(Message::parse(&again).unwrap().retries, parsed.retries.saturating_add(1));
        }
        let _ = redelivered(&raw, true);
    }

    #[test]
    fn no_change_to_a_kept_message_makes_the_decoder_panic(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..8),
    ) {
        let corpus = corpus();
        let mut raw = which.get(&corpus).1.clone();
        for (at, byte, kind) in changes {
            if raw.is_empty() { break }
            let at = at.index(raw.len());
            match kind {
                0 => raw[at] = byte,
                1 => raw.truncate(at),
                _ => raw.insert(at, byte),
            }
        }
        let text = String::from_utf8_lossy(&raw);
        if let Ok(parsed) = Message::parse(&text) {
            let again = parsed.retry(&text, None).unwrap();
            prop_assert!(Message::parse(&again).is_ok());
        }
        let _ = redelivered(&text, true);
        let _ = Message::id_of(&text);
        let _ = crate::envelope::unwrap(&raw);
    }

    #[test]
    fn any_body_is_read_or_refused(body in any_json()) {
        let _ = Message::parse(&envelope(&body).to_string());
    }

    #[test]
    fn any_arguments_survive_the_way(args in proptest::collection::vec(any_json(), 0..4)) {
        let draft = Draft { task: "t".into(), id: "1".into(), args: args.clone(), ..Draft::default() };
        let expected: Vec<Value> = serde_json::from_str(&json!(args).to_string()).unwrap();
        prop_assert_eq!(Message::parse(&draft.encode()).unwrap().args, expected);
    }
}

#[test]
fn a_body_that_inflates_beyond_the_limit_is_too_large() {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let blank = vec![b' '; 1 << 20];
    for _ in 0..=INFLATED_LIMIT >> 20 {
        std::io::Write::write_all(&mut encoder, &blank).unwrap();
    }
    let raw = json!({
        "body": STANDARD.encode(encoder.finish().unwrap()), "content-type": "application/json",
        "headers": {"id": "1", "task": "t", "compression": "application/x-gzip"},
        "properties": {"body_encoding": "base64"},
    });
    let problem = Message::parse(&raw.to_string()).unwrap_err();
    assert!(matches!(problem, Malformed::TooLarge(_)), "{problem}");
}

#[test]
fn headers_are_read_again_for_who_asks() {
    let mut message = plain();
    message["headers"]["custom"] = json!({"deep": [1, 2]});
    let headers = Message::headers(&message.to_string()).unwrap();
    assert_eq!(json!(headers), message["headers"]);
    message["body"] = json!(STANDARD.encode(r#"{"task": "t", "id": "1", "retries": 2}"#));
    message["headers"] = json!({"custom": 1});
    let headers = Message::headers(&message.to_string()).unwrap();
    assert_eq!(
        json!(headers),
        json!({"custom": 1, "task": "t", "id": "1", "retries": 2})
    );
}

#[test]
fn of_two_headers_with_one_name_the_last_counts_as_in_python() {
    let raw = plain().to_string().replace(r#""id":"1""#, r#""id":"1","id":"2""#);
    assert_eq!(Message::parse(&raw).unwrap().id, "2");
}
