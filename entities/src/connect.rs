//! Opening the database, and transactions that write.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};

use crate::StoreError;

/// Opens the database that `DATABASE_URL` names and makes sure that it answers.
///
/// SQLite is shared by three processes: write-ahead logging lets readers go on beside the one writer,
/// and the busy timeout lets writers wait for each other.
pub async fn connect(url: &str) -> Result<DatabaseConnection, StoreError> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(if url.starts_with("sqlite:") { 4 } else { 10 })
        .connect_timeout(Duration::from_secs(5))
        .acquire_timeout(Duration::from_secs(3))
        .statement_timeout(Duration::from_secs(10))
        .sqlx_logging_level(tracing_level())
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "NORMAL")
                .pragma("busy_timeout", "5000")
                .pragma("foreign_keys", "ON")
        });
    let db = Database::connect(options).await?;
    db.ping().await?;
    Ok(db)
}

/// Statements are logged at the finest level only: their values may be personal.
fn tracing_level() -> log::LevelFilter {
    log::LevelFilter::Trace
}

/// Starts a transaction that will write. On SQLite it takes the write lock at once: one that first
/// reads and then writes would fail instead of waiting when another writer came between.
pub async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, StoreError> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    Ok(db.begin_with_options(options).await?)
}
