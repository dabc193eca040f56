//! What stands before every REST call: the log, scripted faults, the token, the budgets and their headers.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use poem::{
    Body, Endpoint, IntoResponse, Request, Response, Result,
    http::{HeaderName, HeaderValue, StatusCode, header},
};

use super::reply::Refusal;
use crate::github::{
    access::{Level, Pat},
    fault::{self, Effect},
    state::Simulation,
};

/// What the token of the request may do; put there by the guard.
#[derive(Clone)]
pub(super) struct Caller(pub(super) Pat);

/// Whether a call reads or changes; some tokens may only read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Read,
    Write,
}

/// The simulation that the request came to.
pub(super) fn simulation(request: &Request) -> Result<Arc<Simulation>> {
    let found = request.extensions().get::<Arc<Simulation>>().cloned();
    found.ok_or_else(|| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "not wired").into())
}

/// The target in the path, if the caller may do to its runners what it needs to.
pub(super) fn runner_target(request: &Request, need: Need) -> Result<String, Refusal> {
    let target = target(request)?;
    let level = request
        .extensions()
        .get::<Caller>()
        .and_then(|Caller(pat)| pat.level_at(&target));
    let forbidden = |message: &str| Err(Refusal::new(StatusCode::FORBIDDEN, message));
    match (level, need) {
        (Some(Level::Admin), _) | (Some(Level::ReadRunners), Need::Read) => Ok(target),
        (Some(Level::ReadRunners), Need::Write) => {
            forbidden("Resource not accessible by personal access token")
        }
        (Some(Level::SingleSignOn), _) => forbidden(SSO),
        (Some(Level::See) | None, _) => Err(Refusal::not_found()),
    }
}

/// The target in the path, if the caller can see it.
pub(super) fn visible_target(request: &Request) -> Result<(String, Level), Refusal> {
    let target = target(request)?;
    match request
        .extensions()
        .get::<Caller>()
        .and_then(|Caller(pat)| pat.level_at(&target))
    {
        None => Err(Refusal::not_found()),
        Some(Level::SingleSignOn) => Err(Refusal::new(StatusCode::FORBIDDEN, SSO)),
        Some(level) => Ok((target, level)),
    }
}

const SSO: &str = "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization.";

fn target(request: &Request) -> Result<String, Refusal> {
    let part = |name| {
        request
            .raw_path_param(name)
            .filter(|part: &&str| !part.is_empty())
    };
    match (part("org"), part("owner"), part("repo")) {
        (Some(org), _, _) => Ok(org.to_owned()),
        (None, Some(owner), Some(repo)) => Ok(format!("{owner}/{repo}")),
        _ => Err(Refusal::not_found()),
    }
}

/// The middleware around all REST routes.
pub(super) async fn guard<E: Endpoint>(endpoint: Arc<E>, request: Request) -> Result<Response> {
    let simulation = simulation(&request)?;
    let method = request.method().to_string();
    let path = request.original_uri().to_string();
    let number = simulation.note(|state, _| state.log_request(&method, &path));
    let effect = simulation.note(|state, _| fault::take(&mut state.script, &method, &path));
    let response = match effect {
        None => answer(&simulation, &*endpoint, request).await,
        Some(Effect::Delay(pause)) => {
            tokio::time::sleep(pause).await;
            answer(&simulation, &*endpoint, request).await
        }
        Some(Effect::StatusAfterEffect(status)) => {
            answer(&simulation, &*endpoint, request).await;
            failure(status, "Server Error")
        }
        Some(effect) => disturb(&simulation, effect),
    };
    let status = response.status().as_u16();
    simulation.note(|state, _| state.log_status(number, status));
    Ok(response)
}

