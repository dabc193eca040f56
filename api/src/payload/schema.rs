//! Checks a JSON value against the schema that the documentation shows, and finds *every* fault: wrong
//! types, unknown and missing fields. The framework's own parser stops at the first fault, turns numbers
//! into texts and repeats the value in its message, which may be a secret.

use std::collections::BTreeMap;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use serde_json::Value;

use crate::error::FieldError;

/// Schemas by name, as the registry holds them.
pub type Schemas = BTreeMap<String, MetaSchema>;

/// Every fault of `value`.
pub fn faults(schemas: &Schemas, schema: &MetaSchemaRef, value: &Value) -> Vec<FieldError> {
    let mut found = Found {
        schemas,
        faults: Vec::new(),
    };
    found.check(schema, value, "");
    found.faults
}

struct Found<'a> {
    schemas: &'a Schemas,
    faults: Vec<FieldError>,
}

/// The members of an object that is put together of several schemas.
#[derive(Default)]
struct Members<'a> {
    properties: Vec<(&'static str, &'a MetaSchemaRef)>,
    required: Vec<&'static str>,
}

impl<'a> Found<'a> {
    fn resolve(&self, schema: &'a MetaSchemaRef) -> Option<&'a MetaSchema> {
        match schema {
            MetaSchemaRef::Inline(schema) => Some(schema),
            MetaSchemaRef::Reference(name) => self.schemas.get(name),
        }
    }

    fn refuse(&mut self, path: &str, code: &str, message: impl Into<String>) {
        let field = if path.is_empty() { "body" } else { path };
        self.faults.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
            code: Some(code.to_owned()),
        });
    }

    fn check(&mut self, schema: &'a MetaSchemaRef, value: &Value, path: &str) {
        let Some(schema) = self.resolve(schema) else {
            return;
        };
        if schema.nullable && value.is_null() {
            return;
        }
        if !schema.any_of.is_empty() || !schema.one_of.is_empty() {
            return self.check_union(schema, value, path);
        }
        if let Some(only) = annotated(schema) {
            return self.check(only, value, path);
        }
        match (schema.ty, value) {
            ("string", Value::String(text)) => self.check_text(schema, text, path),
            ("string", _) => self.refuse(path, "type", "must be text"),
            ("boolean", Value::Bool(_)) => {}
            ("boolean", _) => self.refuse(path, "type", "must be true or false"),
            ("integer", Value::Number(number)) if number.is_i64() || number.is_u64() => {
                self.check_integer(schema, number, path);
            }
            ("integer", _) => self.refuse(path, "type", "must be a whole number"),
            ("number", Value::Number(_)) => {}
            ("number", _) => self.refuse(path, "type", "must be a number"),
            ("array", Value::Array(items)) => self.check_items(schema, items, path),
            ("array", _) => self.refuse(path, "type", "must be a list"),
            ("object", Value::Object(_)) => self.check_object(schema, value, path),
            ("object", _) => self.refuse(path, "type", "must be an object"),
            _ if !schema.all_of.is_empty() => self.check_object(schema, value, path),
            _ => {}
        }
    }

    fn check_text(&mut self, schema: &MetaSchema, text: &str, path: &str) {
        // PostgreSQL refuses NUL in text.
        if text.contains('\0') {
            self.refuse(path, "invalid", "must not contain NUL characters");
        }
        let length = text.chars().count();
        if schema.max_length.is_some_and(|most| length > most) {
            self.refuse(
                path,
                "too_long",
                format!("must have at most {} characters", schema.max_length.unwrap_or(0)),
            );
        }
        if schema.min_length.is_some_and(|least| length < least) {
            self.refuse(
                path,
                "too_short",
                format!("must have at least {} characters", schema.min_length.unwrap_or(0)),
            );
        }
        if !schema.enum_items.is_empty() && !schema.enum_items.iter().any(|item| item == text) {
            let known: Vec<&str> = schema.enum_items.iter().filter_map(Value::as_str).collect();
            self.refuse(path, "invalid", format!("must be one of {}", known.join(", ")));
        }
    }

    fn check_integer(&mut self, schema: &MetaSchema, number: &serde_json::Number, path: &str) {
        let (least, most): (i128, i128) = match schema.format {
            Some("int8") => (i8::MIN.into(), i8::MAX.into()),
            Some("int16") => (i16::MIN.into(), i16::MAX.into()),
            Some("int32") => (i32::MIN.into(), i32::MAX.into()),
            Some("uint8") => (0, u8::MAX.into()),
            Some("uint16") => (0, u16::MAX.into()),
            Some("uint32") => (0, u32::MAX.into()),
            Some("uint64") => (0, u64::MAX.into()),
            _ => (i64::MIN.into(), i64::MAX.into()),
        };
        let value = number
            .as_i64()
            .map(i128::from)
            .or(number.as_u64().map(i128::from));
        if value.is_none_or(|value| value < least || value > most) {
            self.refuse(path, "invalid", format!("must be {least} to {most}"));
        }
    }

    fn check_items(&mut self, schema: &'a MetaSchema, items: &[Value], path: &str) {
        if schema.max_items.is_some_and(|most| items.len() > most) {
            self.refuse(
                path,
                "too_long",
                format!("must have at most {} entries", schema.max_items.unwrap_or(0)),
            );
        }
        let Some(each) = schema.items.as_deref() else {
            return;
        };
        for (index, item) in items.iter().enumerate() {
            self.check(each, item, &format!("{path}[{index}]"));
        }
    }

    fn check_object(&mut self, schema: &'a MetaSchema, value: &Value, path: &str) {
        let Some(object) = value.as_object() else {
            return self.refuse(path, "type", "must be an object");
        };
        let within = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        if let Some(each) = schema.additional_properties.as_deref() {
            for (name, value) in object {
                self.check(each, value, &within(name));
            }
            return;
        }
        let members = self.members(schema);
        for name in &members.required {
            if !object.contains_key(*name) {
                self.refuse(&within(name), "required", "is required");
            }
        }
        for (name, value) in object {
            match members.properties.iter().find(|(known, _)| known == name) {
                None => self.refuse(&within(&shown(name)), "unknown", "is not a field of this request"),
                // For an optional field, null says the same as absence.
                Some((name, _)) if value.is_null() && !members.required.contains(name) => {}
                Some((name, schema)) => self.check(schema, value, &within(name)),
            }
        }
    }

    fn check_union(&mut self, schema: &'a MetaSchema, value: &Value, path: &str) {
        let choices = || schema.any_of.iter().chain(&schema.one_of);
        let Some(discriminator) = &schema.discriminator else {
            let fewest = choices()
                .map(|choice| faults_at(self.schemas, choice, value, path))
                .min_by_key(Vec::len);
            return self.faults.extend(fewest.unwrap_or_default());
        };
        let Some(object) = value.as_object() else {
            return self.refuse(path, "type", "must be an object");
        };
        let tag = discriminator.property_name;
        let at = if path.is_empty() {
            tag.to_owned()
        } else {
            format!("{path}.{tag}")
        };
        let named = object.get(tag).and_then(Value::as_str);
        let target = discriminator
            .mapping
            .iter()
            .find(|(name, _)| Some(name.as_str()) == named);
        let Some((_, target)) = target else {
            let known: Vec<&str> = discriminator
                .mapping
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            return self.refuse(&at, "invalid", format!("must be one of {}", known.join(", ")));
        };
        let name = target.rsplit('/').next().unwrap_or(target);
        if let Some((_, chosen)) = self.schemas.iter().find(|(known, _)| *known == name) {
            self.check_object(chosen, value, path);
        }
    }

    fn members(&self, schema: &'a MetaSchema) -> Members<'a> {
        let mut members = Members::default();
        self.gather(schema, &mut members);
        members
    }

    fn gather(&self, schema: &'a MetaSchema, members: &mut Members<'a>) {
        members
            .properties
            .extend(schema.properties.iter().map(|(name, schema)| (*name, schema)));
        members.required.extend(&schema.required);
        for part in &schema.all_of {
            if let Some(part) = self.resolve(part) {
                self.gather(part, members);
            }
        }
    }
}

