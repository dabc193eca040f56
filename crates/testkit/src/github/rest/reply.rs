//! Replies in GitHub's form.

use poem::{Body, IntoResponse, Response, error::ResponseError, http::StatusCode, web::Json};
use serde::de::DeserializeOwned;
use serde_json::json;

/// Larger bodies are refused; GitHub's own calls here stay far below.
const MAX_BODY_BYTES: usize = 1024 * 1024;
const DOCS: &str = "https://docs.github.com/rest/actions/self-hosted-runners";

/// An error reply with GitHub's sentence.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }
}

impl ResponseError for Refusal {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn as_response(&self) -> Response {
        let status = self.status.as_u16().to_string();
        let body = json!({ "message": self.message, "documentation_url": DOCS, "status": status });
        Json(body).with_status(self.status).into_response()
    }
}

/// A request's JSON body.
pub(super) async fn parse<T: DeserializeOwned>(body: Body) -> Result<T, Refusal> {
    let bytes = body
        .into_bytes_limit(MAX_BODY_BYTES)
        .await
        .map_err(|_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "Payload too big"))?;
    serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Refusal::invalid(format!("Invalid request.\n\n{error}")),
        _ => Refusal::new(StatusCode::BAD_REQUEST, "Problems parsing JSON"),
    })
}
