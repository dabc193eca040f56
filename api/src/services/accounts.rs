//! Accounts: registration, the first one of a fresh system, profile and password.

use domain::change::Change;
use domain::ids::{OrgId, UserId};
use domain::org::{DisplayName, OrgType};
use entities::model::{orgs as org_row, users as user_row};
use entities::repo::users::{self, NewUser};
use entities::repo::{installation, invitations, members, orgs, refresh_tokens};
use entities::{DatabaseTransaction, StoreError};
use secrecy::{ExposeSecret, SecretString};

use super::sessions::{self, Session};
use crate::access::Caller;
use crate::audit;
use crate::auth::email::EmailAddress;
use crate::auth::passwords::Verdict;
use crate::auth::{guessable, opaque};
use crate::context::Context;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::request;

/// A person who gets an account, checked.
pub struct NewPerson {
    full_name: DisplayName,
    email: EmailAddress,
    password: SecretString,
}

impl NewPerson {
    /// Checks the fields; `None` when one of them is noted as invalid.
    pub fn parse(fields: &mut Fields, full_name: &str, email: &str, password: &str) -> Option<Self> {
        let name = fields.parse("full_name", full_name);
        let address = fields.parse("email", email);
        let password_is_fine = fields.check("password", guessable::check(password, &[full_name, email]));
        password_is_fine?;
        Some(Self {
            full_name: name?,
            email: address?,
            password: password.into(),
        })
    }
}

async fn add(
    context: &Context,
    txn: &DatabaseTransaction,
    person: &NewPerson,
    hash: &str,
) -> Result<user_row::Model, ApiError> {
    let id = UserId::new();
    let new = NewUser {
        id: &id,
        full_name: person.full_name.as_str(),
        email: person.email.as_str(),
        password: hash,
    };
    let user = users::insert(txn, new, context.now()).await?;
    audit::record(
        txn,
        context.now(),
        sessions::caller_of(&user)?.did("user.registered"),
    )
    .await?;
    Ok(user)
}

/// Makes an account that belongs to no organisation, or to the one it was invited to.
pub async fn register(
    context: &Context,
    person: NewPerson,
    invitation: Option<SecretString>,
) -> Result<user_row::Model, ApiError> {
    if invitation.is_none() && !context.settings.allow_registration {
        return Err(ApiError::forbidden(
            "New accounts are by invitation only; ask an admin of your organisation.",
        )
        .about(
            "invitation",
            "required",
            "is required here; ask an admin of your organisation for one",
        ));
    }
    context.limits.register(request::current_ip())?;
    let hash = context.passwords.hash(person.password.clone()).await?;
    let txn = entities::begin(&context.db).await?;
    let user = add(context, &txn, &person, &hash).await?;
    let joined = match invitation {
        Some(token) => Some(accept(context, &txn, &user, &token).await?),
        None => None,
    };
    txn.commit().await.map_err(StoreError::from)?;
    if let Some(org) = joined {
        let user_id = sessions::caller_of(&user)?.id;
        let changes = [Change::MemberChanged { user_id }, Change::InvitationsChanged];
        context.publish_all(&org, &changes).await;
    }
    Ok(user)
}

/// The organisation that the invited person then belongs to. The token is what proves that it is this person
/// who registers: anybody could type in their address.
async fn accept(
    context: &Context,
    txn: &DatabaseTransaction,
    user: &user_row::Model,
    token: &SecretString,
) -> Result<OrgId, ApiError> {
    let wrong = || {
        let mut fields = Fields::default();
        fields.refuse(
            "invitation",
            "is not an open invitation for this e-mail address; ask for a new one",
        );
        fields.into_error()
    };
    let now = context.now();
    let hash = opaque::hash(token).ok_or_else(wrong)?;
    let invitation = invitations::find_open(txn, &hash, &user.email, now)
        .await?
        .ok_or_else(wrong)?;
    if !invitations::accept(txn, &invitation.uid, now).await? {
        return Err(wrong());
    }
    let org: OrgId = invitation
        .org_id
        .parse()
        .map_err(|_| StoreError::Corrupt("invitations.org_id"))?;
    let caller = sessions::caller_of(user)?;
    members::insert(txn, &org, &caller.id, &invitations::rights(&invitation)?, now).await?;
    let entry = audit::Entry {
        org: Some(&org),
        target: Some(("user", &user.uid)),
        ..caller.did("member.joined")
    };
    audit::record(txn, now, entry).await?;
    Ok(org)
}

/// Whether there is no account yet.
pub async fn is_fresh(context: &Context) -> Result<bool, ApiError> {
    Ok(!users::any_exists(&context.db).await?)
}

/// What onboarding made.
pub struct Onboarded {
    /// The user's row.
    pub user: user_row::Model,
    /// The organisation's row.
    pub org: org_row::Model,
    /// The user's session.
    pub session: Session,
}

/// Makes the first account of a fresh system, its organisation and its session: all or nothing, and only
/// once however many ask at the same time.
pub async fn onboard_first(
    context: &Context,
    person: NewPerson,
    org_name: &DisplayName,
    org_type: OrgType,
    user_agent: Option<&str>,
) -> Result<Onboarded, ApiError> {
    let taken = || ApiError::unauthorized();
    if users::any_exists(&context.db).await? {
        return Err(taken());
    }
    let hash = context.passwords.hash(person.password.clone()).await?;
    installation::install_id(&context.db, context.now()).await?;
    let txn = entities::begin(&context.db).await?;
    orgs::lock_installation(&txn).await?;
    if users::any_exists(&txn).await? {
        return Err(taken());
    }
    let user = add(context, &txn, &person, &hash).await?;
    let caller = sessions::caller_of(&user)?;
    let org = super::orgs::add(context, &txn, &caller, org_name, org_type).await?;
    let session = sessions::open(context, &txn, &caller, user.token_version, user_agent).await?;
    txn.commit().await.map_err(StoreError::from)?;
    Ok(Onboarded { user, org, session })
}

