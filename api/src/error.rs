//! How a request fails: [`ApiError`], in every handler's signature, answered as RFC 9457
//! `application/problem+json`. The text of 5xx answers is constant; what happened goes to the log.

use entities::StoreError;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Object};

use crate::request;

/// One invalid field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct FieldError {
    /// Where it is: the name of the field, with dots and indexes for nested ones.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
    /// A word for programs: `invalid`, `required`, `unknown`, `taken`, …
    pub code: Option<String>,
}

/// A problem as RFC 9457 describes it.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
pub struct Problem {
    /// Names the kind of problem; `about:blank` means that the status says it all.
    #[oai(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong in this case, and what would help.
    pub detail: String,
    /// A word for programs.
    pub code: String,
    /// Every invalid field.
    pub errors: Vec<FieldError>,
    /// Names this request in the server's log.
    pub request_id: String,
}

impl Problem {
    /// A problem of the current request.
    pub fn new(status: poem::http::StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
            errors: Vec::new(),
            request_id: request::current_id(),
        }
    }
}

/// A [`Problem`] as a body of type `application/problem+json`.
#[derive(Debug, Clone)]
pub struct ProblemJson(pub Box<Problem>);

impl Payload for ProblemJson {
    const CONTENT_TYPE: &'static str = "application/problem+json";

    fn schema_ref() -> MetaSchemaRef {
        Problem::schema_ref()
    }

    fn register(registry: &mut Registry) {
        Problem::register(registry);
    }
}

impl poem::IntoResponse for ProblemJson {
    fn into_response(self) -> poem::Response {
        poem::Response::builder()
            .content_type(Self::CONTENT_TYPE)
            .body(self.0.to_json_string())
    }
}

/// Every way in which a request can fail.
#[derive(Debug, ApiResponse)]
pub enum ApiError {
    /// The request cannot be read.
    #[oai(status = 400)]
    BadRequest(ProblemJson),
    /// The caller is not signed in.
    #[oai(status = 401)]
    Unauthorized(ProblemJson, #[oai(header = "WWW-Authenticate")] String),
    /// The caller may see this but not do it.
    #[oai(status = 403)]
    Forbidden(ProblemJson),
    /// There is no such thing, or the caller may not see it.
    #[oai(status = 404)]
    NotFound(ProblemJson),
    /// The path does not know this method.
    #[oai(status = 405)]
    MethodNotAllowed(ProblemJson),
    /// It conflicts with what is there.
    #[oai(status = 409)]
    Conflict(ProblemJson),
    /// The body is too large.
    #[oai(status = 413)]
    TooLarge(ProblemJson),
    /// The body is not JSON.
    #[oai(status = 415)]
    UnsupportedMediaType(ProblemJson),
    /// One or more fields are invalid.
    #[oai(status = 422)]
    Unprocessable(ProblemJson),
    /// Too many requests.
    #[oai(status = 429)]
    TooMany(ProblemJson, #[oai(header = "Retry-After")] u64),
    /// The server failed.
    #[oai(status = 500)]
    Internal(ProblemJson),
    /// The server cannot answer now.
    #[oai(status = 503)]
    Unavailable(ProblemJson, #[oai(header = "Retry-After")] u64),
    /// Something behind the server did not answer in time.
    #[oai(status = 504)]
    GatewayTimeout(ProblemJson),
}

fn problem(status: u16, code: &str, detail: impl Into<String>) -> ProblemJson {
    let status = poem::http::StatusCode::from_u16(status).unwrap_or_default();
    ProblemJson(Box::new(Problem::new(status, code, detail)))
}

impl ApiError {
    /// 400: the body cannot be read. `fault` continues "The body …".
    pub fn bad_body(fault: impl std::fmt::Display) -> Self {
        Self::bad_request(format!("The body {fault}.")).about(
            "body",
            "invalid",
            format!("{fault}; send JSON as documented"),
        )
    }

    /// 400: the request cannot be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::BadRequest(problem(400, "bad_request", detail))
    }

    /// 401: no token, or one that is no longer good. One text for every reason.
    pub fn unauthorized() -> Self {
        Self::Unauthorized(
            problem(
                401,
                "unauthorized",
                "Sign in and send the access token as `Authorization: Bearer`.",
            ),
            "Bearer".to_owned(),
        )
        .about(
            "Authorization",
            "invalid",
            "must be `Bearer` and an access token that is still good; POST /auth/login gives one",
        )
    }

    /// 401 for a sign-in or a refresh that failed, saying why in words that reveal nothing.
    pub fn refused_sign_in(detail: &str) -> Self {
        Self::Unauthorized(problem(401, "invalid_credentials", detail), "Bearer".to_owned())
    }

    /// 403: the caller may see this but not do it.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::Forbidden(problem(403, "forbidden", detail))
    }

    /// 404, the same for what is not there and what the caller may not see.
    pub fn not_found() -> Self {
        Self::NotFound(problem(
            404,
            "not_found",
            "There is nothing here, or you may not see it.",
        ))
    }

    /// 405: the path is right, the method is not.
    pub fn method_not_allowed() -> Self {
        Self::MethodNotAllowed(problem(
            405,
            "method_not_allowed",
            "This path does not know this method.",
        ))
    }

    /// 409: it conflicts with the state of things; `code` is a word for programs.
    pub fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self::Conflict(problem(409, code, detail))
    }

