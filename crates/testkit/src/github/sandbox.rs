//! The side for people and scripts, below `/_sandbox`; no token is needed, as it listens on loopback only.
//!
//! | Call | Answer |
//! |---|---|
//! | `GET /` | what there is |
//! | `POST /jobs` `{target, labels?, name?, duration_secs?, result?}` | 201 the job |
//! | `GET /jobs`, `GET /jobs/{id}` | jobs, oldest first |
//! | `GET /runners` | registrations, oldest first |
//! | `DELETE /runners/{id}` | 204: forgotten behind everybody's back |
//! | `GET /requests` | the last REST requests |

use std::sync::Arc;

use poem::{
    IntoEndpoint, IntoResponse, Response, Route, get, handler,
    http::StatusCode,
    web::{Data, Json, Path},
};
use serde_json::{Value, json};

use super::{
    model::{Job, JobSpec, LoggedRequest, Registration},
    registry::Runner,
    state::Simulation,
};

/// The routes of the sandbox.
pub(super) fn routes() -> impl IntoEndpoint {
    Route::new()
        .at("/", get(index))
        .at("/jobs", get(list_jobs).post(queue_job))
        .at("/jobs/:id", get(get_job))
        .at("/runners", get(list_runners))
        .at("/runners/:id", poem::delete(forget_runner))
        .at("/requests", get(list_requests))
}

#[handler]
fn index() -> Json<Value> {
    Json(json!({
        "about": "A simulated GitHub for trying Runner Pilot without an account.",
        "queue a job": "POST /_sandbox/jobs {\"target\":\"owner/name\",\"labels\":[],\"name\":\"build\",\"duration_secs\":5,\"result\":\"Succeeded\"}",
        "look": ["/_sandbox/jobs", "/_sandbox/jobs/{id}", "/_sandbox/runners", "/_sandbox/requests"],
    }))
}

#[handler]
fn queue_job(Data(simulation): Data<&Arc<Simulation>>, Json(spec): Json<JobSpec>) -> Response {
    let sane = spec.labels.len() <= 100
        && spec
            .labels
            .iter()
            .chain([&spec.name, &spec.target])
            .all(|text| (1..=256).contains(&text.len()));
    if !sane {
        return problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "names and labels have 1 to 256 characters",
        );
    }
    match simulation.update(|state, now| state.queue_job(spec, now)) {
        Some(job) => Json(job).with_status(StatusCode::CREATED).into_response(),
        None => problem(StatusCode::TOO_MANY_REQUESTS, "too many jobs wait already"),
    }
}

#[handler]
fn list_jobs(Data(simulation): Data<&Arc<Simulation>>) -> Json<Vec<Job>> {
    Json(simulation.read(|state| state.jobs.values().cloned().collect()))
}

#[handler]
fn get_job(Path(id): Path<u64>, Data(simulation): Data<&Arc<Simulation>>) -> Response {
    match simulation.read(|state| state.jobs.get(&id).cloned()) {
        Some(job) => Json(job).into_response(),
        None => problem(StatusCode::NOT_FOUND, "no such job"),
    }
}

#[handler]
fn list_runners(Data(simulation): Data<&Arc<Simulation>>) -> Json<Vec<Registration>> {
    Json(simulation.read(|state| state.runners.values().map(Runner::view).collect()))
}

#[handler]
fn forget_runner(Path(id): Path<i64>, Data(simulation): Data<&Arc<Simulation>>) -> StatusCode {
    let known = simulation.update(|state, _| state.runners.remove(&id).is_some());
    if known {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

#[handler]
fn list_requests(Data(simulation): Data<&Arc<Simulation>>) -> Json<Vec<LoggedRequest>> {
    Json(simulation.read(|state| state.log.iter().cloned().collect()))
}

fn problem(status: StatusCode, message: &str) -> Response {
    Json(json!({ "message": message }))
        .with_status(status)
        .into_response()
}
