//! JSON as Python writes it, and Python's way of showing values.

use serde_json::{Map, Value};

/// Characters of a `repr` that Celery keeps in `argsrepr` and `kwargsrepr`.
const REPR_LIMIT: usize = 1024;

/// Parses JSON, also with Python's bare `NaN`, `Infinity` and `-Infinity`, which are read as null.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| match without_bare_floats(text) {
        Some(cleaned) => serde_json::from_str(&cleaned),
        None => Err(error),
    })
}

/// Replaces bare non-finite numbers outside strings; `None` if there are none.
fn without_bare_floats(text: &str) -> Option<String> {
    const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    let mut cleaned = String::with_capacity(text.len());
    let (mut in_string, mut escaped, mut replaced) = (false, false, false);
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if !in_string && let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) {
            cleaned.push_str("null");
            rest = &rest[word.len()..];
            replaced = true;
            continue;
        }
        match next {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        cleaned.push(next);
        rest = &rest[next.len_utf8()..];
    }
    replaced.then_some(cleaned)
}

/// Python's `repr` of a tuple of arguments, cut as Celery cuts it.
pub(crate) fn repr_args(args: &[Value]) -> String {
    let mut out = String::from("(");
    write_joined(&mut out, args);
    if args.len() == 1 {
        out.push(',');
    }
    out.push(')');
    cut(out)
}

/// Python's `repr` of keyword arguments, cut as Celery cuts it.
pub(crate) fn repr_kwargs(kwargs: &Map<String, Value>) -> String {
    let mut out = String::new();
    write_map(&mut out, kwargs);
    cut(out)
}

/// Python's `repr` of any JSON value, cut as Celery cuts it.
pub(crate) fn repr(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value);
    cut(out)
}

fn cut(mut text: String) -> String {
    if text.chars().count() > REPR_LIMIT {
        text = text.chars().take(REPR_LIMIT - 3).collect();
        text.push_str("...");
    }
    text
}

fn write_value(out: &mut String, value: &Value) {
    // What lies beyond the limit is cut anyway; large payloads need not be walked to their end.
    if out.len() > REPR_LIMIT * 4 {
        return;
    }
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_str(out, text),
        Value::Array(items) => {
            out.push('[');
            write_joined(out, items);
            out.push(']');
        }
        Value::Object(map) => write_map(out, map),
    }
}

fn write_joined(out: &mut String, items: &[Value]) {
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push_str(", ");
        }
        write_value(out, item);
    }
}

fn write_map(out: &mut String, map: &Map<String, Value>) {
    out.push('{');
    for (position, (key, value)) in map.iter().enumerate() {
        if position > 0 {
            out.push_str(", ");
        }
        write_str(out, key);
        out.push_str(": ");
        write_value(out, value);
    }
    out.push('}');
}

fn write_str(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_ascii_control() => {
                let digit = |value: u32| char::from_digit(value, 16).unwrap_or('0');
                out.extend(['\\', 'x', digit(u32::from(c) >> 4), digit(u32::from(c) & 15)]);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_shown_as_python_shows_them() {
        let args = [
            json!(1),
            json!("it's"),
            json!([true, null, 1.5]),
            json!({"a": "b\n"}),
        ];
        assert_eq!(
            repr_args(&args),
            r#"(1, "it's", [True, None, 1.5], {'a': 'b\n'})"#
        );
        assert_eq!(repr_args(&[json!(1)]), "(1,)");
        assert_eq!(repr_args(&[]), "()");
        assert_eq!(repr(&json!("x".repeat(5000))).chars().count(), 1024);
    }

    #[test]
    fn bare_non_finite_numbers_are_read_as_null() {
        let parsed = parse(r#"{"a": [NaN, -Infinity, Infinity], "b": "NaN \" Infinity"}"#).unwrap();
        assert_eq!(parsed, json!({"a": [null, null, null], "b": "NaN \" Infinity"}));
        assert!(parse("{nan}").is_err());
    }
}
