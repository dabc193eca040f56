//! The page: the built frontend, embedded in the binary. Whatever a browser navigates to is the page's
//! own business; what programs ask for goes to the API.

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::middleware::{Compression, CompressionEndpoint};
use poem::{Body, Endpoint, IntoResponse, Middleware, Request, Response};
use rust_embed::Embed;

use crate::hex::hex;

#[derive(Embed)]
#[folder = "$UI_DIR"]
struct Page;

const INDEX: &str = "index.html";
/// Nothing from elsewhere, no inline script. Inline styles are needed by components that place themselves.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
form-action 'self'; frame-ancestors 'none'; object-src 'none'";
/// The build puts a hash of the content into the names of these.
const HASHED: &str = "assets/";
/// Paths that are this server's even for a browser.
const SERVER_PATHS: [&str; 6] = [
    "/docs",
    "/openapi.json",
    "/healthz",
    "/readyz",
    "/metrics",
    "/webhooks/",
];

/// Answers with the page where it is asked for, and hands everything else on.
#[derive(Debug, Clone, Copy)]
pub struct Ui;

impl<E: Endpoint> Middleware<E> for Ui {
    type Output = UiEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        UiEndpoint {
            files: Compression::new().transform(Files),
            inner,
        }
    }
}

/// See [`Ui`].
pub struct UiEndpoint<E> {
    /// Compressed: they hold nothing secret, unlike the API's answers.
    files: CompressionEndpoint<Files>,
    inner: E,
}

struct Files;

impl Endpoint for Files {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let name = asset(&request).unwrap_or_else(|| INDEX.to_owned());
        Ok(serve(&name, request.headers()))
    }
}

impl<E: Endpoint> Endpoint for UiEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        match asset(&request) {
            Some(_) => self.files.call(request).await,
            None => Ok(self.inner.call(request).await?.into_response()),
        }
    }
}

/// The file that this request is for.
fn asset(request: &Request) -> Option<String> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return None;
    }
    let path = request.uri().path();
    if SERVER_PATHS.iter().any(|server| path.starts_with(server)) {
        return None;
    }
    let name = path.trim_start_matches('/');
    if !name.is_empty() && Page::get(name).is_some() {
        return Some(name.to_owned());
    }
    // A browser that navigates asks for HTML and sends no token; a fetch of the page does neither.
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or("");
    let navigates = accept.contains("text/html") && !request.headers().contains_key(header::AUTHORIZATION);
    (navigates || name.is_empty()).then(|| INDEX.to_owned())
}

fn serve(name: &str, asked: &HeaderMap) -> Response {
    let Some(file) = Page::get(name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    let caching = if name.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = asked
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::builder()
            .content_type(file.metadata.mimetype())
            .body(Body::from_bytes(match file.data {
                std::borrow::Cow::Borrowed(bytes) => bytes.into(),
                std::borrow::Cow::Owned(bytes) => bytes.into(),
            }))
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str, accept: &str, token: Option<&str>) -> Option<String> {
        let mut request = Request::builder()
            .uri(path.parse().unwrap())
            .header("accept", accept);
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        asset(&request.finish())
    }

    #[test]
    fn a_browser_gets_the_page_and_a_program_the_api() {
        const BROWSER: &str = "text/html,application/xhtml+xml";
        assert_eq!(asked("/", "*/*", None).as_deref(), Some(INDEX));
        assert_eq!(asked("/runners/1", BROWSER, None).as_deref(), Some(INDEX));
        assert_eq!(asked("/org/1/runners", "application/json", None), None);
        assert_eq!(asked("/org/1/runners", "*/*", Some("Bearer x")), None);
        assert_eq!(asked("/docs", BROWSER, None), None);
        assert_eq!(asked("/healthz", BROWSER, None), None);
    }
}
