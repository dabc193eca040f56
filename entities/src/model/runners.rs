//! `runners`: Runner definitions.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "runners")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uid: String,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub deleted_at: Option<DateTimeUtc>,
    pub is_deleted: bool,
    pub is_active: bool,
    pub name: String,
    pub status: String,
    pub user_id: String,
    pub org_id: String,
    pub docker_image: String,
    pub github_repo: String,
    pub github_runner_token: Option<String>,
    pub github_runner_token_hint: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub labels: Json,
    pub scope: String,
    pub credential_id: Option<String>,
    pub runner_group_id: i64,
    pub ephemeral: bool,
    pub min_idle: i32,
    pub max_instances: i32,
    #[sea_orm(column_type = "JsonBinary")]
    pub resources: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub node_selection: Json,
}

/// Joins are written out in `repo`, where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