    /// 409 because of one field's value, such as a name that is taken.
    pub fn conflict_on(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::conflict("conflict", format!("`{field}` {message}.")).about(field, "taken", message)
    }

    /// The same failure, naming the field of the request that it is about. `message` continues "`field` …"
    /// and says what would help.
    #[must_use]
    pub fn about(mut self, field: &str, code: &str, message: impl Into<String>) -> Self {
        self.problem_mut().errors.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
            code: Some(code.to_owned()),
        });
        self
    }

    fn problem_mut(&mut self) -> &mut Problem {
        match self {
            Self::BadRequest(problem)
            | Self::Unauthorized(problem, _)
            | Self::Forbidden(problem)
            | Self::NotFound(problem)
            | Self::MethodNotAllowed(problem)
            | Self::Conflict(problem)
            | Self::TooLarge(problem)
            | Self::UnsupportedMediaType(problem)
            | Self::Unprocessable(problem)
            | Self::TooMany(problem, _)
            | Self::Internal(problem)
            | Self::Unavailable(problem, _)
            | Self::GatewayTimeout(problem) => &mut problem.0,
        }
    }

    /// 413: more bytes than `limit` in the body.
    pub fn too_large(limit: usize) -> Self {
        let kib = limit / 1024;
        let detail = format!("The body is larger than {kib} KiB. Leave out what is not needed.");
        let message = format!("must be at most {kib} KiB");
        Self::TooLarge(problem(413, "too_large", detail)).about("body", "too_long", message)
    }

    /// 415: writes take JSON only.
    pub fn unsupported_media_type() -> Self {
        Self::UnsupportedMediaType(problem(
            415,
            "unsupported_media_type",
            "Send the body as JSON with `Content-Type: application/json`.",
        ))
        .about("Content-Type", "invalid", "must be application/json")
    }

    /// 422 with every invalid field.
    pub fn unprocessable(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("`{}` {}.", one.field, one.message),
            many => format!("{} fields are invalid; see errors.", many.len()),
        };
        let mut problem = problem(422, "invalid", detail);
        problem.0.errors = errors;
        Self::Unprocessable(problem)
    }

    /// 429: try again after this many seconds.
    pub fn too_many(retry_after_secs: u64) -> Self {
        let detail = format!("Too many attempts. Try again in {retry_after_secs} s.");
        Self::TooMany(problem(429, "too_many_requests", detail), retry_after_secs)
    }

    /// 500. Logs the whole chain here, the client learns nothing of it.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %chain(error), request.id = request::current_id(), "a request failed");
        Self::internal_silent()
    }

    /// 500 for a failure that is already logged.
    pub fn internal_silent() -> Self {
        Self::Internal(problem(
            500,
            "internal",
            "The server failed. Its log has the reason under request_id.",
        ))
    }

    /// 503: something the server needs is away or busy.
    pub fn unavailable() -> Self {
        Self::Unavailable(
            problem(
                503,
                "unavailable",
                "The server cannot answer now. Try again shortly.",
            ),
            2,
        )
    }

    /// 504: something behind the server did not answer in time; the text says what and what would help.
    pub fn gateway_timeout(detail: impl Into<String>) -> Self {
        Self::GatewayTimeout(problem(504, "gateway_timeout", detail))
    }
}

/// An error and everything below it, on one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(below) = source {
        text.push_str(": ");
        text.push_str(&below.to_string());
        source = below.source();
    }
    text
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict { constraint } => match unique_field(constraint) {
                Some(field) => Self::conflict_on(field, "is already taken"),
                None => Self::conflict("conflict", "It conflicts with something that is already there."),
            },
            StoreError::BrokenReference(_) => {
                Self::conflict("in_use", "It is in use, or something it refers to is gone.")
            }
            StoreError::Unavailable(_) => {
                tracing::warn!(error = %chain(&error), request.id = request::current_id(), "the database is not available");
                Self::unavailable()
            }
            StoreError::Corrupt(_) | StoreError::Other(_) => Self::internal(&error),
        }
    }
}

/// The field that a unique constraint is about: the last column in its name. Constraints of columns
/// that no person fills in have none.
fn unique_field(constraint: &str) -> Option<&'static str> {
    let fields = [("_name", "name"), ("_email", "email"), ("_user_id", "user_id")];
    fields
        .into_iter()
        .find(|(suffix, _)| constraint.ends_with(suffix))
        .map(|(_, field)| field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_is_a_conflict_that_names_its_field() {
        let error = ApiError::from(StoreError::Conflict {
            constraint: "uq_runners_org_id_name".to_owned(),
        });
        let ApiError::Conflict(ProblemJson(problem)) = error else {
            panic!("{error:?}")
        };
        assert_eq!(problem.status, 409);
        assert_eq!(problem.errors[0].field, "name");
    }

    #[test]
    fn a_problem_has_all_members_in_json() {
        let ApiError::NotFound(ProblemJson(problem)) = ApiError::not_found() else {
            panic!()
        };
        let json = problem.to_json().unwrap();
        for member in [
            "type",
            "title",
            "status",
            "detail",
            "code",
            "errors",
            "request_id",
        ] {
            assert!(json.get(member).is_some(), "{member}");
        }
    }
}
