//! Lists: `?limit=&offset=&sort=&q=` in, `{items, total, limit, offset}` out.

use entities::repo::page::{ListPage, ListQuery, Sort};
use poem_openapi::Object;
use poem_openapi::types::{ParseFromJSON, ToJSON};

use crate::error::ApiError;
use crate::fields::Fields;
use crate::payload::Parameter;

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

/// The parameters of a list, as the request gives them.
#[derive(Debug)]
pub struct ListParameters {
    /// The most items.
    pub limit: Parameter<u32>,
    /// How many to skip.
    pub offset: Parameter<u32>,
    /// The order.
    pub sort: Parameter<String>,
    /// What to look for.
    pub q: Parameter<String>,
}

impl ListParameters {
    /// As [`ListParameters::take`], for a list without further parameters.
    pub fn read(self, default: &str, columns: &[&'static str]) -> Result<ListQuery, ApiError> {
        let mut fields = Fields::default();
        let query = self.take(&mut fields, default, columns);
        fields.finish_with(query)
    }

    /// Checks them; every invalid one is noted, and then the query is of no use. `columns` are those that
    /// `sort` may name, `default` is the order of a request that names none; a leading `-` sorts downwards.
    pub fn take(self, fields: &mut Fields, default: &str, columns: &[&'static str]) -> Option<ListQuery> {
        let limit = self.limit.take(fields).unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            fields.refuse("limit", format!("must be 1 to {MAX_LIMIT}"));
        }
        let offset = self.offset.take(fields).unwrap_or(0);
        if offset > MAX_OFFSET {
            fields.refuse("offset", format!("must be at most {MAX_OFFSET}"));
        }
        let sort = self.sort.take(fields);
        let sort = sort_by(sort.as_deref().unwrap_or(default), columns);
        if sort.is_none() {
            let columns = columns.join(", ");
            fields.refuse(
                "sort",
                format!("must be one of {columns}, with `-` in front to sort downwards"),
            );
        }
        let q = self.q.take(fields).map(|text| text.trim().to_owned());
        let q = q.filter(|text| !text.is_empty());
        if q.as_ref()
            .is_some_and(|text| text.chars().count() > MAX_SEARCH_CHARS || text.chars().any(char::is_control))
        {
            fields.refuse(
                "q",
                format!("must be at most {MAX_SEARCH_CHARS} characters, none of them a control character"),
            );
        }
        sort.map(|sort| ListQuery {
            limit: limit.into(),
            offset: offset.into(),
            sort,
            q,
        })
    }
}

fn sort_by(sort: &str, columns: &[&'static str]) -> Option<Sort> {
    let (descending, name) = match sort.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, sort),
    };
    let column = columns.iter().find(|column| **column == name)?;
    Some(Sort { column, descending })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ProblemJson;

    fn list(limit: Option<u32>, sort: Option<&str>, q: Option<&str>) -> Result<ListQuery, ApiError> {
        let mut fields = Fields::default();
        let parameters = ListParameters {
            limit: Parameter::of(limit),
            offset: Parameter::of(None),
            sort: Parameter::of(sort.map(str::to_owned)),
            q: Parameter::of(q.map(str::to_owned)),
        };
        let query = parameters.take(&mut fields, "-created_at", &["created_at", "name"]);
        fields.finish_with(query)
    }

    #[test]
    fn a_list_without_parameters_has_the_defaults() {
        let query = list(None, None, None).unwrap();
        assert_eq!((query.limit, query.offset), (50, 0));
        let latest_first = Sort {
            column: "created_at",
            descending: true,
        };
        assert_eq!(query.sort, latest_first);
    }

    #[test]
    fn a_minus_sorts_downwards() {
        let sorted = |sort| list(None, Some(sort), None).unwrap().sort;
        assert!(sorted("-name").descending && !sorted("name").descending);
        assert_eq!(sorted("-name").column, "name");
    }

    #[test]
    fn limits_columns_and_searches_outside_the_allowed_are_refused_together() {
        let long = "x".repeat(101);
        let Err(ApiError::Unprocessable(ProblemJson(problem))) =
            list(Some(101), Some("password"), Some(&long))
        else {
            panic!("it was taken")
        };
        let named: Vec<&str> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(named, ["limit", "sort", "q"]);
        assert!(list(Some(0), None, None).is_err());
        assert!(list(None, None, Some("a\0b")).is_err());
    }
}
