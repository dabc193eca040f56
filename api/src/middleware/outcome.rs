//! Every way a request can end becomes an answer here: the framework's own errors are reshaped to
//! problem+json, panics become 500, endless work becomes 503.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::StatusCode;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response};
use poem_openapi::error::{AuthorizationError, ContentTypeError, ParseParamError, ParsePathError};

use crate::error::ApiError;
use crate::fields::Fields;
use crate::request;

/// How long a handler may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// Most time for one request.
    pub timeout: Duration,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            timeout: REQUEST_TIMEOUT,
        }
    }
}

impl<E: Endpoint> Middleware<E> for Outcome {
    type Output = OutcomeEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        OutcomeEndpoint {
            timeout: self.timeout,
            inner,
        }
    }
}

/// See [`Outcome`].
pub struct OutcomeEndpoint<E> {
    timeout: Duration,
    inner: E,
}

impl<E: Endpoint> Endpoint for OutcomeEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let work = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Ok(match tokio::time::timeout(self.timeout, work).await {
            Ok(Ok(Ok(answer))) => answer.into_response(),
            Ok(Ok(Err(error))) => answer_to(error),
            // The panic's own message is already on stderr, through the panic hook.
            Ok(Err(_panic)) => {
                tracing::error!(request.id = request::current_id(), "a request panicked");
                ApiError::internal_silent().into_response()
            }
            Err(_) => {
                tracing::error!(request.id = request::current_id(), "a request took too long");
                ApiError::unavailable().into_response()
            }
        })
    }
}

fn answer_to(error: poem::Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    if error.is::<NotFoundError>() || error.is::<ParsePathError>() {
        return ApiError::not_found().into_response();
    }
    if error.is::<MethodNotAllowedError>() {
        return ApiError::method_not_allowed().into_response();
    }
    if error.is::<AuthorizationError>() {
        return ApiError::unauthorized().into_response();
    }
    if error.is::<ContentTypeError>() {
        return ApiError::unsupported_media_type().into_response();
    }
    if let Some(error) = error.downcast_ref::<ParseParamError>() {
        let mut fields = Fields::default();
        fields.refuse(error.name, "does not fit the documented type");
        return fields.into_error().into_response();
    }
    match error.status() {
        StatusCode::UNAUTHORIZED => ApiError::unauthorized(),
        StatusCode::NOT_FOUND => ApiError::not_found(),
        status if status.is_client_error() => ApiError::bad_request("The request cannot be understood."),
        _ => {
            tracing::error!(error = %error, request.id = request::current_id(), "a request failed");
            ApiError::internal_silent()
        }
    }
    .into_response()
}

#[cfg(test)]
mod tests {
    use poem::endpoint::make;
    use poem::http::header::CONTENT_TYPE;

    use super::*;

    async fn answered_by(work: impl Endpoint) -> (StatusCode, String) {
        let outcome = Outcome {
            timeout: Duration::from_millis(20),
        };
        let response = outcome.transform(work).call(Request::default()).await.unwrap();
        let kind = response.headers().get(CONTENT_TYPE).cloned();
        assert_eq!(kind.unwrap(), "application/problem+json");
        let status = response.status();
        (status, response.into_body().into_string().await.unwrap())
    }

    #[tokio::test]
    async fn a_panic_is_answered_without_its_words() {
        let panics = make(async |_| -> &'static str { panic!("c4n4ry") });
        let (status, body) = answered_by(panics).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.contains("request_id") && !body.contains("c4n4ry"), "{body}");
    }

    #[tokio::test]
    async fn work_without_an_end_is_given_up() {
        let endless = make(async |_| std::future::pending::<&'static str>().await);
        let (status, _) = answered_by(endless).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
