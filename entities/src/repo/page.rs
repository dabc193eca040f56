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

/// Runs a prepared selection of `table`'s rows for one page, searching `q` in `searched`.
pub async fn fetch<E, M, C>(
    db: &C,
    select: Select<E>,
    table: &'static str,
    searched: &[&'static str],
    query: &ListQuery,
) -> Result<ListPage<M>, StoreError>
where
    E: EntityTrait<Model = M>,
    M: FromQueryResult + Sized + Send + Sync,
    C: ConnectionTrait,
{
    let select = match &query.q {
        Some(text) => select.filter(contains(table, searched, text)),
        None => select,
    };
    let total = select.clone().count(db).await?;
    let order = if query.sort.descending {
        Order::Desc
    } else {
        Order::Asc
    };
    let items = select
        .order_by(
            Expr::col((Alias::new(table), Alias::new(query.sort.column))),
            order.clone(),
        )
        .order_by(Expr::col((Alias::new(table), Alias::new("uid"))), order)
        .limit(query.limit)
        .offset(query.offset)
        .all(db)
        .await?;
    Ok(ListPage { items, total })
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
