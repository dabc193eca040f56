//! The published description of the API: committed, complete, and what the binary prints.

use std::collections::HashSet;

use runner_pilot_api::context::Context;
use runner_pilot_api::openapi;
use serde_json::Value;

fn printed() -> anyhow::Result<String> {
    process::install_crypto_provider();
    Ok(openapi::document(&Context::disconnected()?))
}

#[tokio::test]
async fn the_committed_description_is_the_one_that_is_printed() -> anyhow::Result<()> {
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json"))?;
    assert!(
        committed == printed()?,
        "run `make openapi` and commit openapi.json"
    );
    Ok(())
}

#[tokio::test]
async fn each_operation_has_a_name_a_summary_a_tag_and_documented_failures() -> anyhow::Result<()> {
    let document: Value = serde_json::from_str(&printed()?)?;
    let mut names = HashSet::new();
    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        assert!(!path.contains(':'), "{path}");
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let name = operation["operationId"].as_str().unwrap_or_default();
            assert!(
                !name.is_empty() && names.insert(name.to_owned()),
                "{method} {path}: {name:?}"
            );
            assert!(
                operation["summary"].is_string() && operation["tags"].is_array(),
                "{name}"
            );
            for status in ["400", "401", "404", "422", "429", "500", "503"] {
                let content = &operation["responses"][status]["content"];
                assert!(
                    content["application/problem+json"].is_object(),
                    "{name} does not document {status}"
                );
            }
            let body = operation
                .pointer("/requestBody/content")
                .and_then(Value::as_object);
            let reference = body.and_then(|body| body.values().next()?.pointer("/schema/$ref")?.as_str());
            if let Some(schema) = reference.and_then(|reference| reference.rsplit('/').next()) {
                let schema = &document["components"]["schemas"][schema];
                let closed = schema["additionalProperties"] == false || schema["discriminator"].is_object();
                assert!(closed, "{name} does not tell that it refuses unknown fields");
            }
        }
    }
    assert!(names.len() > 40, "{}", names.len());
    Ok(())
}
