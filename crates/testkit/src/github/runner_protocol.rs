//! What the simulated runner image speaks: our own protocol, below `/_runner`.
//!
//! | Call | Proof | Answer |
//! |---|---|---|
//! | `POST /register` `{url, name, labels, default_labels, ephemeral, replace, work_folder}` | `RemoteAuth` registration token | 201 `{encoded_jit_config}`; 404 bad token; 409 name taken |
//! | `POST /remove` | `RemoteAuth` removal token + `X-Runner-Credential` | 204; 404 bad token or no such runner; 422 busy |
//! | `POST /sessions` `{version}` | `Bearer` credential | 201 `{session_id}`; 404 registration deleted; 409 another session |
//! | `GET /sessions/{id}/message` | the session | 200 `{job_id, name, duration_secs, result}` as soon as there is one; 202 after 3 s; 404 session over |
//! | `POST /sessions/{id}/jobs/{job}/complete` `{result}` | the session | 204; 404 |
//! | `DELETE /sessions/{id}` | the session | 204; a job still on it is cancelled |
//!
//! A runner keeps a poll open all the time, also while a job runs: an open poll is what makes it online, and a
//! runner that dies doesn't open the next one. Jobs are pushed into the open poll; nobody asks in a loop.

use std::{sync::Arc, time::Duration};

use poem::{
    IntoEndpoint, IntoResponse, Request, Response, Route, get, handler,
    http::{StatusCode, header},
    post,
    web::{Data, Json, Path},
};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{
    issued::{Purpose, jit_blob},
    model::Conclusion,
    registry::{NewRunner, RegisterError, Removal, SessionError},
    state::Simulation,
};

/// How long a poll stays open without news. GitHub's stay open for 50 s; here it bounds how long a runner that was
/// killed still counts as connected, because the server (poem 3.1.12) goes on with a request whose connection broke.
const POLL: Duration = Duration::from_secs(3);

/// The routes of the protocol.
pub(super) fn routes() -> impl IntoEndpoint {
    Route::new()
        .at("/register", post(register))
        .at("/remove", post(remove))
        .at("/sessions", post(open_session))
        .at("/sessions/:session", poem::delete(close_session))
        .at("/sessions/:session/message", get(poll))
        .at("/sessions/:session/jobs/:job/complete", post(complete))
}

#[derive(Deserialize)]
struct RegisterBody {
    url: String,
    name: String,
    #[serde(default)]
    labels: Vec<String>,
    default_labels: bool,
    ephemeral: bool,
    replace: bool,
    work_folder: String,
}

#[handler]
fn register(
    request: &Request,
    Data(simulation): Data<&Arc<Simulation>>,
    Json(body): Json<RegisterBody>,
) -> Response {
    let RegisterBody {
        url,
        name,
        labels,
        default_labels,
        ephemeral,
        replace,
        work_folder,
    } = body;
    let token = proof(request, "RemoteAuth");
    let target = simulation.note(|state, now| {
        token
            .and_then(|token| state.tokens.target_of(Purpose::Register, token, now))
            .map(ToOwned::to_owned)
    });
    let asked = url
        .strip_prefix(&simulation.root)
        .map(|path| path.trim_matches('/'));
    let Some(target) = target.filter(|target| asked.is_some_and(|asked| asked.eq_ignore_ascii_case(target)))
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let new = NewRunner {
        target,
        name,
        labels,
        default_labels,
        runner_group_id: 1,
        ephemeral,
        os: "linux",
        replace,
    };
    match simulation.update(|state, now| state.register(new, now)) {
        Ok((runner, credential)) => {
            let blob = jit_blob(&runner, &credential, &work_folder, &simulation.root);
            Json(json!({ "encoded_jit_config": blob }))
                .with_status(StatusCode::CREATED)
                .into_response()
        }
        Err(RegisterError::Exists) => StatusCode::CONFLICT.into_response(),
        Err(RegisterError::GroupFull) => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
    }
}

