//! `GET /api/v1/searches/{id}/hits` and `.csv`: what was looked at, and what it was
//! taken for.

use actix_web::{HttpResponse, get, http::header::CONTENT_DISPOSITION, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::{HitOutcome, SearchId, Sighting},
    http::{
        Code, Problem, State,
        api::{
            analyst::{By, ReadPulls},
            words::ProviderWord,
        },
        problem::Document,
        sightings,
    },
    store::{PageRequest, search::Hit},
};

/// Rows on a page when the client does not say, and at most.
const PAGE: (u64, u64) = (100, 1_000);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Params {
    /// Only `copy`, `forward`, `variant` or `decoy`.
    #[param(value_type = Option<String>)]
    outcome: Option<HitOutcome>,
    /// `next` of the page before.
    after: Option<String>,
    /// Rows on the page, 1 to 1,000; 100 when absent.
    limit: Option<u64>,
}

/// A message that a search looked at. Subject and sender are a stranger's words.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct HitView {
    /// The mailbox.
    mailbox: String,
    /// Its platform.
    #[schema(value_type = ProviderWord)]
    provider: &'static str,
    /// The platform's id of the message.
    message: String,
    /// What it was taken for and why, where it lies, and its state.
    #[schema(value_type = Object)]
    sighting: Sighting,
}

impl From<Hit> for HitView {
    fn from(hit: Hit) -> Self {
        let mailbox = &hit.locator.mailbox;
        Self {
            mailbox: mailbox.address.to_string(),
            provider: mailbox.provider.as_str(),
            message: hit.locator.message().to_owned(),
            sighting: hit.sighting,
        }
    }
}

/// A page of hits, in the order of mailboxes.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct HitPage {
    items: Vec<HitView>,
    /// Pass as `after`; absent on the last page.
    next: Option<String>,
}

/// What a search looked at (scope `pulls:read`)
///
/// In a dry run every copy, forward and variant, and what came near; in a pull what came
/// near and was left out (its copies are the campaign's pulls).
#[utoipa::path(
    tag = "searches",
    operation_id = "search_hits",
    security(("api_key" = ["pulls:read"])),
    params(("id" = String, Path, description = "`sch_…`"), Params),
    responses(
        (status = 200, description = "In the order of mailboxes", body = HitPage),
        (status = 404, description = "There is no such search", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/searches/{id}/hits")]
pub(in crate::http) async fn hits(
    state: web::Data<State>,
    _by: By<ReadPulls>,
    id: web::Path<SearchId>,
    params: web::Query<Params>,
) -> Result<web::Json<HitPage>, Problem> {
    let Params {
        outcome,
        after,
        limit,
    } = params.into_inner();
    let limit = limit.unwrap_or(PAGE.0);
    if !(1..=PAGE.1).contains(&limit) {
        return Err(Problem::new(Code::InvalidParameter).detail("limit: must be 1 to 1000"));
    }
    let rows = state.app.store.read(state.app.tenant);
    if rows.search(*id).await?.is_none() {
        return Err(Problem::new(Code::NotFound));
    }
    let page = rows
        .hits(*id, outcome, &PageRequest { after, limit })
        .await?;
    Ok(web::Json(HitPage {
        items: page.items.into_iter().map(HitView::from).collect(),
        next: page.next,
    }))
}

/// The same as a table (scope `pulls:read`)
///
/// Cells that a spreadsheet would take for a formula are quoted.
#[utoipa::path(
    tag = "searches",
    operation_id = "search_hits_csv",
    security(("api_key" = ["pulls:read"])),
    params(("id" = String, Path, description = "`sch_…`")),
    responses(
        (status = 200, description = "One row a message", content_type = "text/csv"),
        (status = 404, description = "There is no such search", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/searches/{id}/hits.csv")]
pub(in crate::http) async fn csv(
    state: web::Data<State>,
    _by: By<ReadPulls>,
    id: web::Path<SearchId>,
) -> Result<HttpResponse, Problem> {
    let rows = state.app.store.read(state.app.tenant);
    if rows.search(*id).await?.is_none() {
        return Err(Problem::new(Code::NotFound));
    }
    let table = sightings::csv(&state.app, *id).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}-hits.csv\"", *id),
        ))
        .body(table))
}
