//! Who belongs to which organisation, as what.

use domain::ids::{OrgId, UserId};
use domain::org::OrgType;
use domain::permissions::{Permissions, Rights};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::StoreError;
use crate::model::{org_users, orgs};

/// One person in one organisation.
#[derive(Debug, Clone)]
pub struct Membership {
    /// The organisation's name.
    pub org_name: String,
    /// The organisation's kind.
    pub org_type: OrgType,
    /// What the person may do there.
    pub rights: Rights,
}

/// What a stored membership allows.
pub(super) fn rights(row: &org_users::Model) -> Result<Rights, StoreError> {
    Ok(Rights {
        role: row.role.parse().map_err(|_| StoreError::Corrupt("org_users.role"))?,
        permissions: Permissions::try_from(&row.permissions)
            .map_err(|_| StoreError::Corrupt("org_users.permissions"))?,
    })
}

/// The person's membership, unless it, or the organisation, is deleted or deactivated.
pub async fn membership(
    db: &impl ConnectionTrait,
    org: &OrgId,
    user: &UserId,
) -> Result<Option<Membership>, StoreError> {
    let row = org_users::Entity::find()
        .filter(org_users::Column::OrgId.eq(org.as_str()))
        .filter(org_users::Column::UserId.eq(user.as_str()))
        .filter(org_users::Column::IsDeleted.eq(false))
        .filter(org_users::Column::IsActive.eq(true))
        .one(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let org = orgs::Entity::find_by_id(org.as_str())
        .filter(orgs::Column::IsDeleted.eq(false))
        .filter(orgs::Column::IsActive.eq(true))
        .one(db)
        .await?;
    let Some(org) = org else { return Ok(None) };
    Ok(Some(Membership {
        org_type: org.org_type.parse().map_err(|_| StoreError::Corrupt("orgs.org_type"))?,
        org_name: org.name,
        rights: rights(&row)?,
    }))
}
