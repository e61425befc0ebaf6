//! `GET /api/v1/approvals/{id}`: one request for approval.

use actix_web::{get, web};

use super::view::ApprovalView;
use crate::{
    domain::ApprovalId,
    http::{
        Code, Problem, State,
        api::analyst::{By, ReadPulls},
        problem::Document,
    },
};

/// One request for approval (scope `pulls:read`)
#[utoipa::path(
    tag = "campaigns",
    operation_id = "approval_read",
    security(("api_key" = ["pulls:read"])),
    params(("id" = String, Path, description = "`apr_…`")),
    responses(
        (status = 200, description = "With what was shown", body = ApprovalView),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/approvals/{id}")]
pub(in crate::http) async fn read(
    state: web::Data<State>,
    _by: By<ReadPulls>,
    id: web::Path<ApprovalId>,
) -> Result<web::Json<ApprovalView>, Problem> {
    let rows = state.app.store.read(state.app.tenant);
    let found = rows.approval(*id).await?;
    let found = found.ok_or(Problem::new(Code::NotFound))?;
    Ok(web::Json(found.into()))
}
