//! `runner_instances`: Instances of runners: one container each.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "runner_instances")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uid: String,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub deleted_at: Option<DateTimeUtc>,
    pub is_deleted: bool,
    pub is_active: bool,
    pub runner_id: String,
    pub org_id: String,
    pub node_id: String,
    pub name: String,
    pub instance_identifier: Option<String>,
    pub instance_host: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub instance_meta: Json,
    pub status: String,
    pub state: String,
    pub desired_state: String,
    pub state_reason: Option<String>,
    pub state_changed_at: DateTimeUtc,
    pub state_deadline: Option<DateTimeUtc>,
    pub lease_token: Option<String>,
    pub lease_until: Option<DateTimeUtc>,
    pub attempts: i32,
    pub github_runner_id: Option<i64>,
    pub last_heartbeat: Option<DateTimeUtc>,
}

/// Joins are written out in `repo`, where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
