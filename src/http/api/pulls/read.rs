//! `GET /api/v1/pulls/{id}`: one copy.

use actix_web::{get, web};

use super::view::PullView;
use crate::{
    domain::PullId,
    http::{
        Code, Problem, State,
        api::analyst::{By, ReadPulls},
        problem::Document,
    },
};

/// One copy (scope `pulls:read`)
#[utoipa::path(
    tag = "campaigns",
    operation_id = "pull_read",
    security(("api_key" = ["pulls:read"])),
    params(("id" = String, Path, description = "`pul_…`")),
    responses(
        (status = 200, description = "What is wanted and what is known", body = PullView),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/pulls/{id}")]
pub(in crate::http) async fn read(
    state: web::Data<State>,
    _by: By<ReadPulls>,
    id: web::Path<PullId>,
) -> Result<web::Json<PullView>, Problem> {
    let found = state.app.store.read(state.app.tenant).pull(*id).await?;
    let found = found.ok_or(Problem::new(Code::NotFound))?;
    Ok(web::Json(PullView::from(&found)))
}