#[handler]
fn remove(request: &Request, Data(simulation): Data<&Arc<Simulation>>) -> Response {
    let token = proof(request, "RemoteAuth");
    let credential = request.header("x-runner-credential").unwrap_or_default();
    let status = simulation.update(|state, now| {
        let target = token.and_then(|token| state.tokens.target_of(Purpose::Remove, token, now));
        let Some(target) = target.map(ToOwned::to_owned) else {
            return StatusCode::NOT_FOUND;
        };
        let id = state
            .runners
            .values()
            .find(|runner| runner.credential == credential);
        let Some(id) = id.map(|runner| runner.registration.id) else {
            return StatusCode::NOT_FOUND;
        };
        match state.remove(&target, id) {
            Removal::Removed => StatusCode::NO_CONTENT,
            Removal::Busy => StatusCode::UNPROCESSABLE_ENTITY,
            Removal::Missing => StatusCode::NOT_FOUND,
        }
    });
    status.into_response()
}

#[derive(Deserialize)]
struct SessionBody {
    version: String,
}

#[handler]
fn open_session(
    request: &Request,
    Data(simulation): Data<&Arc<Simulation>>,
    Json(SessionBody { version }): Json<SessionBody>,
) -> Response {
    let credential = proof(request, "Bearer").unwrap_or_default();
    match simulation.update(|state, now| state.open_session(credential, &version, now)) {
        Ok(id) => Json(json!({ "session_id": id }))
            .with_status(StatusCode::CREATED)
            .into_response(),
        Err(SessionError::Gone) => StatusCode::NOT_FOUND.into_response(),
        Err(SessionError::Conflict) => StatusCode::CONFLICT.into_response(),
    }
}

#[handler]
fn close_session(Path(session): Path<String>, Data(simulation): Data<&Arc<Simulation>>) -> StatusCode {
    let closed = simulation.update(|state, now| state.close_session(&session, now));
    if closed {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

#[handler]
async fn poll(Path(session): Path<String>, Data(simulation): Data<&Arc<Simulation>>) -> Response {
    let mut news = simulation.news();
    let _open = OpenPoll::begin(simulation, &session);
    let end = Instant::now() + POLL;
    loop {
        news.mark_unchanged();
        match next_message(simulation, &session) {
            Next::Over => return StatusCode::NOT_FOUND.into_response(),
            Next::Message(message) => return Json(message).into_response(),
            Next::Nothing => {}
        }
        if tokio::time::timeout_at(end, news.changed()).await.is_err() {
            return StatusCode::ACCEPTED.into_response();
        }
    }
}

enum Next {
    Over,
    Nothing,
    Message(serde_json::Value),
}

fn next_message(simulation: &Simulation, session_id: &str) -> Next {
    simulation.note(|state, _| {
        let Some(runner) = state.by_session(session_id) else {
            return Next::Over;
        };
        let (job_id, session) = (runner.registration.job_id, &mut runner.session);
        let (Some(job_id), Some(session)) = (job_id, session) else {
            return Next::Nothing;
        };
        if session.delivered == Some(job_id) {
            return Next::Nothing;
        }
        session.delivered = Some(job_id);
        let Some(job) = state.jobs.get(&job_id) else {
            return Next::Nothing;
        };
        Next::Message(json!({
            "job_id": job_id.to_string(),
            "name": job.spec.name,
            "duration_secs": job.spec.duration_secs.to_string(),
            "result": job.spec.result,
        }))
    })
}

#[derive(Deserialize)]
struct CompleteBody {
    result: Conclusion,
}

#[handler]
fn complete(
    Path((session, job_id)): Path<(String, u64)>,
    Data(simulation): Data<&Arc<Simulation>>,
    Json(CompleteBody { result }): Json<CompleteBody>,
) -> StatusCode {
    let done = simulation.update(|state, now| {
        let runs_it = state
            .by_session(&session)
            .is_some_and(|r| r.registration.job_id == Some(job_id));
        runs_it && state.finish_job(job_id, result, now)
    });
    if done {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

/// The part of the `Authorization` header after `scheme`.
fn proof<'a>(request: &'a Request, scheme: &str) -> Option<&'a str> {
    let (found, value) = request.header(header::AUTHORIZATION)?.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| value.trim())
}

/// Counts a poll as open until it's answered or its connection breaks.
struct OpenPoll {
    simulation: Arc<Simulation>,
    session: String,
}

impl OpenPoll {
    fn begin(simulation: &Arc<Simulation>, session: &str) -> Self {
        // Coming online is news: a queued job may be waiting for this runner.
        simulation.update(|state, now| state.count_poll(session, true, now));
        Self {
            simulation: Arc::clone(simulation),
            session: session.to_owned(),
        }
    }
}

impl Drop for OpenPoll {
    fn drop(&mut self) {
        self.simulation
            .note(|state, now| state.count_poll(&self.session, false, now));
    }
}
