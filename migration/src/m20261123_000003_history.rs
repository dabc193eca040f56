//! What happened: samples, timelines, jobs and the audit log.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, double, json_binary, json_binary_null, string_len, string_len_null, text,
    text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

use crate::columns::{create, drop, id, id_null, index, references, table, unique, word};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = vec![
            table("monitoring")
                .col(id("runner_instance_id"))
                .col(double("cpu_usage"))
                .col(double("memory_usage"))
                .col(double("disk_usage"))
                .col(timestamp_with_time_zone("timestamp"))
                .foreign_key(&mut references(
                    "monitoring",
                    "runner_instance_id",
                    "runner_instances",
                ))
                .to_owned(),
            table("instance_events")
                .col(id("runner_instance_id"))
                .col(id("org_id"))
                .col(word("kind"))
                .col(text("message"))
                .col(json_binary_null("detail"))
                .foreign_key(&mut references(
                    "instance_events",
                    "runner_instance_id",
                    "runner_instances",
                ))
                .to_owned(),
            table("jobs")
                .col(id("org_id"))
                .col(id_null("runner_id"))
                .col(id_null("runner_instance_id"))
                .col(big_integer("github_job_id"))
                .col(big_integer_null("github_run_id"))
                .col(string_len("repository", 201))
                .col(text("name"))
                .col(text_null("workflow_name"))
                .col(json_binary("labels"))
                .col(word("status"))
                .col(string_len_null("conclusion", 32))
                .col(text_null("html_url"))
                .col(timestamp_with_time_zone_null("queued_at"))
                .col(timestamp_with_time_zone_null("started_at"))
                .col(timestamp_with_time_zone_null("completed_at"))
                .foreign_key(&mut references("jobs", "org_id", "orgs"))
                .foreign_key(&mut references("jobs", "runner_id", "runners"))
                .foreign_key(&mut references("jobs", "runner_instance_id", "runner_instances"))
                .to_owned(),
            // No foreign keys: a line outlives what it speaks of.
            table("audit_log")
                .col(id_null("org_id"))
                .col(id_null("user_id"))
                .col(string_len("actor", 254))
                .col(string_len("action", 64))
                .col(string_len_null("target_type", 32))
                .col(id_null("target_id"))
                .col(word("result"))
                .col(string_len_null("ip_address", 45))
                .col(string_len_null("request_id", 64))
                .col(json_binary("detail"))
                .to_owned(),
        ];
        let indexes = vec![
            index("monitoring", &["runner_instance_id", "timestamp"]),
            index("monitoring", &["timestamp"]),
            index("instance_events", &["runner_instance_id", "uid"]),
            index("instance_events", &["created_at"]),
            unique("jobs", &["org_id", "github_job_id"]),
            index("jobs", &["org_id", "status"]),
            index("jobs", &["runner_instance_id"]),
            index("audit_log", &["org_id", "uid"]),
        ];
        create(manager, tables, indexes).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["audit_log", "jobs", "instance_events", "monitoring"]).await
    }
}
