//! The operations, one file per subject: who may call, what is parsed, what is answered.

use poem_openapi::{OpenApiService, Tags};

use crate::context::Context;

mod auth;
mod credentials;
mod instance_history;
mod instance_lists;
mod instances;
mod log_stream;
mod me;
mod members;
mod nodes;
mod orgs;
mod overview;
mod runners;
mod shared_history;
mod stream;
pub mod system;

use auth::AuthApi;
use credentials::CredentialsApi;
use instance_history::InstanceHistoryApi;
use instance_lists::InstanceListsApi;
use instances::InstancesApi;
use log_stream::LogStreamApi;
use me::MeApi;
use members::MembersApi;
use nodes::NodesApi;
use orgs::OrgsApi;
use overview::OverviewApi;
use runners::RunnersApi;
use shared_history::SharedHistoryApi;
use stream::StreamApi;

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
pub type Api = (
    AuthApi,
    MeApi,
    OrgsApi,
    OverviewApi,
    MembersApi,
    NodesApi,
    CredentialsApi,
    RunnersApi,
    SharedHistoryApi,
    InstanceListsApi,
    InstancesApi,
    InstanceHistoryApi,
    LogStreamApi,
    StreamApi,
);

/// The operations with their documentation.
pub fn service(context: &Context) -> OpenApiService<Api, ()> {
    let context = || context.clone();
    let api = (
        AuthApi { context: context() },
        MeApi { context: context() },
        OrgsApi { context: context() },
        OverviewApi { context: context() },
        MembersApi { context: context() },
        NodesApi { context: context() },
        CredentialsApi { context: context() },
        RunnersApi { context: context() },
        SharedHistoryApi { context: context() },
        InstanceListsApi { context: context() },
        InstancesApi { context: context() },
        InstanceHistoryApi { context: context() },
        LogStreamApi { context: context() },
        StreamApi { context: context() },
    );
    OpenApiService::new(api, "Runner Pilot", env!("CARGO_PKG_VERSION"))
        .description("Self-hosted GitHub Actions runners on your own Docker hosts.")
}
