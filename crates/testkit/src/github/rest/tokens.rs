//! Registration and removal tokens.

use chrono::SecondsFormat;
use poem::{IntoResponse, Request, Response, Result, handler, http::StatusCode, web::Json};
use serde_json::json;

use super::guard::{Need, runner_target, simulation};
use crate::github::issued::Purpose;

/// `POST …/registration-token`
#[handler]
pub(super) fn create_registration_token(request: &Request) -> Result<Response> {
    mint(request, Purpose::Register)
}

/// `POST …/remove-token`
#[handler]
pub(super) fn create_remove_token(request: &Request) -> Result<Response> {
    mint(request, Purpose::Remove)
}

fn mint(request: &Request, purpose: Purpose) -> Result<Response> {
    let target = runner_target(request, Need::Write)?;
    let (token, expires_at) = simulation(request)?.update(|state, now| {
        let minted = state.tokens.mint(purpose, &target, now);
        state.secrets.note("a minted token", &minted.0);
        minted
    });
    let expires_at = expires_at.to_rfc3339_opts(SecondsFormat::Millis, true);
    Ok(Json(json!({ "token": token, "expires_at": expires_at }))
        .with_status(StatusCode::CREATED)
        .into_response())
}
