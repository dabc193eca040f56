//! An organisation's instances, all of them, are listed page by page: in the usual orders without sorting
//! thousands of rows for fifty.

use sea_orm_migration::prelude::*;

use crate::columns::index;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// `is_deleted` in front of the order: deleted rows are never listed, and there are many more of them.
fn indexes() -> [IndexCreateStatement; 3] {
    ["created_at", "name", "state_changed_at"]
        .map(|column| index("runner_instances", &["org_id", "is_deleted", column, "uid"]))
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["created_at", "name", "state_changed_at"] {
            let name = format!("ix_runner_instances_org_id_is_deleted_{column}_uid");
            let index = Index::drop().name(name).table("runner_instances").to_owned();
            manager.drop_index(index).await?;
        }
        Ok(())
    }
}
