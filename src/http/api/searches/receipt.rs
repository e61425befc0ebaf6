//! `GET /api/v1/searches/{id}/receipt`: the signed coverage receipt.

use actix_web::{get, web};

use crate::{
    domain::SearchId,
    http::{
        Problem, State,
        api::analyst::{By, ReadPulls},
        problem::Document,
    },
    remediation::receipt::of,
};

/// The coverage receipt of a search (scope `pulls:read`)
///
/// Signed with Ed25519; `unhook receipt verify FILE` checks it. While the search is under
/// way it is made for the moment and says what is still open.
#[utoipa::path(
    tag = "searches",
    operation_id = "search_receipt",
    security(("api_key" = ["pulls:read"])),
    params(("id" = String, Path, description = "`sch_…`")),
    responses(
        (status = 200, description = "`receipt` and `signature`", body = Object),
        (status = 404, description = "There is no such search", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/searches/{id}/receipt")]
pub(in crate::http) async fn receipt(
    state: web::Data<State>,
    _by: By<ReadPulls>,
    id: web::Path<SearchId>,
) -> Result<web::Json<serde_json::Value>, Problem> {
    Ok(web::Json(of(&state.app, *id).await?))
}
