//! An HTTP client for the REST API that fails with what was asked and what was answered.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Longer than any operation may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one server, signed in or not.
#[derive(Debug, Clone)]
pub struct ApiClient {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// What was asked, for failure messages: `POST /auth/login`.
    pub asked: String,
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl ApiClient {
    /// A client that is not signed in, for the server at `base` (`http://127.0.0.1:8000`).
    pub fn new(base: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            token: None,
        })
    }

    /// The same client, signed in with an access token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The address of `path` on this server.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The access token, when signed in.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        self.send(Method::GET, path, None).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Reply> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// `PUT` with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Reply> {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// `PATCH` with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Reply> {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Reply> {
        self.send(Method::DELETE, path, None).await
    }

    /// Any method, with or without a JSON body.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Reply> {
        let body = body.map(|body| ("application/json", body.to_string().into_bytes()));
        self.send_bytes(method, path, body).await
    }

    /// Any method with a content type and bytes as they are, for malformed bodies.
    pub async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> anyhow::Result<Reply> {
        let asked = format!("{method} {path}");
        let mut request = self.http.request(method, self.address(path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some((content_type, bytes)) = body {
            request = request.header(CONTENT_TYPE, content_type).body(bytes);
        }
        let response = request.send().await.with_context(|| asked.clone())?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.with_context(|| asked.clone())?.to_vec();
        Ok(Reply {
            asked,
            status,
            headers,
            body,
        })
    }
}

impl Reply {
    /// The JSON body, after making sure of the status. Null for an empty body.
    pub fn expect(&self, status: u16) -> anyhow::Result<Value> {
        ensure!(
            self.status == status,
            "{} answers {}, not {status}: {}",
            self.asked,
            self.status.as_u16(),
            self.text()
        );
        self.json()
    }

    /// The body as an RFC 9457 problem of that status: its members `code`, `errors` and `request_id` are
    /// there and the content type is right.
    pub fn problem(&self, status: u16) -> anyhow::Result<Value> {
        let body = self.expect(status)?;
        let content_type = self
            .headers
            .get(CONTENT_TYPE)
            .map(|value| value.to_str())
            .transpose()?
            .unwrap_or_default();
        ensure!(
            content_type.starts_with("application/problem+json"),
            "{} answers {status} as {content_type:?}: {}",
            self.asked,
            self.text()
        );
        ensure!(
            body["status"] == status,
            "{} names another status inside: {body}",
            self.asked
        );
        for member in ["title", "code", "request_id"] {
            ensure!(
                body[member].is_string(),
                "{} has no {member} in its problem: {body}",
                self.asked
            );
        }
        Ok(body)
    }

    /// The names of the fields that a problem's `errors` complain about, in order.
    pub fn invalid_fields(&self) -> anyhow::Result<Vec<String>> {
        let body = self.json()?;
        let errors = body["errors"]
            .as_array()
            .with_context(|| format!("{} lists no errors: {body}", self.asked))?;
        errors
            .iter()
            .map(|error| {
                let field = error["field"].as_str();
                field
                    .map(str::to_owned)
                    .with_context(|| format!("an error without field: {error}"))
            })
            .collect()
    }

    /// The body as JSON; null when it is empty.
    pub fn json(&self) -> anyhow::Result<Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{} answers no JSON: {}", self.asked, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
