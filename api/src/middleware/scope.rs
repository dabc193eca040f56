//! Gives each request its id and its client's address, and tells about it in the log and the metrics.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use poem::web::RemoteAddr;
use poem::{Addr, Endpoint, IntoResponse, Middleware, PathPattern, Request, Response};
use tracing::Instrument as _;
use uuid::Uuid;

use super::denials;
use crate::auth::traffic::Allowance;
use crate::context::Context;
use crate::request::{self, RequestInfo};
use crate::settings::Network;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// See the module.
#[derive(Debug, Clone)]
pub struct RequestScope {
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Arc<[Network]>,
}

impl<E: Endpoint> Middleware<E> for RequestScope {
    type Output = RequestScopeEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        RequestScopeEndpoint {
            trusted_proxies: Arc::clone(&self.trusted_proxies),
            inner,
        }
    }
}

/// See [`RequestScope`].
pub struct RequestScopeEndpoint<E> {
    trusted_proxies: Arc<[Network]>,
    inner: E,
}

impl<E: Endpoint> Endpoint for RequestScopeEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = request_id(&request);
        let ip = client_ip(&request, &self.trusted_proxies);
        let method = request.method().clone();
        let started = Instant::now();
        let span = tracing::info_span!("request", request.id = %id, http.method = %method);
        let info = RequestInfo {
            id: id.clone(),
            ip,
            notes: Arc::default(),
        };
        let (context, path) = (
            request.data::<Context>().cloned(),
            request.uri().path().to_owned(),
        );
        let handled = async {
            let mut response = self.inner.get_response(request).await.into_response();
            let notes = request::notes();
            if response.status() == StatusCode::FORBIDDEN
                && let Some(context) = &context
            {
                denials::note(context, notes.who, &method, &path).await;
            }
            if let Some(allowance) = notes.allowance {
                tell(allowance, response.headers_mut());
            }
            response
        };
        let mut response = request::scope(info, handled).instrument(span.clone()).await;
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        let elapsed = started.elapsed();
        let status = response.status().as_u16();
        // The pattern, never the path: ids would make endless series, and a path may hold anything.
        let route = response
            .data::<PathPattern>()
            .map_or("", |pattern| &pattern.0)
            .to_owned();
        let labels = [
            ("method", method.to_string()),
            ("route", route.clone()),
            ("status", status.to_string()),
        ];
        metrics::counter!("http_requests_total", &labels).increment(1);
        metrics::histogram!("http_request_duration_seconds", &labels[..2]).record(elapsed.as_secs_f64());
        span.in_scope(|| {
            let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            tracing::debug!(
                http.route = route,
                http.status = status,
                duration_ms = millis,
                "answered"
            );
        });
        Ok(response)
    }
}

/// Tells the caller what it has left, in the headers `RateLimit-*`.
fn tell(allowance: Allowance, headers: &mut HeaderMap) {
    let Allowance {
        limit,
        remaining,
        reset_secs,
    } = allowance;
    for (name, value) in [
        ("ratelimit-limit", limit),
        ("ratelimit-remaining", remaining),
        ("ratelimit-reset", reset_secs),
    ] {
        headers.insert(HeaderName::from_static(name), value.into());
    }
}

fn request_id(request: &Request) -> String {
    let given = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    match given.filter(|id| request::is_acceptable_id(id)) {
        Some(id) => id.to_owned(),
        None => Uuid::now_v7().to_string(),
    }
}

fn client_ip(request: &Request, trusted: &[Network]) -> Option<IpAddr> {
    let RemoteAddr(Addr::SocketAddr(peer)) = request.remote_addr() else {
        return None;
    };
    let lines = request.headers().get_all("x-forwarded-for").iter();
    let forwarded = lines
        .filter_map(|line| line.to_str().ok())
        .collect::<Vec<_>>()
        .join(",");
    Some(client_behind(peer.ip(), &forwarded, trusted))
}

/// The peer, or behind trusted proxies the last address in `X-Forwarded-For` that is not one of them:
/// what stands before it was written by the client.
fn client_behind(peer: IpAddr, forwarded: &str, trusted: &[Network]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(ip));
    let mut client = peer.to_canonical();
    for hop in forwarded.rsplit(',').map(str::trim) {
        if !is_trusted(client) {
            break;
        }
        let Ok(ip) = hop.parse::<IpAddr>() else { break };
        client = ip.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip_of(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        client_behind(peer.parse().unwrap(), forwarded, &trusted).to_string()
    }

    #[test]
    fn a_client_cannot_choose_its_address() {
        assert_eq!(ip_of("9.9.9.9", "1.2.3.4", &[]), "9.9.9.9");
        assert_eq!(ip_of("9.9.9.9", "1.2.3.4", &["10.0.0.0/8"]), "9.9.9.9");
        assert_eq!(ip_of("10.0.0.1", "1.2.3.4, 9.9.9.9", &["10.0.0.0/8"]), "9.9.9.9");
        assert_eq!(
            ip_of("10.0.0.1", "1.2.3.4, 9.9.9.9, 10.0.0.2", &["10.0.0.0/8"]),
            "9.9.9.9"
        );
        assert_eq!(ip_of("10.0.0.1", "rubbish", &["10.0.0.0/8"]), "10.0.0.1");
    }
}
