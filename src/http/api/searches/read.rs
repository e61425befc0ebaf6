//! `GET /api/v1/searches/{id}`: one search with its plan and progress.

use actix_web::{get, web};

use super::view::SearchDetail;
use crate::{
    domain::SearchId,
    http::{
        Code, Problem, State,
        api::analyst::{By, ReadPulls},
        problem::Document,
    },
};

/// One search (scope `pulls:read`)
#[utoipa::path(
    tag = "searches",
    operation_id = "search_read",
    security(("api_key" = ["pulls:read"])),
    params(("id" = String, Path, description = "`sch_…`")),
    responses(
        (status = 200, description = "With plan and progress", body = SearchDetail),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/searches/{id}")]
pub(in crate::http) async fn read(
    state: web::Data<State>,
    _by: By<ReadPulls>,
    id: web::Path<SearchId>,
) -> Result<web::Json<SearchDetail>, Problem> {
    let rows = state.app.store.read(state.app.tenant);
    let search = rows
        .search(*id)
        .await?
        .ok_or(Problem::new(Code::NotFound))?;
    let counts = rows.count_search(search.id).await?;
    Ok(web::Json(SearchDetail::of(search, counts)))
}
