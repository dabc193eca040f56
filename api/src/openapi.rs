//! The description of the API as it is published: what the framework derives, completed with what it
//! can't say.

use serde_json::{Value, json};

use crate::context::Context;
use crate::routes;

/// The description, with keys in a stable order, ending in a line break.
pub fn document(context: &Context) -> String {
    let derived = routes::service(context).spec();
    let mut document: Value = serde_json::from_str(&derived).unwrap_or_default();
    name_parameters_alike(&mut document);
    refuse_unknown_fields(&mut document);
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// A prefix that several operations share keeps the router's `:name`; the description writes `{name}`.
fn name_parameters_alike(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    for (path, operations) in std::mem::take(paths) {
        let segments = path.split('/').map(|segment| match segment.strip_prefix(':') {
            Some(name) => format!("{{{name}}}"),
            None => segment.to_owned(),
        });
        let path = segments.collect::<Vec<_>>().join("/");
        match (paths.get_mut(&path).and_then(Value::as_object_mut), operations) {
            (Some(known), Value::Object(more)) => known.extend(more),
            (_, operations) => {
                paths.insert(path, operations);
            }
        }
    }
}

/// Every request type refuses unknown fields, which the framework enforces but does not tell.
fn refuse_unknown_fields(document: &mut Value) {
    let bodies: Vec<String> = operations(document)
        .filter_map(|operation| {
            let content = operation.pointer("/requestBody/content")?.as_object()?;
            let reference = content.values().next()?.pointer("/schema/$ref")?.as_str()?;
            Some(reference.trim_start_matches("#/components/schemas/").to_owned())
        })
        .collect();
    for name in bodies {
        let schema = document
            .pointer_mut(&format!("/components/schemas/{name}"))
            .and_then(Value::as_object_mut);
        if let Some(schema) = schema.filter(|schema| schema.contains_key("properties")) {
            schema.insert("additionalProperties".to_owned(), json!(false));
        }
    }
}

fn operations(document: &Value) -> impl Iterator<Item = &Value> {
    let paths = document["paths"]
        .as_object()
        .into_iter()
        .flat_map(|paths| paths.values());
    paths
        .filter_map(Value::as_object)
        .flat_map(|operations| operations.values())
}
