//! Runner definitions.

use domain::change::Change;
use domain::ids::{CredentialId, NodeId, RunnerId};
use domain::keyring::{KeyringError, Place};
use domain::runner::{NetworkMode, RunnerStatus};
use entities::model::runners::Model;
use entities::repo::credentials::{self, SealedSecret};
use entities::repo::runners::{self, RunnerQuery, RunnerSpec, TokenChange};
use entities::repo::{instances, nodes};
use entities::{DatabaseTransaction, StoreError};
use secrecy::SecretString;
use serde_json::json;

use crate::access::OrgAccess;
use crate::context::Context;
use crate::dto::credential::hint_of;
use crate::dto::runner::{Authority, RunnerUpdate, refuse_node};
use crate::dto::runner_view::RunnerView;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::page::Page;
use crate::services::instance_actions;

/// Reads an id from a path: what is no id names nothing.
pub fn runner_id(text: &str) -> Result<RunnerId, ApiError> {
    text.parse().map_err(|_| ApiError::not_found())
}

fn place<'a>(access: &'a OrgAccess, id: &'a RunnerId) -> Place<'a> {
    Place {
        table: "runners",
        column: "github_runner_token",
        row: id.as_str(),
        org: access.org_id.as_str(),
    }
}

/// Tells open pages.
async fn announce(context: &Context, access: &OrgAccess, row: &Model) -> Result<(), ApiError> {
    let change = Change::RunnerChanged {
        runner_id: row.id()?,
        status: row.status()?,
    };
    context.publish(&access.org_id, &change).await;
    Ok(())
}

fn seal(context: &Context, access: &OrgAccess, id: &RunnerId, token: &SecretString) -> SealedSecret {
    SealedSecret {
        sealed: context.keyring.seal(token, place(access, id)),
        hint: hint_of(token),
    }
}

/// Whoever shares the node's network reaches what the node reaches: only an admin gives that away.
fn check_network(
    context: &Context,
    access: &OrgAccess,
    spec: &RunnerSpec,
    before: Option<&Model>,
) -> Result<(), ApiError> {
    if spec.resources.network != NetworkMode::Host {
        return Ok(());
    }
    let had_it = before
        .map(Model::resources)
        .transpose()?
        .is_some_and(|resources| resources.network == NetworkMode::Host);
    if let Some(before) = before.filter(|_| had_it) {
        check_what_runs_there(access, spec, before)?;
    } else if !context.settings.restrictions.host_network {
        let mut fields = Fields::default();
        let message = "must be `bridge`: this installation does not give runners their node's network";
        fields.refuse_as("resources.network", "not_allowed", message);
        return fields.finish();
    } else {
        access.require_admin().map_err(|_| {
            ApiError::forbidden(
                "Only an admin may give a runner the node's network (resources.network = host).",
            )
            .about(
                "resources.network",
                "forbidden",
                "must be `bridge`, or be set to `host` by an admin",
            )
        })?;
    }
    Ok(())
}

/// An admin gave the node's network to what the runner was then: to this image, these jobs, these nodes.
fn check_what_runs_there(access: &OrgAccess, spec: &RunnerSpec, before: &Model) -> Result<(), ApiError> {
    if access.require_admin().is_ok() {
        return Ok(());
    }
    let credential = spec.credential_id.as_ref().map(CredentialId::as_str);
    let changes = [
        ("docker_image", spec.docker_image != before.docker_image),
        ("github_repo", spec.github_repo != before.github_repo),
        ("scope", spec.scope != before.scope()?),
        ("credential_id", credential != before.credential_id.as_deref()),
        ("runner_group_id", spec.runner_group_id != before.runner_group_id),
        ("labels", spec.labels != before.labels()?),
        ("node_selection", spec.node_selection != before.node_selection()?),
    ];
    let Some((field, _)) = changes.into_iter().find(|(_, differs)| *differs) else {
        return Ok(());
    };
    Err(ApiError::forbidden(
        "Only an admin may change what runs in the node's network (resources.network = host).",
    )
    .about(
        field,
        "forbidden",
        "may only be changed by an admin while resources.network is `host`",
    ))
}

