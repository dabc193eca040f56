//! What operators and their machines ask: is it alive, is it ready, how much does it do; and the
//! documentation. None of it is part of the documented API.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::{Data, Html};
use poem::{Endpoint, IntoResponse, Response, handler};
use serde_json::json;

use crate::context::Context;

/// How long a readiness probe may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// The documentation is one file with its scripts in it, and loads nothing from elsewhere.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
img-src 'self' data:; font-src data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The process runs.
#[handler]
pub fn healthz() -> Response {
    json_response(StatusCode::OK, &json!({"status": "ok"}))
}

/// The process can serve: its database and its Redis answer, and it is not stopping.
#[handler]
pub async fn readyz(context: Data<&Context>) -> Response {
    let stopping = context.shutdown.token().is_cancelled();
    let database = tokio::time::timeout(PROBE_TIMEOUT, context.db.ping());
    let redis = tokio::time::timeout(PROBE_TIMEOUT, context.tasks.ping());
    let (database, redis) = tokio::join!(database, redis);
    let (database, redis) = (matches!(database, Ok(Ok(()))), matches!(redis, Ok(Ok(()))));
    let ready = database && redis && !stopping;
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let word = |ok| if ok { "ok" } else { "unavailable" };
    let body = json!({
        "status": if stopping { "stopping" } else { word(ready) },
        "database": word(database),
        "redis": word(redis),
    });
    json_response(status, &body)
}

fn json_response(status: StatusCode, body: &serde_json::Value) -> Response {
    Response::builder()
        .status(status)
        .content_type("application/json")
        .body(body.to_string())
}

/// Figures for Prometheus.
#[handler]
pub async fn metrics(context: Data<&Context>, recorder: Data<&PrometheusHandle>) -> Response {
    for queue in [domain::tasks::QUEUE_DEFAULT, domain::tasks::QUEUE_MONITORING] {
        let length = tokio::time::timeout(PROBE_TIMEOUT, context.tasks.queue_len(queue)).await;
        if let Ok(Ok(length)) = length {
            // Exact up to 2^53, more messages than Redis can hold.
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            ::metrics::gauge!("runner_pilot_queue_length", "queue" => queue).set(length as f64);
        }
    }
    Response::builder()
        .content_type("text/plain; version=0.0.4")
        .body(recorder.render())
}

/// The description of the API, made once.
pub fn description(text: String) -> impl Endpoint + 'static {
    poem::endpoint::make_sync(move |_| {
        Response::builder()
            .content_type("application/json")
            .body(text.clone())
    })
}

/// The description as a page to try the API with. It sends requests only to this server.
pub fn docs(html: &str) -> impl Endpoint + 'static {
    let html = html
        .replace("<html charset=\"UTF-8\">", "<!doctype html><html lang=\"en\">")
        .replace("<title>Swagger UI</title>", "<title>Runner Pilot API</title>")
        .replace(
            "filter: false,",
            "filter: true, validatorUrl: null, persistAuthorization: false,",
        );
    poem::endpoint::make_sync(move |_| {
        let mut response = Html(html.clone()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(DOCS_POLICY),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    })
}
