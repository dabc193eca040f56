//! Listing, looking up and removing runners.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use poem::{
    IntoResponse, Request, Response, Result, handler,
    http::{StatusCode, header},
    web::Json,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    guard::{Need, runner_target, set_header, simulation},
    labels::labels_json,
    reply::Refusal,
};
use crate::github::{
    model::Registration,
    registry::{Removal, Runner},
    state::Simulation,
};

const LARGEST_PAGE: usize = 100;

#[derive(Deserialize)]
struct ListQuery {
    name: Option<String>,
    per_page: Option<usize>,
    page: Option<usize>,
}

/// `GET …/runners`: filter by name, pages with `Link`, `ETag` with 304.
#[handler]
pub(super) fn list(request: &Request) -> Result<Response> {
    let target = runner_target(request, Need::Read)?;
    let simulation = simulation(request)?;
    let ListQuery { name, per_page, page } = request
        .params()
        .map_err(|_| Refusal::invalid("Invalid request.\n\nA query parameter is no number."))?;
    let per_page = per_page.unwrap_or(30).clamp(1, LARGEST_PAGE);
    let page = page.unwrap_or(1).max(1);
    let found: Vec<Registration> = simulation.read(|state| {
        let wanted =
            |r: &Registration| r.target == target && name.as_ref().is_none_or(|name| *name == r.name);
        state
            .runners
            .values()
            .filter(|runner| wanted(&runner.registration))
            .map(Runner::view)
            .collect()
    });
    let skipped = per_page.saturating_mul(page - 1);
    let runners: Vec<Value> = found
        .iter()
        .skip(skipped)
        .take(per_page)
        .map(runner_json)
        .collect();
    let body = json!({ "total_count": found.len(), "runners": runners }).to_string();
    let etag = format!(
        "W/\"{}\"",
        URL_SAFE_NO_PAD.encode(Sha256::digest(body.as_bytes()))
    );
    let unchanged = request.header(header::IF_NONE_MATCH) == Some(etag.as_str());
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        body.with_content_type("application/json; charset=utf-8")
            .into_response()
    };
    set_header(&mut response, "etag", &etag);
    let last = found.len().div_ceil(per_page).max(1);
    let url = format!("{}{}", simulation.root, request.original_uri().path());
    if let Some(link) = link_header(&url, name.as_deref(), per_page, page, last) {
        set_header(&mut response, "link", &link);
    }
    Ok(response)
}

/// `GET …/runners/{id}`
#[handler]
pub(super) fn get_one(request: &Request) -> Result<Response> {
    let (simulation, target, id) = one(request, Need::Read)?;
    let found = simulation.read(|state| state.runners.get(&id).map(Runner::view));
    let runner = found
        .filter(|runner| runner.target == target)
        .ok_or_else(Refusal::not_found)?;
    Ok(Json(runner_json(&runner)).into_response())
}

/// `DELETE …/runners/{id}`
#[handler]
pub(super) fn delete(request: &Request) -> Result<Response> {
    let (simulation, target, id) = one(request, Need::Write)?;
    let (name, removal) = simulation.update(|state, _| {
        let name = state
            .runner_of(&target, id)
            .map(|runner| runner.registration.name.clone());
        (name.unwrap_or_default(), state.remove(&target, id))
    });
    match removal {
        Removal::Removed => Ok(StatusCode::NO_CONTENT.into_response()),
        Removal::Missing => Err(Refusal::not_found().into()),
        Removal::Busy => Err(Refusal::invalid(format!(
            "Bad request - Runner \"{name}\" is currently running a job and cannot be deleted."
        ))
        .into()),
    }
}

/// The runner that the path names.
pub(super) fn one(request: &Request, need: Need) -> Result<(Arc<Simulation>, String, i64)> {
    let target = runner_target(request, need)?;
    let id = request.raw_path_param("runner_id").and_then(|id| id.parse().ok());
    Ok((simulation(request)?, target, id.ok_or_else(Refusal::not_found)?))
}

/// A runner in GitHub's JSON.
pub(super) fn runner_json(runner: &Registration) -> Value {
    json!({
        "id": runner.id,
        "runner_group_id": runner.runner_group_id,
        "name": runner.name,
        "os": runner.os,
        "status": if runner.online { "online" } else { "offline" },
        "busy": runner.is_busy(),
        "ephemeral": runner.ephemeral,
        "version": runner.version,
        "labels": labels_json(runner),
    })
}

fn link_header(url: &str, name: Option<&str>, per_page: usize, page: usize, last: usize) -> Option<String> {
    let name: String = name.map_or_else(String::new, |name| {
        let query: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        format!("name={query}&")
    });
    let link =
        |page: usize, rel: &str| format!("<{url}?{name}per_page={per_page}&page={page}>; rel=\"{rel}\"");
    let mut links = Vec::new();
    if page < last {
        links.extend([link(page + 1, "next"), link(last, "last")]);
    }
    if page > 1 {
        links.extend([link(1, "first"), link(page - 1, "prev")]);
    }
    (!links.is_empty()).then(|| links.join(", "))
}
