//! GitHub credentials.

use std::net::IpAddr;
use std::time::Duration;

use domain::change::Change;
use domain::ids::CredentialId;
use domain::keyring::Place;
use entities::model::github_credentials::Model;
use entities::repo::credentials::{self, CredentialSpec, SealedSecret};
use entities::repo::page::ListQuery;
use github::GitHub;
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use crate::access::OrgAccess;
use crate::context::Context;
use crate::dto::credential::{CredentialUpdate, CredentialView, hint_of, is_same_base};
use crate::error::{ApiError, chain};
use crate::fields::Fields;
use crate::page::Page;

/// How long a request waits for GitHub's word on a token.
const GITHUB_TIMEOUT: Duration = Duration::from_secs(5);
/// How many runners a refusal names.
const NAMED_RUNNERS: u64 = 10;

fn credential_id(text: &str) -> Result<CredentialId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found())
}

fn seal(context: &Context, access: &OrgAccess, id: &CredentialId, secret: &SecretString) -> SealedSecret {
    let place = Place {
        table: "github_credentials",
        column: "secret",
        row: id.as_str(),
        org: access.org_id.as_str(),
    };
    SealedSecret {
        sealed: context.keyring.seal(secret, place),
        hint: hint_of(secret),
    }
}

/// Tells open pages.
async fn announce(context: &Context, access: &OrgAccess, id: CredentialId) {
    let change = Change::CredentialChanged { credential_id: id };
    context.publish(&access.org_id, &change).await;
}

/// Asks GitHub whether it knows the token. Only its clear no refuses it: a GitHub that can't be reached
/// from here may be reachable from the workers.
async fn check_with_github(context: &Context, api_url: &Url, secret: &SecretString) -> Result<(), ApiError> {
    let mut fields = Fields::default();
    if let Err(message) = check_resolved(context, api_url).await {
        fields.refuse("api_url", message);
        return fields.finish();
    }
    let github = match GitHub::new(api_url, secret.clone()) {
        Ok(github) => github,
        Err(error) => {
            fields.refuse("secret", error.to_string());
            return fields.finish();
        }
    };
    match tokio::time::timeout(GITHUB_TIMEOUT, github.check_token()).await {
        Ok(Err(github::Error::Unauthorized { .. })) => fields.refuse_as(
            "secret",
            "refused",
            "is refused by GitHub (401): it is expired, revoked or of another GitHub; create a new one",
        ),
        Ok(Err(error)) => {
            tracing::warn!(error = %chain(&error), "a credential was stored that GitHub did not confirm");
        }
        Err(_) => {
            tracing::warn!(
                "a credential was stored without GitHub's confirmation: it did not answer in time"
            );
        }
        Ok(Ok(())) => {}
    }
    fields.finish()
}

/// Whether this installation itself is set to use that server.
fn is_configured(context: &Context, url: &Url) -> bool {
    configured(context).any(|known| known.origin() == url.origin())
}

fn configured(context: &Context) -> impl Iterator<Item = &Url> {
    let github = &context.settings.github;
    [&github.api_url, &github.url]
        .into_iter()
        .chain(&github.sandbox_url)
}

/// Refuses a GitHub that the operator does not allow; one that is stored already stays.
fn check_allowed(context: &Context, wish: &CredentialSpec, before: Option<&Model>) -> Result<(), ApiError> {
    let mut fields = Fields::default();
    for (field, text, old) in [
        ("api_url", &wish.api_url, before.map(|row| &row.api_url)),
        ("web_url", &wish.web_url, before.map(|row| &row.web_url)),
    ] {
        if let Ok(url) = text.parse()
            && old != Some(text)
            && let Err(message) = context
                .settings
                .restrictions
                .check_github(&url, configured(context))
        {
            fields.refuse_as(field, "not_allowed", message);
        }
    }
    fields.finish()
}

/// A name may stand for an address that must not be called.
async fn check_resolved(context: &Context, url: &Url) -> Result<(), String> {
    let Some(host) = url.host_str() else { return Ok(()) };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_or_known_default().unwrap_or(443);
    let looked_up = tokio::time::timeout(Duration::from_secs(2), tokio::net::lookup_host((host, port))).await;
    // A name that can't be resolved here is not called either.
    let Ok(Ok(addresses)) = looked_up else {
        return Ok(());
    };
    for address in addresses {
        let ip: IpAddr = address.ip();
        domain::node::check_address(ip).map_err(|error| error.to_string())?;
        let mut behind = url.clone();
        if behind.set_ip_host(ip).is_ok() && !is_configured(context, url) {
            context.settings.restrictions.check_github(&behind, [])?;
        }
    }
    Ok(())
}

/// Adds a credential that GitHub does not refuse.
pub async fn create(
    context: &Context,
    access: &OrgAccess,
    input: CredentialUpdate,
) -> Result<CredentialView, ApiError> {
    let github = &context.settings.github;
    let wish = input.parse(None, (&github.api_url, &github.url))?;
    check_allowed(context, &wish.spec, None)?;
    // The parser has made sure of it.
    let Some(secret) = wish.secret else {
        return Err(ApiError::internal_silent());
    };
    check_with_github(context, &wish.api_url, &secret).await?;
    let (id, now) = (CredentialId::new(), context.now());
    let sealed = seal(context, access, &id, &secret);
    let txn = entities::begin(&context.db).await?;
    let row = credentials::insert(
        &txn,
        &id,
        &access.org_id,
        &access.caller.id,
        wish.spec,
        sealed,
        now,
    )
    .await?;
    let detail = json!({
        "name": row.name, "kind": row.kind, "api_url": row.api_url, "web_url": row.web_url,
    });
    access
        .audit(&txn, now, "credential.created", ("credential", &row.uid), detail)
        .await?;
    txn.commit().await.map_err(entities::StoreError::from)?;
    announce(context, access, id).await;
    Ok(row.into())
}

