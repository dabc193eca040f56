//! A part of a list: which rows, in which order, and how many there are in all.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, LikeExpr, SimpleExpr};
use sea_orm::{
    ConnectionTrait, EntityTrait, FromQueryResult, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};

use crate::StoreError;

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// The most rows to return.
    pub limit: u64,
    /// How many rows to skip.
    pub offset: u64,
    /// The order; ties are broken by `uid`.
    pub sort: Sort,
    /// A text that must occur in one of the searched columns, in any case.
    pub q: Option<String>,
}

/// A column to sort by, from a list that the caller allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// The column's name.
    pub column: &'static str,
    /// Greatest first.
    pub descending: bool,
}

/// Some rows and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage<T> {
    /// The rows wanted.
    pub items: Vec<T>,
    /// How many match.
    pub total: u64,
}

/// Runs a prepared selection of `table`'s rows for one page, searching `q` in `columns`.
pub async fn fetch<E, M, C>(
    db: &C,
    select: Select<E>,
    table: &'static str,
    columns: &[&'static str],
    query: &ListQuery,
) -> Result<ListPage<M>, StoreError>
where
    E: EntityTrait<Model = M>,
    M: FromQueryResult + Sized + Send + Sync,
    C: ConnectionTrait,
{
    let select = searched(select, table, columns, query);
    let total = select.clone().count(db).await?;
    let items = sorted(select, table, query.sort)
        .limit(query.limit)
        .offset(query.offset)
        .all(db)
        .await?;
    Ok(ListPage { items, total })
}

/// Only the rows in which one of the columns contains the text that is looked for, if one is.
pub fn searched<E: EntityTrait>(
    select: Select<E>,
    table: &'static str,
    columns: &[&'static str],
    query: &ListQuery,
) -> Select<E> {
    match &query.q {
        Some(text) => select.filter(contains(table, columns, text)),
        None => select,
    }
}

/// In this order, ties broken by `uid`.
pub fn sorted<E: EntityTrait>(select: Select<E>, table: &'static str, sort: Sort) -> Select<E> {
    let order = if sort.descending { Order::Desc } else { Order::Asc };
    select
        .order_by(
            Expr::col((Alias::new(table), Alias::new(sort.column))),
            order.clone(),
        )
        .order_by(Expr::col((Alias::new(table), Alias::new("uid"))), order)
}

/// Whether one of the columns contains the text, in any case.
pub fn contains(table: &'static str, searched: &[&'static str], text: &str) -> SimpleExpr {
    let escaped: String = text
        .to_lowercase()
        .chars()
        .flat_map(|c| {
            if "\\%_".contains(c) {
                vec!['\\', c]
            } else {
                vec![c]
            }
        })
        .collect();
    let pattern = format!("%{escaped}%");
    searched.iter().fold(Expr::val(false), |any: SimpleExpr, column| {
        let lower = Func::lower(Expr::col((Alias::new(table), Alias::new(*column))));
        any.or(Expr::expr(lower).like(LikeExpr::new(pattern.clone()).escape('\\')))
    })
}
