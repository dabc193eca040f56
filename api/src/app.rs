//! The whole server as one endpoint.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use poem::middleware::Compression;
use poem::{Endpoint, EndpointExt as _, Route, get};

use crate::context::Context;
use crate::middleware::{BodyLimit, Outcome, RequestScope, SecurityHeaders};
use crate::openapi;
use crate::routes::{self, system};
use crate::ui::Ui;

/// Everything this server answers, with what every request passes through.
pub fn build(context: &Context) -> impl Endpoint + 'static {
    let service = routes::service(context);
    let description = openapi::document(context);
    let docs = service
        .swagger_ui_html()
        .replacen(&service.spec(), &description, 1);
    Route::new()
        .at("/healthz", get(system::healthz))
        .at("/readyz", get(system::readyz))
        .at("/metrics", get(system::metrics))
        .at("/openapi.json", get(system::description(description)))
        .at("/docs", get(system::docs(&docs).with(Compression::new())))
        .nest_no_strip("/", service)
        .with(Ui)
        .with(BodyLimit::default())
        .with(Outcome::default())
        .with(SecurityHeaders {
            https: context.settings.is_https(),
        })
        .with(RequestScope {
            trusted_proxies: context.settings.trusted_proxies.clone().into(),
        })
        .data(context.clone())
        .data(recorder())
}

/// Where the metrics of this process are counted; there can be only one.
fn recorder() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            // An error only says that somebody else already counts in this process.
            let _ = metrics::set_global_recorder(recorder);
            handle
        })
        .clone()
}
