//! `GET /api/v1/searches/{id}/mailboxes`: the mailboxes that were not searched, with
//! the reason each.

use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::SearchId,
    http::{
        Code, Problem, State,
        api::{
            analyst::{By, ReadPulls},
            campaigns::view::GapView,
        },
        problem::Document,
    },
    store::PageRequest,
};

/// Rows on a page when the client does not say, and at most.
const PAGE: (u64, u64) = (100, 1_000);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Params {
    /// `next` of the page before.
    after: Option<String>,
    /// Rows on the page, 1 to 1,000; 100 when absent.
    limit: Option<u64>,
}

/// A page of mailboxes that were not searched.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct GapPage {
    items: Vec<GapView>,
    /// Pass as `after`; absent on the last page.
    next: Option<String>,
}

/// Mailboxes that were not searched (scope `pulls:read`)
#[utoipa::path(
    tag = "searches",
    operation_id = "search_mailboxes",
    security(("api_key" = ["pulls:read"])),
    params(("id" = String, Path, description = "`sch_…`"), Params),
    responses(
        (status = 200, description = "Out of reach, left out, or tried again", body = GapPage),
        (status = 404, description = "There is no such search", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/searches/{id}/mailboxes")]
pub(in crate::http) async fn mailboxes(
    state: web::Data<State>,
    _by: By<ReadPulls>,
    id: web::Path<SearchId>,
    params: web::Query<Params>,
) -> Result<web::Json<GapPage>, Problem> {
    let Params { after, limit } = params.into_inner();
    let limit = limit.unwrap_or(PAGE.0);
    if !(1..=PAGE.1).contains(&limit) {
        return Err(Problem::new(Code::InvalidParameter).detail("limit: must be 1 to 1000"));
    }
    let rows = state.app.store.read(state.app.tenant);
    if rows.search(*id).await?.is_none() {
        return Err(Problem::new(Code::NotFound));
    }
    let page = rows.gaps(*id, &PageRequest { after, limit }).await?;
    Ok(web::Json(GapPage {
        items: page.items.into_iter().map(GapView::from).collect(),
        next: page.next,
    }))
}
