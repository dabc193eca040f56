//! What is done every few seconds or every hour finds its rows without reading whole tables: overdue
//! instances by their deadline alone, long removed instances, expired tokens, old lines of the audit log.

use sea_orm_migration::prelude::*;

use crate::columns::index;

#[derive(DeriveMigrationName)]
pub struct Migration;

const INDEXES: [(&str, &str); 5] = [
    ("runner_instances", "state_deadline"),
    ("runner_instances", "deleted_at"),
    ("refresh_tokens", "expires_at"),
    ("invitations", "expires_at"),
    ("audit_log", "created_at"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in INDEXES {
            manager.create_index(index(table, &[column])).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in INDEXES {
            let name = format!("ix_{table}_{column}");
            manager
                .drop_index(Index::drop().name(name).table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
