//! Entries of timelines that quote a container's log get a kind of their own: not everybody may read logs.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Until now such entries, and no others, were of this kind.
const BEFORE: &str = "failure";
const AFTER: &str = "log";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        rename(manager, BEFORE, AFTER).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        rename(manager, AFTER, BEFORE).await
    }
}

async fn rename(manager: &SchemaManager<'_>, from: &str, to: &str) -> Result<(), DbErr> {
    let rename = Query::update()
        .table("instance_events")
        .value("kind", to)
        .and_where(Expr::col("kind").eq(from))
        .to_owned();
    manager.execute(rename).await
}
