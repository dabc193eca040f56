//! The installation's own id.

use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, Set};
use uuid::Uuid;

use crate::StoreError;
use crate::model::installation::{ActiveModel, Entity};

/// The installation's id, made at the first call; the label value that marks containers as ours.
pub async fn install_id(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<String, StoreError> {
    if let Some(row) = Entity::find().one(db).await? {
        return Ok(row.uid);
    }
    let row = ActiveModel {
        uid: Set(Uuid::now_v7().to_string()),
        created_at: Set(now),
        updated_at: Set(now),
        deleted_at: Set(None),
        is_deleted: Set(false),
        is_active: Set(true),
        singleton: Set("one".to_owned()),
    };
    match row.insert(db).await.map_err(StoreError::from) {
        Ok(row) => Ok(row.uid),
        // Another process was first.
        Err(StoreError::Conflict { .. }) => Entity::find()
            .one(db)
            .await?
            .map(|row| row.uid)
            .ok_or(StoreError::Corrupt("installation")),
        Err(other) => Err(other),
    }
}
