//! The transport: one place that sends, with every header, limit and timeout, and reads what came back.

use std::{fmt, sync::Arc, time::Duration};

use domain::{Clock, SystemClock};
use reqwest::{
    Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH},
    redirect,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tracing::debug;
use url::Url;

use crate::{
    Error, Target, endpoint,
    list_cache::ListCache,
    rate_limit::{self, Windows},
    target::with_path,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(15);
/// A full page of 100 runners with 100 labels each is below 2 MiB.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// GitHub's sentences are short; a longer one is cut before it reaches a log or a page.
const MAX_MESSAGE_CHARS: usize = 300;
/// The version of the REST API that the types here were written for.
const API_VERSION: &str = "2022-11-28";

/// GitHub as one credential sees it; cheap to clone, and clones share connections, list cache and rate-limit windows.
#[derive(Clone)]
pub struct GitHub(Arc<Inner>);

struct Inner {
    api_url: Url,
    token: SecretString,
    authorization: HeaderValue,
    http: reqwest::Client,
    windows: Windows,
    list_cache: ListCache,
    clock: Arc<dyn Clock>,
}

/// One request to be sent.
pub(crate) struct Call {
    operation: &'static str,
    method: Method,
    url: Url,
    body: Option<Vec<u8>>,
    etag: Option<String>,
}

/// Which statuses are a success.
#[derive(Clone, Copy)]
pub(crate) enum Expect {
    /// Exactly this one.
    Status(u16),
    /// This one, or 304 to a request with an `ETag`.
    StatusOrUnchanged(u16),
}

/// A successful answer.
pub(crate) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl GitHub {
    /// A client of the API at `api_url` (`https://api.github.com`, `https://HOST/api/v3`) with `token` as bearer.
    ///
    /// Tokens of any kind and length are taken (`ghp_`, `github_pat_`, `ghs_`). No request is sent here.
    pub fn new(api_url: &Url, token: SecretString) -> Result<Self, Error> {
        Self::with_clock(api_url, token, Arc::new(SystemClock))
    }

    /// As [`GitHub::new`], with the clock that rate-limit windows are measured on.
    pub fn with_clock(api_url: &Url, token: SecretString, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        endpoint::check(api_url)?;
        let bearer = SecretString::from(format!("Bearer {}", token.expose_secret().trim()));
        let mut authorization =
            HeaderValue::from_str(bearer.expose_secret()).map_err(|_| Error::InvalidToken)?;
        authorization.set_sensitive(true);
        let http = reqwest::Client::builder()
            .user_agent(concat!("runner-pilot/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(Error::Setup)?;
        Ok(Self(Arc::new(Inner {
            api_url: api_url.clone(),
            token,
            authorization,
            http,
            windows: Windows::default(),
            list_cache: ListCache::default(),
            clock,
        })))
    }

    pub(crate) fn target_url(&self, target: &Target, rest: &str) -> Result<Url, Error> {
        target.validate()?;
        let path = format!("{}/{rest}", target.rest_path().trim_start_matches('/'));
        Ok(self.url(path.trim_end_matches('/')))
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        with_path(&self.0.api_url, path)
    }

    pub(crate) fn list_cache(&self) -> &ListCache {
        &self.0.list_cache
    }

    /// Sends `call` unless a rate-limit window is closed, and turns every unexpected answer into an [`Error`].
    pub(crate) async fn send(&self, call: Call, expect: Expect) -> Result<Reply, Error> {
        let operation = call.operation;
        let inner = &self.0;
        let now = inner.clock.now();
        if let Some(retry_at) = inner.windows.closed_until(operation, now) {
            let retry_after = (retry_at - now).to_std().unwrap_or_default();
            return Err(Error::RateLimited {
                operation,
                retry_at,
                retry_after,
            });
        }
        let with_etag = call.etag.is_some();
        let mut response = inner
            .http
            .execute(self.request(call)?)
            .await
            .map_err(|error| transport_error(operation, error))?;
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        debug!(
            github.operation = operation,
            http.status = status.as_u16(),
            "GitHub answered"
        );
        inner.windows.learn(operation, &headers);
        let body = read_body(operation, response).await;
        let expected = match expect {
            Expect::Status(code) => status.as_u16() == code,
            Expect::StatusOrUnchanged(code) => {
                status.as_u16() == code || (with_etag && status == StatusCode::NOT_MODIFIED)
            }
        };
        if expected {
            return Ok(Reply {
                status,
                headers,
                body: body?,
            });
        }
        // The status decides; a body that broke off or grew too large only costs the sentence in it.
        Err(self.error_of(operation, status, &headers, &body.unwrap_or_default()))
    }

    fn request(&self, call: Call) -> Result<reqwest::Request, Error> {
        let inner = &self.0;
        let mut request = inner
            .http
            .request(call.method, call.url)
            .header(ACCEPT, "application/vnd.github+json")
            .header("X-GitHub-Api-Version", API_VERSION)
            .header(AUTHORIZATION, inner.authorization.clone());
        if let Some(etag) = call.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(body) = call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        request.build().map_err(Error::Setup)
    }

    fn error_of(
        &self,
        operation: &'static str,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Error {
        let message = self.message_of(body);
        let now = self.0.clock.now();
        if let Some(pause) = rate_limit::pause_of(status, headers, &message, now) {
            let retry_at = self.0.windows.close(&pause, now);
            let retry_after = (retry_at - now).to_std().unwrap_or_default();
            return Error::RateLimited {
                operation,
                retry_at,
                retry_after,
            };
        }
        match status.as_u16() {
            401 => Error::Unauthorized { operation },
            403 => Error::Forbidden { operation, message },
            404 => Error::NotFound { operation },
            409 => Error::Conflict { operation, message },
            422 => Error::Unprocessable { operation, message },
            status @ 500..=599 => {
                let retry_after = rate_limit::retry_after(headers, now);
                if let Some(wait) = retry_after {
                    self.0
                        .windows
                        .close(&rate_limit::Pause { wait, bucket: None }, now);
                }
                Error::Server {
                    operation,
                    status,
                    retry_after,
                }
            }
            status => Error::Unexpected { operation, status },
        }
    }

    /// GitHub's `message`, safe to show: one line, short, and without the token should the server echo it.
    fn message_of(&self, body: &[u8]) -> String {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            message: String,
        }
        let message = serde_json::from_slice::<Body>(body)
            .map(|body| body.message)
            .unwrap_or_default();
        let token = self.0.token.expose_secret().trim();
        let message = if token.is_empty() {
            message
        } else {
            message.replace(token, "***")
        };
        message
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MAX_MESSAGE_CHARS)
            .collect()
    }
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub")
            .field("api_url", &self.0.api_url.as_str())
            .finish_non_exhaustive()
    }
}