/// The proper answer, with the rate-limit headers of its budget.
async fn answer(simulation: &Simulation, endpoint: &impl Endpoint, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let exhausted = simulation.note(|state, now| state.budgets.bucket_for(&path, now).remaining() == 0);
    let mut scopes = None;
    let mut response = match authenticate(simulation, &request) {
        Err(refusal) => poem::Error::from(refusal).into_response(),
        Ok(_) if exhausted && path != "/rate_limit" => failure(403, "API rate limit exceeded for user ID 1."),
        Ok(caller) => {
            scopes.clone_from(&caller.0.scopes);
            call(endpoint, caller, request).await
        }
    };
    let free = path == "/rate_limit" || exhausted || response.status() == StatusCode::NOT_MODIFIED;
    let headers = simulation.note(|state, now| {
        let bucket = state.budgets.bucket_for(&path, now);
        bucket.used += u64::from(!free);
        bucket.headers()
    });
    for (name, value) in headers {
        set_header(&mut response, name, &value);
    }
    set_header(
        &mut response,
        "x-github-request-id",
        &uuid::Uuid::new_v4().simple().to_string(),
    );
    if let Some(scopes) = scopes {
        set_header(&mut response, "x-oauth-scopes", &scopes);
    }
    response
}

async fn call(endpoint: &impl Endpoint, caller: Caller, mut request: Request) -> Response {
    request.extensions_mut().insert(caller);
    match endpoint.call(request).await {
        Ok(response) => response.into_response(),
        Err(error) => error.into_response(),
    }
}

fn authenticate(simulation: &Simulation, request: &Request) -> Result<Caller, Refusal> {
    if request.header(header::USER_AGENT).is_none_or(str::is_empty) {
        let message = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";
        return Err(Refusal::new(StatusCode::FORBIDDEN, message));
    }
    let Some(value) = request.header(header::AUTHORIZATION) else {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Requires authentication"));
    };
    let token = value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token"));
    let known = token.and_then(|(_, token)| {
        simulation.read(|state| state.pats.iter().find(|pat| pat.token == token.trim()).cloned())
    });
    known
        .map(Caller)
        .ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, "Bad credentials"))
}

/// An answer that has nothing to do with the question.
fn disturb(simulation: &Simulation, effect: Effect) -> Response {
    match effect {
        Effect::Status(status, message) => failure(status, &message),
        Effect::TooManyRequests(seconds) => {
            let mut response = failure(429, "You have exceeded a secondary rate limit.");
            set_header(&mut response, "retry-after", &seconds.to_string());
            response
        }
        Effect::SecondaryLimit(seconds) => {
            let mut response = failure(403, "You have exceeded a secondary rate limit. Please wait.");
            set_header(&mut response, "retry-after", &seconds.to_string());
            response
        }
        Effect::PrimaryLimit(seconds) => {
            let mut response = failure(403, "API rate limit exceeded for user ID 1.");
            let headers = simulation.note(|state, now| {
                state
                    .budgets
                    .set_core(0, now + chrono::TimeDelta::seconds(i64::from(seconds)));
                state.budgets.all()[0].headers()
            });
            for (name, value) in headers {
                set_header(&mut response, name, &value);
            }
            response
        }
        Effect::Redirect(location) => {
            let mut response = failure(301, "Moved Permanently");
            set_header(&mut response, "location", &location);
            response
        }
        Effect::Cut => {
            let parts = [
                Ok(Bytes::from_static(b"{\"total_count\": 1, ")),
                Err(std::io::Error::other("cut")),
            ];
            let mut response = json_response(Body::from_bytes_stream(stream::iter(parts)));
            // More is promised than comes, so that the break can't be taken for the end.
            set_header(&mut response, "content-length", "1000");
            response
        }
        Effect::Flood(bytes) => {
            let chunk = Bytes::from(vec![b' '; 64 * 1024]);
            let chunks = std::iter::repeat_n(chunk, bytes.div_ceil(64 * 1024)).map(Ok::<_, std::io::Error>);
            json_response(Body::from_bytes_stream(stream::iter(chunks)))
        }
        // Both need the proper answer, so the guard itself does them.
        Effect::Delay(_) | Effect::StatusAfterEffect(_) => failure(500, "Server Error"),
    }
}

fn json_response(body: Body) -> Response {
    Response::builder()
        .content_type("application/json; charset=utf-8")
        .body(body)
}

fn failure(status: u16, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    poem::Error::from(Refusal::new(status, message)).into_response()
}

pub(super) fn set_header(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
}
