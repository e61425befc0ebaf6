//! Cursor paging, the same for every list.

use std::str::FromStr;

use crate::{
    http::{Code, Problem},
    store::PageRequest,
};

/// Rows on a page when the client does not say.
const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 200;

/// Turns `after` and `limit` into a page. `after` must be an id of the kind that
/// is listed.
///
/// # Errors
/// [`Code::InvalidParameter`] for another id or a limit outside 1 to 200.
pub(super) fn page<T: FromStr>(
    after: Option<String>,
    limit: Option<u64>,
) -> Result<PageRequest, Problem> {
    let wrong = |what| Err(Problem::new(Code::InvalidParameter).detail(what));
    if after.as_deref().is_some_and(|id| id.parse::<T>().is_err()) {
        return wrong("after: not a cursor of this list; pass the `next` of a page");
    }
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return wrong("limit: must be 1 to 200");
    }
    Ok(PageRequest { after, limit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CampaignId, ReportId};

    #[test]
    fn a_cursor_is_an_id_of_the_same_list_and_a_page_is_bounded() {
        let id = ReportId::new(chrono::DateTime::UNIX_EPOCH).to_string();
        let first = page::<ReportId>(None, None).expect("first");
        assert_eq!((first.after, first.limit), (None, 50));
        let next = page::<ReportId>(Some(id.clone()), Some(200)).expect("next");
        assert_eq!((next.after, next.limit), (Some(id.clone()), 200));
        assert!(page::<CampaignId>(Some(id), None).is_err());
        for limit in [0, 201, u64::MAX] {
            let problem = page::<ReportId>(None, Some(limit)).expect_err("refused");
            assert_eq!(problem.code(), Code::InvalidParameter);
        }
    }
}
