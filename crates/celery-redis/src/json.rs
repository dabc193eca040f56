//! JSON as Python writes it, and Python's way of showing values.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// Characters of a `repr` that Celery keeps in `argsrepr` and `kwargsrepr`.
const REPR_LIMIT: usize = 1024;

/// Parses JSON, also with Python's bare `NaN`, `Infinity` and `-Infinity`, which are read as null.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| match without_bare_floats(text) {
        Some(cleaned) => serde_json::from_str(&cleaned),
        None => Err(error),
    })
}

/// As [`parse`], for JSON that is only looked into.
pub(crate) fn look_into<T>(text: &str, look: impl FnOnce(&Json<'_>) -> T) -> Result<T, serde_json::Error> {
    match serde_json::from_str(text) {
        Ok(json) => Ok(look(&json)),
        Err(error) => match without_bare_floats(text) {
            Some(cleaned) => Ok(look(&serde_json::from_str(&cleaned)?)),
            None => Err(error),
        },
    }
}

/// A JSON value that refers to the text it was read from. Of a message, most is looked at once or never, and making
/// it all our own would take longer than anything else that is done with it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl Json<'_> {
    /// A member of an object; of several with one name, the last, as in Python.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let member = members.iter().rev().find(|(member, _)| member == name);
        member.map(|(_, value)| value)
    }

    /// An element of an array.
    pub(crate) fn at(&self, index: usize) -> Option<&Self> {
        let Self::Array(items) = self else { return None };
        items.get(index)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        let Self::String(text) = self else { return None };
        Some(text)
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        let Self::Bool(value) = self else { return None };
        Some(*value)
    }

    pub(crate) fn as_number(&self) -> Option<&Number> {
        let Self::Number(number) = self else { return None };
        Some(number)
    }

    pub(crate) fn is_null(&self) -> bool {
        *self == Self::Null
    }
}

impl From<Value> for Json<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::String(text.into()),
            Value::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => {
                let members = members.into_iter();
                Self::Object(members.map(|(name, value)| (name.into(), value.into())).collect())
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

/// A string, borrowed unless it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((Text(name), value)) = access.next_entry()? {
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
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

    #[test]
    fn what_is_only_looked_into_reads_as_what_is_kept() {
        let text = r#"{"a": [null, true, -1, 2.5, 18446744073709551615, "b\n", "c", {}], "d": {"e": NaN}}"#;
        let kept = parse(text).unwrap();
        assert!(look_into(text, |json| *json == Json::from(kept)).unwrap());
        let twice = look_into(r#"{"a": 1, "a": [2]}"#, |json| {
            json.get("a")
                .and_then(|a| a.at(0))
                .and_then(Json::as_number)
                .cloned()
        });
        assert_eq!(twice.unwrap(), Some(2.into()));
        assert!(look_into("{nan}", |_| ()).is_err());
        assert!(look_into("[", |_| ()).is_err());
    }
}