/// Where instances are registered is where they are deregistered: it stays as it is while any of them takes
/// up room. The caller holds the runner's lock, so that none is added meanwhile.
async fn check_registration(
    txn: &DatabaseTransaction,
    id: &RunnerId,
    spec: &RunnerSpec,
    before: &Model,
) -> Result<(), ApiError> {
    let credential = spec.credential_id.as_ref().map(CredentialId::as_str);
    let moved = [
        (
            "github_repo",
            !spec.github_repo.eq_ignore_ascii_case(&before.github_repo),
        ),
        ("scope", spec.scope != before.scope()?),
        ("credential_id", credential != before.credential_id.as_deref()),
    ];
    if !moved.iter().any(|(_, moved)| *moved) {
        return Ok(());
    }
    let alive = instances::count_taking_room(txn, id).await?;
    if alive == 0 {
        return Ok(());
    }
    let detail = format!(
        "{alive} of its instances may be registered at GitHub as the runner is now. Remove or stop them first, or change a clone of the runner."
    );
    let fields = moved.iter().filter(|(_, moved)| *moved);
    Err(
        fields.fold(ApiError::conflict("in_use", detail), |error, (field, _)| {
            error.about(
                field,
                "in_use",
                "can't change while instances take up room; remove or stop them first",
            )
        }),
    )
}

/// What the runner refers to must be there and of this organisation. The credential is locked until the
/// transaction ends.
async fn check_references(
    txn: &DatabaseTransaction,
    access: &OrgAccess,
    spec: &RunnerSpec,
    credential: Option<&CredentialId>,
    before: Option<&Model>,
) -> Result<(), ApiError> {
    let mut fields = Fields::default();
    if let Some(id) = credential
        && credentials::lock(txn, &access.org_id, id).await?.is_none()
    {
        fields.refuse(
            "credential_id",
            "must be the uid of a credential of this organisation",
        );
    }
    let wanted = &spec.node_selection.node_ids;
    // A node that went after it was selected is no fault of a request that does not speak of it.
    let is_new = before.map(Model::node_selection).transpose()?.as_ref() != Some(&spec.node_selection);
    if is_new && !wanted.is_empty() {
        let found = nodes::find_all(txn, &access.org_id, wanted).await?;
        let is_there = |id: &NodeId| found.iter().any(|row| row.uid == id.as_str());
        for (index, _) in wanted.iter().enumerate().filter(|(_, id)| !is_there(id)) {
            refuse_node(&mut fields, index);
        }
    }
    fields.finish()
}

/// Creates a runner without instances.
pub async fn create(
    context: &Context,
    access: &OrgAccess,
    input: RunnerUpdate,
) -> Result<RunnerView, ApiError> {
    let wish = input.parse(None)?;
    check_network(context, access, &wish.spec, None)?;
    let (id, now) = (RunnerId::new(), context.now());
    let token = match &wish.authority {
        Authority::Token(token) => Some(seal(context, access, &id, token)),
        Authority::Credential(_) | Authority::Unchanged => None,
    };
    let txn = entities::begin(&context.db).await?;
    check_references(&txn, access, &wish.spec, wish.spec.credential_id.as_ref(), None).await?;
    let row = runners::insert(
        &txn,
        &id,
        &access.org_id,
        &access.caller.id,
        wish.spec,
        token,
        now,
    )
    .await?;
    let detail = json!({"name": row.name, "github_repo": row.github_repo, "docker_image": row.docker_image});
    access
        .audit(&txn, now, "runner.created", ("runner", &row.uid), detail)
        .await?;
    txn.commit().await.map_err(StoreError::from)?;
    announce(context, access, &row).await?;
    RunnerView::of(row, &[])
}

/// One page of the organisation's runners.
pub async fn list(
    context: &Context,
    access: &OrgAccess,
    query: &RunnerQuery,
) -> Result<Page<RunnerView>, ApiError> {
    let page = runners::list(&context.db, &access.org_id, query).await?;
    let uids = page.items.iter().map(|row| row.uid.as_str());
    let counts = runners::count_instances(&context.db, uids).await?;
    Page::try_of(page, &query.list, |row| {
        let counted = counts.get(&row.uid).map(Vec::as_slice).unwrap_or_default();
        RunnerView::of(row, counted)
    })
}

async fn view(context: &Context, row: Model) -> Result<RunnerView, ApiError> {
    let counts = runners::count_instances(&context.db, [row.uid.as_str()]).await?;
    let counted = counts.get(&row.uid).map(Vec::as_slice).unwrap_or_default();
    RunnerView::of(row, counted)
}

/// A runner of the organisation.
pub async fn read(context: &Context, access: &OrgAccess, id: &str) -> Result<RunnerView, ApiError> {
    let row = runners::find(&context.db, &access.org_id, &runner_id(id)?).await?;
    view(context, row.ok_or_else(ApiError::not_found)?).await
}

