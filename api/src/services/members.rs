//! Who belongs to an organisation. Changes to one organisation's members come one after the other, and
//! the caller's own rights are looked at again in between: two admins can't demote each other at once.

use std::collections::HashMap;

use chrono::TimeDelta;
use domain::change::Change;
use domain::ids::UserId;
use domain::permissions::{Permissions, Rights, Role};
use entities::model::invitations as invitation_row;
use entities::repo::invitations::{self, NewInvitation};
use entities::repo::members::{self, Member};
use entities::repo::page::{ListPage, ListQuery};
use entities::repo::{orgs, users};
use entities::{DatabaseTransaction, StoreError};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::access::OrgAccess;
use crate::auth::email::EmailAddress;
use crate::auth::opaque;
use crate::context::Context;
use crate::error::ApiError;
use crate::fields::Fields;

/// How long an invitation is good.
const INVITATION_LIFE: TimeDelta = TimeDelta::days(7);

/// Parses grants; `None` when one of the names is noted as unknown.
pub fn parse_permissions(fields: &mut Fields, granted: &HashMap<String, bool>) -> Option<Permissions> {
    let mut known = true;
    for name in granted.keys() {
        let field = format!("permissions.{}", name.chars().take(64).collect::<String>());
        known &= fields
            .parse::<domain::permissions::Permission>(&field, name)
            .is_some();
    }
    let json: Value = granted
        .iter()
        .map(|(name, granted)| (name.clone(), Value::Bool(*granted)))
        .collect();
    if known {
        fields.check("permissions", Permissions::try_from(&json))
    } else {
        None
    }
}

/// What adding somebody led to.
pub enum Added {
    /// There was an account.
    Member(Box<Member>),
    /// There was none; the token is known only now.
    Invited(Box<invitation_row::Model>, SecretString),
}

/// Adds the account with this address, or invites whoever will register with it.
pub async fn add(
    context: &Context,
    access: &OrgAccess,
    email: &EmailAddress,
    rights: &Rights,
) -> Result<Added, ApiError> {
    let now = context.now();
    let txn = begin_as_admin(context, access).await?;
    invitations::withdraw_for(&txn, &access.org_id, email.as_str(), now).await?;
    let added = if let Some(user) = users::find_active_by_email(&txn, email.as_str()).await? {
        let id: UserId = user.uid.parse().map_err(|_| StoreError::Corrupt("users.uid"))?;
        if members::find(&txn, &access.org_id, &id).await?.is_some() {
            return Err(ApiError::conflict_on("email", "belongs to a member already"));
        }
        members::insert(&txn, &access.org_id, &id, rights, now).await?;
        access
            .audit(&txn, now, "member.added", ("user", id.as_str()), describe(rights))
            .await?;
        Added::Member(Box::new(find(&txn, access, &id).await?))
    } else {
        let token = opaque::generate();
        let invitation = NewInvitation {
            org: &access.org_id,
            email: email.as_str(),
            rights,
            token_hash: &opaque::hash(&token).ok_or_else(ApiError::internal_silent)?,
            invited_by: &access.caller.id,
            expires_at: now + INVITATION_LIFE,
        };
        let row = invitations::insert(&txn, invitation, now).await?;
        access
            .audit(
                &txn,
                now,
                "member.invited",
                ("invitation", &row.uid),
                describe(rights),
            )
            .await?;
        Added::Invited(Box::new(row), token)
    };
    txn.commit().await.map_err(StoreError::from)?;
    match &added {
        Added::Member(member) => {
            let id = member.user.uid.parse();
            announce(context, access, id.map_err(|_| StoreError::Corrupt("users.uid"))?).await;
        }
        Added::Invited(..) => context.publish(&access.org_id, &Change::InvitationsChanged).await,
    }
    Ok(added)
}

/// The members.
pub async fn list(
    context: &Context,
    access: &OrgAccess,
    query: &ListQuery,
) -> Result<ListPage<Member>, ApiError> {
    Ok(members::list(&context.db, &access.org_id, query).await?)
}

/// One member.
pub async fn read(context: &Context, access: &OrgAccess, user: &UserId) -> Result<Member, ApiError> {
    members::find(&context.db, &access.org_id, user)
        .await?
        .ok_or_else(ApiError::not_found)
}

