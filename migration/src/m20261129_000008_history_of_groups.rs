//! Charts of runners and nodes look at their instances of a stretch of time, among them many that were removed
//! since: each runs one job and leaves a row behind.

use sea_orm_migration::prelude::*;

use crate::columns::index;

#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLE: &str = "runner_instances";
const OWNERS: [&str; 2] = ["runner_id", "node_id"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for owner in OWNERS {
            manager
                .create_index(index(TABLE, &[owner, "is_deleted", "deleted_at"]))
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for owner in OWNERS {
            let name = format!("ix_{TABLE}_{owner}_is_deleted_deleted_at");
            manager
                .drop_index(Index::drop().name(name).table(TABLE).to_owned())
                .await?;
        }
        Ok(())
    }
}