/// Makes the first organisation of a signed-in user.
pub async fn onboard_user(
    context: &Context,
    caller: &Caller,
    org_name: &DisplayName,
    org_type: OrgType,
    user_agent: Option<&str>,
) -> Result<Onboarded, ApiError> {
    let txn = entities::begin(&context.db).await?;
    let user = users::find_active(&txn, &caller.id)
        .await?
        .ok_or_else(ApiError::unauthorized)?;
    if !members::of_user(&txn, &caller.id).await?.is_empty() {
        return Err(ApiError::conflict(
            "already_onboarded",
            "You belong to an organisation already; POST /org makes another one.",
        ));
    }
    let org = super::orgs::add(context, &txn, caller, org_name, org_type).await?;
    let session = sessions::open(context, &txn, caller, user.token_version, user_agent).await?;
    txn.commit().await.map_err(StoreError::from)?;
    Ok(Onboarded { user, org, session })
}

/// The signed-in user's account.
pub async fn read(context: &Context, caller: &Caller) -> Result<user_row::Model, ApiError> {
    users::find_active(&context.db, &caller.id)
        .await?
        .ok_or_else(ApiError::unauthorized)
}

/// The signed-in user's organisations with what they may do there.
pub async fn orgs_of(
    context: &Context,
    caller: &Caller,
) -> Result<Vec<(org_row::Model, domain::permissions::Rights)>, ApiError> {
    Ok(members::of_user(&context.db, &caller.id).await?)
}

/// A user of whom it is known that they typed in their password.
async fn proven(
    context: &Context,
    caller: &Caller,
    field: &str,
    password: SecretString,
) -> Result<user_row::Model, ApiError> {
    let ip = request::current_ip();
    context.limits.attempt(&caller.email, ip)?;
    let user = users::find_active(&context.db, &caller.id)
        .await?
        .ok_or_else(ApiError::unauthorized)?;
    match context.passwords.verify(password, Some(&user.password)).await? {
        Verdict::Right { .. } => {
            context.limits.forgive(&caller.email, ip);
            Ok(user)
        }
        Verdict::Wrong => {
            let mut fields = Fields::default();
            fields.refuse(field, "is not your current password");
            Err(fields.into_error())
        }
    }
}

/// Changes name and, with the password, e-mail address.
pub async fn update_profile(
    context: &Context,
    caller: &Caller,
    full_name: &DisplayName,
    email: Option<EmailAddress>,
    current_password: Option<SecretString>,
) -> Result<user_row::Model, ApiError> {
    let email = email.map_or_else(|| caller.email.clone(), |email| email.as_str().to_owned());
    if email != caller.email {
        proven(
            context,
            caller,
            "current_password",
            current_password.unwrap_or_default(),
        )
        .await?;
    }
    let now = context.now();
    let txn = entities::begin(&context.db).await?;
    users::update_profile(&txn, &caller.id, full_name.as_str(), &email, now).await?;
    audit::record(&txn, now, caller.did("user.updated")).await?;
    let user = users::find_active(&txn, &caller.id)
        .await?
        .ok_or_else(ApiError::unauthorized)?;
    let orgs = members::of_user(&txn, &caller.id).await?;
    txn.commit().await.map_err(StoreError::from)?;
    for (org, _) in orgs {
        let org: OrgId = org.uid.parse().map_err(|_| StoreError::Corrupt("orgs.uid"))?;
        let user_id = caller.id.clone();
        context.publish(&org, &Change::MemberChanged { user_id }).await;
    }
    Ok(user)
}

/// Changes the password, ends every session of the user and starts a new one for the caller.
pub async fn change_password(
    context: &Context,
    caller: &Caller,
    current: SecretString,
    new: SecretString,
    user_agent: Option<&str>,
) -> Result<Session, ApiError> {
    let mut fields = Fields::default();
    fields.check(
        "new_password",
        guessable::check(new.expose_secret(), &[&caller.full_name, &caller.email]),
    );
    fields.finish()?;
    let user = proven(context, caller, "current_password", current).await?;
    let hash = context.passwords.hash(new).await?;
    let now = context.now();
    let txn = entities::begin(&context.db).await?;
    if !users::change_password(&txn, &caller.id, &user.password, &hash, now).await? {
        return Err(ApiError::conflict(
            "changed_meanwhile",
            "The password was changed at the same time. Sign in again.",
        ));
    }
    refresh_tokens::revoke_user(&txn, &caller.id, now).await?;
    audit::record(&txn, now, caller.did("user.password_changed")).await?;
    let version = users::find_active(&txn, &caller.id)
        .await?
        .ok_or_else(ApiError::unauthorized)?
        .token_version;
    let session = sessions::open(context, &txn, caller, version, user_agent).await?;
    txn.commit().await.map_err(StoreError::from)?;
    Ok(session)
}

/// Makes an account and its organisation from the command line.
pub async fn create_admin(
    context: &Context,
    person: NewPerson,
    org_name: &DisplayName,
) -> Result<(user_row::Model, org_row::Model), ApiError> {
    let hash = context.passwords.hash(person.password.clone()).await?;
    let txn = entities::begin(&context.db).await?;
    let user = add(context, &txn, &person, &hash).await?;
    let caller = sessions::caller_of(&user)?;
    let org = super::orgs::add(context, &txn, &caller, org_name, OrgType::Organization).await?;
    txn.commit().await.map_err(StoreError::from)?;
    Ok((user, org))
}