/// Changes what somebody may do. What is `None` stays as it is.
pub async fn update(
    context: &Context,
    access: &OrgAccess,
    user: &UserId,
    role: Option<Role>,
    permissions: Option<Permissions>,
) -> Result<Member, ApiError> {
    let now = context.now();
    let txn = begin_as_admin(context, access).await?;
    let before = find(&txn, access, user).await?.rights;
    let rights = Rights {
        role: role.unwrap_or(before.role),
        permissions: permissions.unwrap_or(before.permissions),
    };
    if before.role == Role::Admin && rights.role != Role::Admin {
        let refusal = last_admin().about("role", "last_admin", "must stay `admin`: nobody else here is one");
        keep_an_admin(&txn, access, user, refusal).await?;
    }
    members::update(&txn, &access.org_id, user, &rights, now).await?;
    access
        .audit(
            &txn,
            now,
            "member.updated",
            ("user", user.as_str()),
            describe(&rights),
        )
        .await?;
    let member = find(&txn, access, user).await?;
    txn.commit().await.map_err(StoreError::from)?;
    announce(context, access, user.clone()).await;
    Ok(member)
}

/// Takes somebody out of the organisation: an admin anybody, everybody themselves.
pub async fn remove(context: &Context, access: &OrgAccess, user: &UserId) -> Result<(), ApiError> {
    let now = context.now();
    let leaves = *user == access.caller.id;
    let txn = begin(context, access).await?;
    let caller = find(&txn, access, &access.caller.id).await?;
    if !leaves && caller.rights.role != Role::Admin {
        return Err(ApiError::forbidden(
            "Only an admin of this organisation may do this.",
        ));
    }
    if find(&txn, access, user).await?.rights.role == Role::Admin {
        keep_an_admin(&txn, access, user, last_admin()).await?;
    }
    members::remove(&txn, &access.org_id, user, now).await?;
    let action = if leaves { "member.left" } else { "member.removed" };
    access
        .audit(&txn, now, action, ("user", user.as_str()), json!({}))
        .await?;
    txn.commit().await.map_err(StoreError::from)?;
    announce(context, access, user.clone()).await;
    Ok(())
}

/// The open invitations.
pub async fn list_invitations(
    context: &Context,
    access: &OrgAccess,
    query: &ListQuery,
) -> Result<ListPage<invitation_row::Model>, ApiError> {
    Ok(invitations::list_open(&context.db, &access.org_id, query).await?)
}

/// Withdraws an invitation.
pub async fn withdraw_invitation(
    context: &Context,
    access: &OrgAccess,
    invitation: &str,
) -> Result<(), ApiError> {
    let now = context.now();
    let txn = begin_as_admin(context, access).await?;
    if !invitations::withdraw(&txn, &access.org_id, invitation, now).await? {
        return Err(ApiError::not_found());
    }
    access
        .audit(
            &txn,
            now,
            "invitation.withdrawn",
            ("invitation", invitation),
            json!({}),
        )
        .await?;
    txn.commit().await.map_err(StoreError::from)?;
    context.publish(&access.org_id, &Change::InvitationsChanged).await;
    Ok(())
}

/// Tells open pages, and ends those of whoever is no longer a member.
async fn announce(context: &Context, access: &OrgAccess, user_id: UserId) {
    let change = Change::MemberChanged { user_id };
    context.publish(&access.org_id, &change).await;
}

async fn begin(context: &Context, access: &OrgAccess) -> Result<DatabaseTransaction, ApiError> {
    let txn = entities::begin(&context.db).await?;
    orgs::lock(&txn, &access.org_id).await?;
    Ok(txn)
}

/// The caller was an admin when the request began; they may have been demoted since.
async fn begin_as_admin(context: &Context, access: &OrgAccess) -> Result<DatabaseTransaction, ApiError> {
    let txn = begin(context, access).await?;
    match find(&txn, access, &access.caller.id).await?.rights.role {
        Role::Admin => Ok(txn),
        Role::Member => Err(ApiError::forbidden(
            "Only an admin of this organisation may do this.",
        )),
    }
}

async fn find(txn: &DatabaseTransaction, access: &OrgAccess, user: &UserId) -> Result<Member, ApiError> {
    members::find(txn, &access.org_id, user)
        .await?
        .ok_or_else(ApiError::not_found)
}

async fn keep_an_admin(
    txn: &DatabaseTransaction,
    access: &OrgAccess,
    user: &UserId,
    refusal: ApiError,
) -> Result<(), ApiError> {
    if members::count_other_admins(txn, &access.org_id, user).await? > 0 {
        return Ok(());
    }
    Err(refusal)
}

fn last_admin() -> ApiError {
    ApiError::conflict(
        "last_admin",
        "This is the last admin of the organisation; make somebody else admin first.",
    )
}

fn describe(rights: &Rights) -> Value {
    json!({"role": rights.role.as_str(), "permissions": rights.permissions.to_json()})
}
