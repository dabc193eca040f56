//! GitHub's REST API as far as runners need it.

mod accounts;
mod guard;
mod jit;
mod labels;
mod reply;
mod runners;
mod tokens;

use poem::{EndpointExt, IntoEndpoint, Route, RouteMethod, endpoint::make, get, post};

use reply::Refusal;

/// All REST routes, guarded as GitHub guards them.
pub(super) fn routes() -> impl IntoEndpoint {
    let mut route = Route::new()
        .at("/user", get(accounts::get_user))
        .at("/rate_limit", get(accounts::get_rate_limit))
        .at("/repos/:owner/:repo", get(accounts::get_repository))
        .at("/orgs/:org", get(accounts::get_organization));
    for target in ["/repos/:owner/:repo", "/orgs/:org"] {
        let under = |path: &str| format!("{target}/actions/runners{path}");
        route = route
            .at(under(""), get(runners::list))
            .at(
                under("/registration-token"),
                post(tokens::create_registration_token),
            )
            .at(under("/remove-token"), post(tokens::create_remove_token))
            .at(under("/generate-jitconfig"), post(jit::generate))
            .at(
                under("/:runner_id"),
                get(runners::get_one).delete(runners::delete),
            )
            .at(under("/:runner_id/labels"), label_methods())
            .at(under("/:runner_id/labels/:label"), poem::delete(labels::remove));
    }
    route
        .at(
            "/*rest",
            make(|_| async { Err::<(), poem::Error>(Refusal::not_found().into()) }),
        )
        .around(guard::guard)
}

fn label_methods() -> RouteMethod {
    get(labels::list)
        .post(labels::add)
        .put(labels::set)
        .delete(labels::clear)
}