/// One page of the organisation's credentials.
pub async fn list(
    context: &Context,
    access: &OrgAccess,
    query: &ListQuery,
) -> Result<Page<CredentialView>, ApiError> {
    let page = credentials::list(&context.db, &access.org_id, query).await?;
    Ok(Page::of(page, query, CredentialView::from))
}

/// A credential of the organisation.
pub async fn read(context: &Context, access: &OrgAccess, id: &str) -> Result<CredentialView, ApiError> {
    let row = credentials::find(&context.db, &access.org_id, &credential_id(id)?).await?;
    Ok(row.ok_or_else(ApiError::not_found)?.into())
}

/// Changes a credential.
pub async fn update(
    context: &Context,
    access: &OrgAccess,
    id: &str,
    input: CredentialUpdate,
) -> Result<CredentialView, ApiError> {
    let (id, now) = (credential_id(id)?, context.now());
    let github = &context.settings.github;
    let row = credentials::find(&context.db, &access.org_id, &id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let wish = input.parse(Some(&row), (&github.api_url, &github.url))?;
    check_allowed(context, &wish.spec, Some(&row))?;
    if let Some(secret) = &wish.secret {
        check_with_github(context, &wish.api_url, secret).await?;
    }
    let sealed = wish.secret.map(|secret| seal(context, access, &id, &secret));
    let changes_secret = sealed.is_some();
    let txn = entities::begin(&context.db).await?;
    // Between the reading and the writing GitHub was asked: another may have moved the credential meanwhile.
    let unmoved = credentials::lock(&txn, &access.org_id, &id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    if !changes_secret && let Some(field) = moved(&unmoved, &wish.spec).next() {
        return Err(
            ApiError::conflict("changed", "Somebody else changed it meanwhile. Read it again.").about(
                field,
                "changed",
                "is another one by now; read the credential again",
            ),
        );
    }
    let users = credentials::list_runner_names_in_use(&txn, &access.org_id, &id, NAMED_RUNNERS + 1).await?;
    if !users.is_empty() {
        check_unmoved(&unmoved, &wish.spec, &users)?;
    }
    let row = credentials::update(&txn, &access.org_id, &id, wish.spec, sealed, now)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let detail = json!({
        "name": row.name, "api_url": row.api_url, "web_url": row.web_url, "secret_changed": changes_secret,
    });
    access
        .audit(&txn, now, "credential.updated", ("credential", &row.uid), detail)
        .await?;
    txn.commit().await.map_err(entities::StoreError::from)?;
    announce(context, access, id).await;
    Ok(row.into())
}

/// Removes a credential that no runner uses.
pub async fn delete(context: &Context, access: &OrgAccess, id: &str) -> Result<(), ApiError> {
    let (id, now) = (credential_id(id)?, context.now());
    let txn = entities::begin(&context.db).await?;
    let row = credentials::lock(&txn, &access.org_id, &id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let users = credentials::list_runner_names(&txn, &access.org_id, &id, NAMED_RUNNERS + 1).await?;
    if !users.is_empty() {
        return Err(in_use(&users));
    }
    credentials::soft_delete(&txn, &access.org_id, &id, now).await?;
    let detail = json!({"name": row.name});
    access
        .audit(
            &txn,
            now,
            "credential.deleted",
            ("credential", id.as_str()),
            detail,
        )
        .await?;
    txn.commit().await.map_err(entities::StoreError::from)?;
    announce(context, access, id).await;
    Ok(())
}

fn in_use(users: &[String]) -> ApiError {
    let named = named(users);
    ApiError::conflict(
        "in_use",
        format!("These runners use it: {named}. Give them another credential or delete them first."),
    )
}

fn named(runners: &[String]) -> String {
    let most = usize::try_from(NAMED_RUNNERS).unwrap_or(usize::MAX);
    let more = if runners.len() > most { " and others" } else { "" };
    let names = runners.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    format!("{names}{more}")
}

/// Where instances are registered is where they are deregistered: another GitHub would be asked to remove a
/// runner whose number means something else there.
fn check_unmoved(before: &Model, wish: &CredentialSpec, users: &[String]) -> Result<(), ApiError> {
    let mut fields = moved(before, wish).peekable();
    if fields.peek().is_none() {
        return Ok(());
    }
    let detail = format!(
        "Instances of these runners are registered there: {}. Remove them first, or add another credential.",
        named(users)
    );
    Err(fields.fold(ApiError::conflict("in_use", detail), |error, field| {
        error.about(
            field,
            "in_use",
            "can't change while instances are registered there; remove them first",
        )
    }))
}

/// The fields by which a credential would be another GitHub's.
fn moved<'a>(before: &'a Model, wish: &'a CredentialSpec) -> impl Iterator<Item = &'static str> + 'a {
    let urls = [
        ("api_url", &before.api_url, &wish.api_url),
        ("web_url", &before.web_url, &wish.web_url),
    ];
    urls.into_iter()
        .filter_map(|(field, old, new)| (!is_same_base(old, new)).then_some(field))
}
