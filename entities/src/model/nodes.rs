//! `nodes`: Docker engines.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "nodes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uid: String,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub deleted_at: Option<DateTimeUtc>,
    pub is_deleted: bool,
    pub is_active: bool,
    pub name: String,
    pub ip_address: Option<String>,
    pub port: Option<i32>,
    pub socket_path: Option<String>,
    pub r#type: String,
    pub status: String,
    pub user_id: String,
    pub org_id: String,
    pub host: Option<String>,
    pub tls_material: Option<String>,
    pub capacity: i32,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub facts: Option<Json>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub checks: Option<Json>,
    pub status_reason: Option<String>,
    pub last_checked_at: Option<DateTimeUtc>,
}

/// Joins are written out in `repo`, where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