/// Changes a runner; instances that exist go on as they are.
pub async fn update(
    context: &Context,
    access: &OrgAccess,
    id: &str,
    input: RunnerUpdate,
) -> Result<RunnerView, ApiError> {
    let (id, now) = (runner_id(id)?, context.now());
    let txn = entities::begin(&context.db).await?;
    let before = runners::lock(&txn, &access.org_id, &id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let wish = input.parse(Some(&before))?;
    check_network(context, access, &wish.spec, Some(&before))?;
    check_registration(&txn, &id, &wish.spec, &before).await?;
    let (token, credential) = match &wish.authority {
        Authority::Unchanged => (TokenChange::Keep, None),
        Authority::Token(token) => (TokenChange::Set(seal(context, access, &id, token)), None),
        Authority::Credential(credential) => (TokenChange::Clear, Some(credential)),
    };
    check_references(&txn, access, &wish.spec, credential, Some(&before)).await?;
    let changes_authority = token != TokenChange::Keep;
    let row = runners::update(&txn, &access.org_id, &id, wish.spec, token, now)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let detail = json!({"name": row.name, "github_repo": row.github_repo,
        "docker_image": row.docker_image, "authority_changed": changes_authority});
    access
        .audit(&txn, now, "runner.updated", ("runner", &row.uid), detail)
        .await?;
    txn.commit().await.map_err(StoreError::from)?;
    announce(context, access, &row).await?;
    view(context, row).await
}

/// Deletes a runner at once and lets its instances drain.
pub async fn delete(context: &Context, access: &OrgAccess, id: &str) -> Result<(), ApiError> {
    let (id, now) = (runner_id(id)?, context.now());
    let txn = entities::begin(&context.db).await?;
    let row = runners::lock(&txn, &access.org_id, &id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    let leaving = instance_actions::remove_all(&txn, access, &id, now).await?;
    runners::soft_delete(&txn, &access.org_id, &id, now).await?;
    let detail = json!({"name": row.name, "instances": leaving.calls.len()});
    access
        .audit(&txn, now, "runner.deleted", ("runner", id.as_str()), detail)
        .await?;
    txn.commit().await.map_err(StoreError::from)?;
    context.send_softly(&leaving.calls).await;
    context.publish_all(&access.org_id, &leaving.changes).await;
    announce(context, access, &row).await
}

/// Sets what a runner is said to be doing.
pub async fn set_status(
    context: &Context,
    access: &OrgAccess,
    id: &str,
    status: RunnerStatus,
) -> Result<RunnerView, ApiError> {
    let (id, now) = (runner_id(id)?, context.now());
    let txn = entities::begin(&context.db).await?;
    if !runners::set_status(&txn, &access.org_id, &id, status, now).await? {
        return Err(ApiError::not_found());
    }
    let detail = json!({"status": status});
    access
        .audit(&txn, now, "runner.status_set", ("runner", id.as_str()), detail)
        .await?;
    let row = runners::find(&txn, &access.org_id, &id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    txn.commit().await.map_err(StoreError::from)?;
    announce(context, access, &row).await?;
    view(context, row).await
}

/// Copies a runner under another name, without its instances.
pub async fn clone(
    context: &Context,
    access: &OrgAccess,
    id: &str,
    name: String,
) -> Result<RunnerView, ApiError> {
    let (id, now) = (runner_id(id)?, context.now());
    let copy = RunnerId::new();
    let txn = entities::begin(&context.db).await?;
    let original = runners::lock(&txn, &access.org_id, &id)
        .await?
        .ok_or_else(ApiError::not_found)?;
    // A secret opens only in the row it was sealed for.
    let token = original
        .github_runner_token
        .as_deref()
        .map(|sealed| {
            let token = context.keyring.open(sealed, place(access, &id))?;
            Ok(seal(context, access, &copy, &token))
        })
        .transpose()
        .map_err(|error: KeyringError| ApiError::internal(&error))?;
    let mut spec = crate::dto::runner::stored(&original)?;
    check_network(context, access, &spec, None)?;
    spec.name = name;
    let row = runners::insert(&txn, &copy, &access.org_id, &access.caller.id, spec, token, now).await?;
    let detail = json!({"name": row.name, "cloned_from": id.as_str()});
    access
        .audit(&txn, now, "runner.cloned", ("runner", &row.uid), detail)
        .await?;
    txn.commit().await.map_err(StoreError::from)?;
    announce(context, access, &row).await?;
    RunnerView::of(row, &[])
}
