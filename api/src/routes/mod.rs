//! The operations, one file per subject: who may call, what is parsed, what is answered.

use poem_openapi::{OpenApiService, Tags};

use crate::context::Context;

mod people;

pub use people::PeopleApi;

/// How the documentation groups the operations.
#[derive(Debug, Tags)]
#[oai(rename_all = "snake_case")]
pub enum Tag {
    /// Accounts, sign-in and sessions.
    Auth,
    /// What every page needs.
    Common,
    /// Organisations.
    Organisations,
    /// Members and invitations.
    Members,
    /// Docker engines that runners are placed on.
    Nodes,
    /// Credentials for GitHub.
    Credentials,
    /// Runner definitions.
    Runners,
    /// Containers made from runners.
    Instances,
    /// Who did what.
    Audit,
    /// Changes as they happen.
    Stream,
}

/// Every operation.
pub type Api = PeopleApi;

/// The operations with their documentation.
pub fn service(context: &Context) -> OpenApiService<Api, ()> {
    let api = PeopleApi { context: context.clone() };
    OpenApiService::new(api, "Runner Pilot", env!("CARGO_PKG_VERSION"))
}
