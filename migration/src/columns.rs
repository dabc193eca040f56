//! What all tables share: the common columns, ids, named foreign keys and indexes.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    boolean, string_len, string_len_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

/// A table with `uid` and the common columns; the caller adds its own.
pub fn table(name: &'static str) -> TableCreateStatement {
    Table::create()
        .table(name)
        .col(string_len("uid", 36).primary_key())
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(timestamp_with_time_zone_null("deleted_at"))
        .col(boolean("is_deleted").default(false))
        .col(boolean("is_active").default(true))
        .to_owned()
}

/// A column that holds another row's `uid`.
pub fn id(name: &'static str) -> ColumnDef {
    string_len(name, 36)
}

/// A column that may hold another row's `uid`.
pub fn id_null(name: &'static str) -> ColumnDef {
    string_len_null(name, 36)
}

/// A short word of a closed set, such as a state.
pub fn word(name: &'static str) -> ColumnDef {
    string_len(name, 32)
}

/// `fk_<table>_<column>`: rows are soft-deleted, so a parent that has children can't go away.
pub fn references(
    table: &'static str,
    column: &'static str,
    parent: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("fk_{table}_{column}"))
        .from(table, column)
        .to(parent, "uid")
        .on_delete(ForeignKeyAction::Restrict)
        .to_owned()
}

/// `ix_<table>_<columns>`.
pub fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    named_index("ix", table, columns)
}

/// `uq_<table>_<columns>`, among the rows that are not deleted: a name may be used again after its
/// owner is gone.
pub fn unique(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    named_index("uq", table, columns)
        .unique()
        .cond_where(Expr::col("is_deleted").eq(false))
        .to_owned()
}

fn named_index(prefix: &str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index
        .name(format!("{prefix}_{table}_{}", columns.join("_")))
        .table(table);
    for column in columns {
        index.col(*column);
    }
    index
}

/// Creates the tables and indexes in order.
pub async fn create(
    manager: &SchemaManager<'_>,
    tables: Vec<TableCreateStatement>,
    indexes: Vec<IndexCreateStatement>,
) -> Result<(), DbErr> {
    for table in tables {
        manager.create_table(table).await?;
    }
    for index in indexes {
        manager.create_index(index).await?;
    }
    Ok(())
}

/// Drops the tables, and with them their indexes, in the order given.
pub async fn drop(manager: &SchemaManager<'_>, tables: &[&'static str]) -> Result<(), DbErr> {
    for table in tables {
        manager.drop_table(Table::drop().table(*table).to_owned()).await?;
    }
    Ok(())
}
