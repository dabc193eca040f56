//! Names that differ only by case are the same name: nobody can tell `Acme` from `acme` in a list.
//!
//! Where such twins exist already, the oldest keeps its name and each later one gets a number after it
//! (`acme-2`; `acme 2` for an organisation): a migration must not stop at what was allowed before. `down`
//! brings the old constraints back; the numbers stay.
//!
//! Letters are compared as the database's `lower()` does, which on SQLite knows ASCII alone. Resource names
//! are ASCII; organisations' names may be more.

use std::collections::HashSet;

use sea_orm_migration::prelude::*;

use crate::columns::{index, unique};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Where names are unique.
struct Names {
    table: &'static str,
    /// Within what; `None` for the whole installation.
    within: Option<&'static str>,
    /// What stands between a name and its number.
    separator: &'static str,
    /// The longest name, in characters.
    longest: usize,
}

const fn in_org(table: &'static str) -> Names {
    Names {
        table,
        within: Some("org_id"),
        separator: "-",
        longest: 64,
    }
}

const ALL: [Names; 4] = [
    Names {
        table: "orgs",
        within: None,
        separator: " ",
        longest: 100,
    },
    in_org("nodes"),
    in_org("github_credentials"),
    in_org("runners"),
];

impl Names {
    fn columns(&self) -> Vec<&'static str> {
        self.within.into_iter().chain(["name"]).collect()
    }

    fn old_name(&self) -> String {
        format!("uq_{}_{}", self.table, self.columns().join("_"))
    }

    /// Ends in `_name`, as every constraint does that is about one.
    fn new_name(&self) -> String {
        let within = self.within.map(|column| format!("{column}_")).unwrap_or_default();
        format!("uq_{}_{within}lower_name", self.table)
    }

    /// Both databases understand this; the query builder does not know expressions in SQLite's indexes.
    fn in_any_case(&self) -> String {
        let (index, table) = (self.new_name(), self.table);
        let within = self
            .within
            .map(|column| format!("{column}, "))
            .unwrap_or_default();
        format!("CREATE UNIQUE INDEX {index} ON {table} ({within}lower(name)) WHERE is_deleted = false")
    }

    /// Gives every name that an older row has already, in whatever case, a number.
    async fn tell_apart(&self, db: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
        let mut taken: HashSet<(String, String)> = HashSet::new();
        let mut twins = Vec::new();
        for (uid, within, name, lower) in self.rows(db).await? {
            if !taken.insert((within.clone(), lower.clone())) {
                twins.push((uid, within, name, lower));
            }
        }
        for (uid, within, name, lower) in twins {
            let mut number = 2_u32;
            loop {
                let suffix = format!("{}{number}", self.separator);
                let cut = |text: &str| -> String {
                    text.chars().take(self.longest - suffix.len()).collect::<String>() + &suffix
                };
                if taken.insert((within.clone(), cut(&lower))) {
                    self.rename(db, &uid, &cut(&name)).await?;
                    break;
                }
                number += 1;
            }
        }
        Ok(())
    }

    /// Every row that is not deleted, the oldest first: id, what it is in, name, and the name as compared.
    async fn rows(
        &self,
        db: &SchemaManagerConnection<'_>,
    ) -> Result<Vec<(String, String, String, String)>, DbErr> {
        let within = match self.within {
            Some(column) => Expr::col(column),
            None => Expr::val(""),
        };
        let select = Query::select()
            .column("uid")
            .expr_as(within, "within")
            .column("name")
            .expr_as(Func::lower(Expr::col("name")), "lower")
            .from(self.table)
            .and_where(Expr::col("is_deleted").eq(false))
            .order_by("created_at", Order::Asc)
            .order_by("uid", Order::Asc)
            .to_owned();
        let rows = db.query_all(&select).await?;
        rows.iter()
            .map(|row| {
                Ok((
                    row.try_get("", "uid")?,
                    row.try_get("", "within")?,
                    row.try_get("", "name")?,
                    row.try_get("", "lower")?,
                ))
            })
            .collect()
    }

    async fn rename(&self, db: &SchemaManagerConnection<'_>, uid: &str, name: &str) -> Result<(), DbErr> {
        let update = Query::update()
            .table(self.table)
            .value("name", name)
            .and_where(Expr::col("uid").eq(uid))
            .to_owned();
        db.execute(&update).await?;
        Ok(())
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for names in ALL {
            names.tell_apart(manager.get_connection()).await?;
            let db = manager.get_connection();
            db.execute_unprepared(&names.in_any_case()).await?;
            let old = Index::drop().name(names.old_name()).table(names.table).to_owned();
            manager.drop_index(old).await?;
            // Lists are read in this order.
            manager.create_index(index(names.table, &names.columns())).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for names in ALL {
            let plain = format!("ix_{}_{}", names.table, names.columns().join("_"));
            for name in [plain, names.new_name()] {
                let index = Index::drop().name(name).table(names.table).to_owned();
                manager.drop_index(index).await?;
            }
            manager
                .create_index(unique(names.table, &names.columns()))
                .await?;
        }
        Ok(())
    }
}