impl Call {
    pub(crate) fn new(operation: &'static str, method: Method, url: Url) -> Self {
        Self {
            operation,
            method,
            url,
            body: None,
            etag: None,
        }
    }

    pub(crate) fn with_body(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Decode {
            operation: self.operation,
            reason: error.to_string(),
        })?;
        self.body = Some(body);
        Ok(self)
    }

    pub(crate) fn with_etag(mut self, etag: &str) -> Self {
        self.etag = Some(etag.to_owned());
        self
    }
}

impl Reply {
    pub(crate) fn is_unchanged(&self) -> bool {
        self.status == StatusCode::NOT_MODIFIED
    }

    pub(crate) fn etag(&self) -> Option<String> {
        self.headers.get(ETAG)?.to_str().ok().map(ToOwned::to_owned)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as `T`; the error names the place in the body, never its content, which may be a token.
    pub(crate) fn json<T: DeserializeOwned>(&self, operation: &'static str) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Decode {
            operation,
            reason: format!(
                "{:?} error at line {} column {}",
                error.classify(),
                error.line(),
                error.column()
            ),
        })
    }
}

async fn read_body(operation: &'static str, mut response: reqwest::Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| transport_error(operation, error))?
    {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(Error::TooLarge { operation });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn transport_error(operation: &'static str, error: reqwest::Error) -> Error {
    if error.is_timeout() {
        Error::Timeout { operation }
    } else {
        Error::Network {
            operation,
            source: error.without_url(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn github(token: &str) -> Result<GitHub, Error> {
        GitHub::new(
            &"https://api.github.com".parse().unwrap(),
            token.to_owned().into(),
        )
    }

    #[test]
    fn the_token_stays_out_of_debug_output_and_messages() {
        let github = github("ghp_canary").unwrap();
        assert!(!format!("{github:?}").contains("canary"));
        let body = br#"{"message":"bad\ncredential ghp_canary"}"#;
        assert_eq!(github.message_of(body), "bad credential ***");
    }

    #[test]
    fn tokens_of_any_length_are_taken_and_broken_ones_refused() {
        assert!(github(&format!("ghs_{}", "x".repeat(4000))).is_ok());
        assert!(
            github("ghp_abc\n").is_ok(),
            "a line break at the end is from a file"
        );
        assert!(matches!(github("ghp_a\nb"), Err(Error::InvalidToken)));
    }

    #[test]
    fn a_message_is_one_short_line() {
        let body = format!(r#"{{"message":"{}"}}"#, "x".repeat(10_000));
        assert_eq!(
            github("t").unwrap().message_of(body.as_bytes()).len(),
            MAX_MESSAGE_CHARS
        );
        assert_eq!(github("t").unwrap().message_of(b"<html>"), "");
    }

    #[test]
    fn a_path_prefix_of_the_server_is_kept() {
        let github = GitHub::new(
            &"https://ghes.example/api/v3/".parse().unwrap(),
            "t".to_owned().into(),
        )
        .unwrap();
        let url = github
            .target_url(&"o/r".parse().unwrap(), "actions/runners")
            .unwrap();
        assert_eq!(
            url.as_str(),
            "https://ghes.example/api/v3/repos/o/r/actions/runners"
        );
    }
}
