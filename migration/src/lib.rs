//! The database schema, as reversible migrations that run on SQLite and PostgreSQL alike.
//!
//! A migration is never edited after a release; it imports nothing of `entities`, whose models may
//! move on. [`columns`] holds what all tables share. Start with [`Migrator`], the list in order.

use sea_orm_migration::prelude::*;
pub use sea_orm_migration::prelude::{MigratorTrait, SchemaManager};

mod columns;
mod m20261123_000001_people;
mod m20261123_000002_fleet;
mod m20261123_000003_history;
mod m20261124_000004_instance_lists;
mod m20261124_000005_names_in_any_case;
mod m20261128_000006_upkeep_indexes;
mod m20261128_000007_log_entries;
mod m20261129_000008_history_of_groups;

/// Every migration, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_people::Migration),
            Box::new(m20261123_000002_fleet::Migration),
            Box::new(m20261123_000003_history::Migration),
            Box::new(m20261124_000004_instance_lists::Migration),
            Box::new(m20261124_000005_names_in_any_case::Migration),
            Box::new(m20261128_000006_upkeep_indexes::Migration),
            Box::new(m20261128_000007_log_entries::Migration),
            Box::new(m20261129_000008_history_of_groups::Migration),
        ]
    }
}