/// The one schema that this is a description around: a documented field of a named type is written as
/// `allOf` of the type and of what is said about it.
fn annotated(schema: &MetaSchema) -> Option<&MetaSchemaRef> {
    let says_what = |part: &&MetaSchemaRef| match part {
        MetaSchemaRef::Reference(_) => true,
        MetaSchemaRef::Inline(part) => {
            !part.properties.is_empty()
                || !part.required.is_empty()
                || !part.all_of.is_empty()
                || !part.any_of.is_empty()
        }
    };
    let mut parts = schema.all_of.iter().filter(says_what);
    let only = parts.next().filter(|_| schema.properties.is_empty())?;
    parts.next().is_none().then_some(only)
}

fn faults_at(schemas: &Schemas, schema: &MetaSchemaRef, value: &Value, path: &str) -> Vec<FieldError> {
    let mut found = Found {
        schemas,
        faults: Vec::new(),
    };
    found.check(schema, value, path);
    found.faults
}

/// An unknown name comes from the client: shortened, and without what could disturb a terminal.
fn shown(name: &str) -> String {
    name.chars()
        .take(64)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use poem_openapi::registry::Registry;
    use poem_openapi::types::Type;
    use poem_openapi::{Enum, Object, Union};
    use serde_json::json;

    use super::*;

    #[derive(Object)]
    struct Inner {
        count: u16,
    }

    #[derive(Enum)]
    #[oai(rename_all = "snake_case")]
    enum Colour {
        Red,
        DarkBlue,
    }

    #[derive(Object)]
    struct Outer {
        #[oai(validator(max_length = 5))]
        name: String,
        on: Option<bool>,
        inner: Option<Inner>,
        tags: Option<Vec<String>>,
        /// A described field of a named type.
        colour: Option<Colour>,
        shape: Option<Shape>,
    }

    #[derive(Object)]
    struct Circle {
        radius: u32,
    }

    #[derive(Object)]
    struct Square {
        side: u32,
    }

    #[derive(Union)]
    #[oai(discriminator_name = "kind", rename_all = "snake_case")]
    enum Shape {
        Circle(Circle),
        Square(Square),
    }

    fn check(value: &Value) -> Vec<(String, String)> {
        let mut registry = Registry::new();
        Outer::register(&mut registry);
        faults(&registry.schemas, &Outer::schema_ref(), value)
            .into_iter()
            .map(|fault| (fault.field, fault.code.unwrap_or_default()))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(field, code)| ((*field).to_owned(), (*code).to_owned()))
            .collect()
    }

    #[test]
    fn a_fitting_value_has_no_fault() {
        let value = json!({"name": "abc", "on": null, "inner": {"count": 1}, "tags": ["a"],
            "colour": "dark_blue", "shape": {"kind": "circle", "radius": 1}});
        assert_eq!(check(&value), []);
    }

    #[test]
    fn a_number_or_a_boolean_is_no_text() {
        assert_eq!(check(&json!({"name": 410})), pairs(&[("name", "type")]));
        assert_eq!(check(&json!({"name": true})), pairs(&[("name", "type")]));
        assert_eq!(check(&json!({"name": null})), pairs(&[("name", "type")]));
    }

    #[test]
    fn all_faults_are_found_at_once_with_their_place() {
        let value = json!({"name": "abcdefg", "on": "yes", "inner": {"count": 70000, "x": 1}, "tags": ["a", 2],
            "admin": true, "colour": "green", "shape": {"kind": "blob"}});
        let mut found = check(&value);
        found.sort();
        let expected = [
            ("admin", "unknown"),
            ("colour", "invalid"),
            ("inner.count", "invalid"),
            ("inner.x", "unknown"),
            ("name", "too_long"),
            ("on", "type"),
            ("shape.kind", "invalid"),
            ("tags[1]", "type"),
        ];
        assert_eq!(found, pairs(&expected));
    }

    #[test]
    fn a_variant_is_checked_by_its_own_fields() {
        let value = json!({"name": "a", "shape": {"kind": "circle", "side": 1}});
        assert_eq!(
            check(&value),
            pairs(&[("shape.radius", "required"), ("shape.side", "unknown")])
        );
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        assert_eq!(check(&json!([])), pairs(&[("body", "type")]));
        assert_eq!(check(&json!({})), pairs(&[("name", "required")]));
    }
}
