//! Reads the whole body before anything else looks at it: within a size, chunked or not, and within a
//! time, so that neither one huge body nor many slow ones exhaust the server.

use std::time::Duration;

use poem::http::header;
use poem::{Endpoint, Middleware, Request};

use crate::error::ApiError;

/// The largest body that is read.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// How long a client may take to send it.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit {
    /// Most bytes.
    pub max_bytes: usize,
    /// Most time.
    pub timeout: Duration,
}

impl Default for BodyLimit {
    fn default() -> Self {
        Self {
            max_bytes: MAX_BODY_BYTES,
            timeout: READ_TIMEOUT,
        }
    }
}

impl<E: Endpoint> Middleware<E> for BodyLimit {
    type Output = BodyLimitEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        BodyLimitEndpoint { limit: *self, inner }
    }
}

/// See [`BodyLimit`].
pub struct BodyLimitEndpoint<E> {
    limit: BodyLimit,
    inner: E,
}

impl<E: Endpoint> Endpoint for BodyLimitEndpoint<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> poem::Result<E::Output> {
        let limit = self.limit.max_bytes;
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok());
        if announced
            .and_then(|length| length.parse::<u64>().ok())
            .is_some_and(|length| length > limit as u64)
        {
            return Err(ApiError::too_large(limit).into());
        }
        let reading = request.take_body().into_bytes_limit(limit);
        let bytes = match tokio::time::timeout(self.limit.timeout, reading).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(poem::error::ReadBodyError::PayloadTooLarge)) => {
                return Err(ApiError::too_large(limit).into());
            }
            Ok(Err(_)) => return Err(ApiError::bad_body("could not be read to its end").into()),
            Err(_) => return Err(ApiError::bad_body("did not arrive in time").into()),
        };
        request.set_body(bytes);
        self.inner.call(request).await
    }
}
