//! Cursor paging over time-ordered identifiers, newest first.

/// Which page is wanted.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// The id after which the page begins; absent for the first page.
    pub after: Option<String>,
    /// Rows on the page, 1 to 200.
    pub limit: u64,
}

impl PageRequest {
    /// A first page of `limit` rows, kept within 1 to 200.
    #[must_use]
    pub fn first(limit: u64) -> Self {
        Self {
            after: None,
            limit: limit.clamp(1, 200),
        }
    }
}

/// One page.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Page<T> {
    /// The rows, newest first.
    pub items: Vec<T>,
    /// Pass as `after` to get the next page; absent on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Builds a page from one row more than asked for.
    pub(super) fn cut<F: Fn(&T) -> String>(mut items: Vec<T>, limit: u64, id: F) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(id) } else { None };
        Self { items, next }
    }

    /// The same page of other things.
    pub fn map<U, F: FnMut(T) -> U>(self, f: F) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next: self.next,
        }
    }
}
