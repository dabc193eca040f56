//! Refusals leave a trace: whoever tries what they may not do is seen by the organisation's admins.

use poem::http::Method;
use serde_json::json;

use crate::audit::{self, Entry};
use crate::context::Context;
use crate::error::ApiError;
use crate::request::Who;

/// The longest path that is kept.
const MAX_PATH_CHARS: usize = 200;

/// Writes a line about a request that was answered 403: in the audit log of its organisation, or in the
/// server's log where there is none. A caller who is refused again and again fills neither.
pub async fn note(context: &Context, who: Option<Who>, method: &Method, path: &str) {
    let path: String = path.chars().take(MAX_PATH_CHARS).collect();
    let Some(Who { user, email, org }) = who else {
        tracing::info!(http.method = %method, "a request was forbidden");
        return;
    };
    if !context.denials.allow(user.as_str()) {
        tracing::debug!(user.id = %user, "a further refusal is not written down");
        return;
    }
    tracing::info!(user.id = %user, http.method = %method, "a request was forbidden");
    let Some(org) = org else { return };
    let entry = Entry {
        org: Some(&org),
        user: Some(&user),
        actor: &email,
        action: "request.denied",
        target: None,
        allowed: false,
        detail: json!({"method": method.as_str(), "path": path}),
    };
    let written: Result<(), ApiError> = audit::record(&context.db, context.now(), entry).await;
    if written.is_err() {
        tracing::warn!(user.id = %user, "a refusal was not written to the audit log");
    }
}
