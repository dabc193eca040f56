//! Lists: `?limit=&offset=&sort=&q=` in, `{items, total, limit, offset}` out.

use entities::repo::page::{ListPage, ListQuery, Sort};
use poem_openapi::Object;
use poem_openapi::types::{ParseFromJSON, ToJSON};

use crate::error::ApiError;
use crate::fields::Fields;

/// Items on a page when the request does not say.
pub const DEFAULT_LIMIT: u32 = 50;
/// The most items on a page.
pub const MAX_LIMIT: u32 = 100;
/// Nobody pages deeper than this; what is searched for is found with `q`.
const MAX_OFFSET: u32 = 1_000_000;
/// Longest search text.
const MAX_SEARCH_CHARS: usize = 100;

/// A part of a list.
#[derive(Debug, Object)]
pub struct Page<T: ParseFromJSON + ToJSON> {
    /// The items of this page.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: u32,
    /// The most items on this page.
    pub limit: u32,
    /// How many items come before this page.
    pub offset: u32,
}

impl<T: ParseFromJSON + ToJSON> Page<T> {
    /// A page of views, made of a page of rows.
    pub fn of<R>(page: ListPage<R>, query: &ListQuery, view: impl FnMut(R) -> T) -> Self {
        Self {
            items: page.items.into_iter().map(view).collect(),
            total: u32::try_from(page.total).unwrap_or(u32::MAX),
            limit: u32::try_from(query.limit).unwrap_or(u32::MAX),
            offset: u32::try_from(query.offset).unwrap_or(u32::MAX),
        }
    }

    /// As [`Page::of`], for views that a row may not yield.
    pub fn try_of<R>(
        page: ListPage<R>,
        query: &ListQuery,
        view: impl FnMut(R) -> Result<T, ApiError>,
    ) -> Result<Self, ApiError> {
        let ListPage { items, total } = page;
        let items = items
            .into_iter()
            .map(view)
            .collect::<Result<Vec<T>, ApiError>>()?;
        Ok(Self::of(ListPage { items, total }, query, |view| view))
    }
}

/// Checks the parameters of a list. `sortable` are the columns that `sort` may name, the first one being
/// the default; a leading `-` sorts downwards.
pub fn list_query(
    limit: Option<u32>,
    offset: Option<u32>,
    sort: Option<&str>,
    q: Option<&str>,
    sortable: &[&'static str],
) -> Result<ListQuery, ApiError> {
    let mut fields = Fields::default();
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        fields.refuse("limit", format!("must be 1 to {MAX_LIMIT}"));
    }
    let offset = offset.unwrap_or(0);
    if offset > MAX_OFFSET {
        fields.refuse("offset", format!("must be at most {MAX_OFFSET}"));
    }
    let sort = sort_by(sort, sortable);
    if sort.is_none() {
        fields.refuse(
            "sort",
            format!(
                "must be one of {}, with `-` in front to sort downwards",
                sortable.join(", ")
            ),
        );
    }
    let q = q.map(str::trim).filter(|text| !text.is_empty());
    if q.is_some_and(|text| text.chars().count() > MAX_SEARCH_CHARS || text.chars().any(char::is_control)) {
        fields.refuse(
            "q",
            format!("must be at most {MAX_SEARCH_CHARS} characters, none of them a control character"),
        );
    }
    let (Some(sort), true) = (sort, fields.is_clean()) else {
        return Err(fields.into_error());
    };
    Ok(ListQuery {
        limit: limit.into(),
        offset: offset.into(),
        sort,
        q: q.map(str::to_owned),
    })
}

fn sort_by(sort: Option<&str>, sortable: &[&'static str]) -> Option<Sort> {
    let Some(sort) = sort else {
        return sortable.first().map(|column| Sort {
            column,
            descending: false,
        });
    };
    let (descending, name) = match sort.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, sort),
    };
    let column = sortable.iter().find(|column| **column == name)?;
    Some(Sort { column, descending })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SORTABLE: &[&str] = &["created_at", "name"];

    #[test]
    fn a_list_without_parameters_has_the_defaults() {
        let query = list_query(None, None, None, None, SORTABLE).unwrap();
        assert_eq!((query.limit, query.offset), (50, 0));
        assert_eq!(
            query.sort,
            Sort {
                column: "created_at",
                descending: false
            }
        );
    }

    #[test]
    fn a_minus_sorts_downwards() {
        let query = list_query(None, None, Some("-name"), None, SORTABLE).unwrap();
        assert_eq!(
            query.sort,
            Sort {
                column: "name",
                descending: true
            }
        );
    }

    #[test]
    fn limits_columns_and_searches_outside_the_allowed_are_refused() {
        let long = "x".repeat(101);
        assert!(list_query(Some(101), None, None, None, SORTABLE).is_err());
        assert!(list_query(Some(0), None, None, None, SORTABLE).is_err());
        assert!(list_query(None, None, Some("password"), None, SORTABLE).is_err());
        assert!(list_query(None, None, None, Some(&long), SORTABLE).is_err());
        assert!(list_query(None, None, None, Some("a\0b"), SORTABLE).is_err());
    }
}
