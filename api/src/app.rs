//! The whole server as one endpoint.

use poem::{Endpoint, EndpointExt as _, Route};

use crate::context::Context;
use crate::middleware::{BodyLimit, Outcome, RequestScope, SecurityHeaders};
use crate::routes;

/// Everything this server answers, with what every request passes through.
pub fn build(context: &Context) -> impl Endpoint + 'static {
    Route::new()
        .nest("/", routes::service(context))
        .with(BodyLimit::default())
        .with(Outcome::default())
        .with(SecurityHeaders { https: context.settings.is_https() })
        .with(RequestScope { trusted_proxies: context.settings.trusted_proxies.clone().into() })
        .data(context.clone())
}
