//! `jobs`: Jobs that GitHub told of.

use sea_orm::entity::prelude::*;

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub uid: String,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub deleted_at: Option<DateTimeUtc>,
    pub is_deleted: bool,
    pub is_active: bool,
    pub org_id: String,
    pub runner_id: Option<String>,
    pub runner_instance_id: Option<String>,
    pub github_job_id: i64,
    pub github_run_id: Option<i64>,
    pub repository: String,
    pub name: String,
    pub workflow_name: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub labels: Json,
    pub status: String,
    pub conclusion: Option<String>,
    pub html_url: Option<String>,
    pub queued_at: Option<DateTimeUtc>,
    pub started_at: Option<DateTimeUtc>,
    pub completed_at: Option<DateTimeUtc>,
}

/// Joins are written out in `repo`, where they are used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
