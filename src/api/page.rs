//! Lists in pages: newest first, the last id is the cursor.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::problem::Problem;

/// Which part of a list: `?limit=50&cursor=…`.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// At most so many items, 1 to 200.
    #[serde(default = "default_limit")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: u16,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

fn default_limit() -> u16 {
    50
}

impl Page {
    /// The number of rows to fetch: one more than asked for, which tells whether more follow.
    ///
    /// # Errors
    /// 400 if the limit is not 1 to 200.
    pub fn fetch(&self) -> Result<i64, Problem> {
        if !(1..=200).contains(&self.limit) {
            return Err(Problem::malformed("invalid_limit", "limit is a number from 1 to 200"));
        }
        Ok(i64::from(self.limit) + 1)
    }

    /// The id after which the page begins.
    ///
    /// # Errors
    /// 400 if the cursor is none of ours.
    pub fn after(&self) -> Result<Option<Uuid>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        crate::kernel::ids::decode(cursor).map(Some).ok_or_else(|| self.unknown_cursor())
    }

    /// 400: the cursor is none of ours.
    pub fn unknown_cursor(&self) -> Problem {
        Problem::malformed(
            "invalid_cursor",
            "cursor is not a next_cursor of an earlier page; leave it out",
        )
    }
}

/// One page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// Hand in as `cursor` to get the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// A page out of the rows fetched by [`Page::fetch`]; `id` names the cursor of an item.
    pub fn new(mut rows: Vec<T>, page: &Page, id: impl Fn(&T) -> Uuid) -> List<T> {
        let limit = usize::from(page.limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor =
            if more { rows.last().map(|row| crate::kernel::ids::encode(id(row))) } else { None };
        List { items: rows, next_cursor }
    }
}
