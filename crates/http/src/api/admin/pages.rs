//! Pages of a list: the query parameters and the view.

use crate::api::prelude::*;
use userd_core::input::ObjectReader;
use userd_service::{PageCursor, PageRequest, ResultPage};

/// The most items of a page: some 60 KB of JSON.
const LIMIT_MAX: usize = 200;

/// The items of a page without `limit`.
const LIMIT_DEFAULT: usize = 50;

pub(super) const LIMIT: QueryParam = QueryParam {
    name: "limit",
    description: "The maximum number of items on the page.",
    schema: || json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT }),
};

pub(super) const CURSOR: QueryParam = QueryParam {
    name: "cursor",
    description: "The page: `next` or `previous` of another page.",
    schema: || json!({ "type": "string" }),
};

impl FromQuery for PageRequest {
    const PARAMS: &'static [QueryParam] = &[LIMIT, CURSOR];

    fn from_query(params: &mut ObjectReader<'_>) -> Option<Self> {
        let limit = params.optional("limit", parse_limit);
        let cursor = params.optional("cursor", PageCursor::parse);
        Some(Self { limit: limit.ok()?.unwrap_or(LIMIT_DEFAULT), cursor: cursor.ok()? })
    }
}

fn parse_limit(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=LIMIT_MAX).contains(number));
    number.ok_or_else(|| format!("must be a number from 1 to {LIMIT_MAX}"))
}

/// A page of a list. Its schema is that of `ResponseDoc::page`.
#[derive(Debug, Serialize, Deserialize)]
pub struct PageView<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page.
    pub next: Option<String>,
    /// The cursor of the previous page.
    pub previous: Option<String>,
}

impl<T> PageView<T> {
    /// The view of `page`; `view` makes the view of an item.
    #[must_use]
    pub fn new<'a, I>(page: &'a ResultPage<I>, view: impl FnMut(&'a I) -> T) -> Self {
        let text = |cursor: &Option<PageCursor>| cursor.as_ref().map(PageCursor::encode);
        Self { items: page.items.iter().map(view).collect(), next: text(&page.next), previous: text(&page.previous) }
    }

    /// A list that always fits on one page.
    pub(super) fn single_page(items: Vec<T>) -> Self {
        Self { items, next: None, previous: None }
    }
}
