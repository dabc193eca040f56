//! An empty database for one test: SQLite in a directory of its own, or one in a PostgreSQL cluster.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::ensure;
use sea_orm::DatabaseConnection;
use tempfile::TempDir;

use super::paths::program;
use super::postgres::Postgres;

/// The two databases that the product runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A file.
    Sqlite,
    /// A server; the cluster is shared by the tests of a process.
    Postgres,
}

/// A database without tables, gone when dropped.
#[derive(Debug)]
pub struct TestDatabase {
    kind: DatabaseKind,
    url: String,
    directory: Option<TempDir>,
}

impl TestDatabase {
    /// Creates one of that kind.
    pub async fn create(kind: DatabaseKind) -> anyhow::Result<Self> {
        match kind {
            DatabaseKind::Sqlite => Self::sqlite(),
            DatabaseKind::Postgres => Self::postgres().await,
        }
    }

    /// A SQLite file in a directory of its own; it is made when first connected to.
    pub fn sqlite() -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("rp-sqlite-")?;
        let url = format!("sqlite://{}?mode=rwc", sqlite_file(directory.path()).display());
        Ok(Self {
            kind: DatabaseKind::Sqlite,
            url,
            directory: Some(directory),
        })
    }

    /// A database in this process's PostgreSQL cluster, which the first call starts.
    pub async fn postgres() -> anyhow::Result<Self> {
        let url = Postgres::shared().await?.create_database().await?;
        Ok(Self {
            kind: DatabaseKind::Postgres,
            url,
            directory: None,
        })
    }

    /// Which kind it is.
    pub fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// For `DATABASE_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection pool of its own.
    pub async fn connect(&self) -> anyhow::Result<DatabaseConnection> {
        Ok(sea_orm::Database::connect(&self.url).await?)
    }

    /// Everything stored in it as bytes: SQLite's files as they lie on disk, or PostgreSQL's dump.
    pub async fn dump(&self) -> anyhow::Result<Vec<u8>> {
        if let Some(directory) = &self.directory {
            let mut bytes = Vec::new();
            for entry in std::fs::read_dir(directory.path())? {
                bytes.extend(std::fs::read(entry?.path())?);
            }
            return Ok(bytes);
        }
        let mut command = tokio::process::Command::new(program("pg_dump", "postgresql")?);
        let output = command
            .args(["--data-only", "--dbname", &self.url])
            .stdin(Stdio::null())
            .output()
            .await?;
        ensure!(
            output.status.success(),
            "pg_dump: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(output.stdout)
    }
}

fn sqlite_file(directory: &Path) -> PathBuf {
    directory.join("runner-pilot.db")
}
