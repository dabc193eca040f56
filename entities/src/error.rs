//! What can go wrong in the database, sorted by what the caller can do about it.

use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// A failed database operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique constraint was violated, by its name in the migrations, such as `uq_runners_org_id_name`.
    #[error("the row conflicts with another by {constraint}")]
    Conflict {
        /// The constraint's name.
        constraint: String,
    },
    /// A row that is referred to is missing, or a row that others refer to would go.
    #[error("a reference between rows would break")]
    BrokenReference(#[source] DbErr),
    /// The database can't be reached, is busy or out of room: trying again may help.
    #[error("the database is not available")]
    Unavailable(#[source] DbErr),
    /// A stored value is not of its column's closed set: our own bug or a hand-made change.
    #[error("the database holds an unexpected value in {0}")]
    Corrupt(&'static str),
    /// Anything else: our own bug.
    #[error("the database refused the operation")]
    Other(#[source] DbErr),
}

impl StoreError {
    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Conflict { .. } | Self::BrokenReference(_) | Self::Corrupt(_) | Self::Other(_) => false,
        }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(message)) => {
                return Self::Conflict {
                    constraint: constraint_name(&message),
                };
            }
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => return Self::BrokenReference(error),
            Some(_) | None => {}
        }
        if is_unavailable(&error) {
            Self::Unavailable(error)
        } else {
            Self::Other(error)
        }
    }
}

/// PostgreSQL names the constraint in quotes; SQLite lists its columns as `table.a, table.b`, from
/// which the name follows by our naming rule `uq_<table>_<columns>`, and names an index of expressions in
/// single quotes.
fn constraint_name(message: &str) -> String {
    if let Some(name) = message.split('"').nth(1) {
        return name.to_owned();
    }
    if let Some((_, named)) = message.split_once("index '") {
        return named.trim_end_matches('\'').to_owned();
    }
    let columns = message.rsplit(": ").next().unwrap_or(message);
    let mut table = "";
    let names: Vec<&str> = columns
        .split(", ")
        .map(|column| {
            let (of, name) = column.split_once('.').unwrap_or(("", column));
            table = of;
            name
        })
        .collect();
    format!("uq_{table}_{}", names.join("_"))
}

fn is_unavailable(error: &DbErr) -> bool {
    let (DbErr::Conn(inner) | DbErr::Exec(inner) | DbErr::Query(inner)) = error else {
        return matches!(error, DbErr::ConnectionAcquire(_));
    };
    let RuntimeErr::SqlxError(inner) = inner else {
        return matches!(error, DbErr::Conn(_));
    };
    match &**inner {
        sea_orm::SqlxError::Io(_)
        | sea_orm::SqlxError::Tls(_)
        | sea_orm::SqlxError::PoolTimedOut
        | sea_orm::SqlxError::PoolClosed
        | sea_orm::SqlxError::WorkerCrashed => true,
        // SQLite: 5 busy, 6 locked, 10 I/O, 13 full. PostgreSQL: class 08 connection, 40 rollback (deadlock,
        // serialization), 53 out of resources, 57 operator intervention (shutdown, statement timeout).
        sea_orm::SqlxError::Database(error) => error.code().is_some_and(|code| {
            matches!(&*code, "5" | "6" | "10" | "13" | "261" | "517")
                || (code.len() == 5
                    && ["08", "40", "53", "57"]
                        .iter()
                        .any(|class| code.starts_with(class)))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_name_the_same_constraint() {
        let postgres = r#"duplicate key value violates unique constraint "uq_runners_org_id_name""#;
        let sqlite = "UNIQUE constraint failed: runners.org_id, runners.name";
        assert_eq!(constraint_name(postgres), "uq_runners_org_id_name");
        assert_eq!(constraint_name(sqlite), "uq_runners_org_id_name");
        assert_eq!(
            constraint_name(
                "error returned from database: (code: 2067) UNIQUE constraint failed: users.email"
            ),
            "uq_users_email"
        );
        assert_eq!(
            constraint_name("UNIQUE constraint failed: index 'uq_runners_org_id_lower_name'"),
            "uq_runners_org_id_lower_name"
        );
    }
}
