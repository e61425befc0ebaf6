//! `GET /api/v1/reports/{id}`: one of one's own reports.

use actix_web::{get, web};

use super::OwnReport;
use crate::{
    auth::Reporter,
    domain::ReportId,
    http::{Code, Problem, State, problem::Document},
};

/// One of one's own reports
///
/// Another person's report is answered as one that does not exist.
#[utoipa::path(
    tag = "reports",
    operation_id = "report_read",
    security(("reporter" = [])),
    params(("id" = String, Path, description = "`rpt_…`")),
    responses(
        (status = 200, description = "The report", body = OwnReport),
        (status = 404, description = "None of one's own", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/reports/{id}")]
pub(in crate::http) async fn read(
    state: web::Data<State>,
    reporter: Reporter,
    id: web::Path<ReportId>,
) -> Result<web::Json<OwnReport>, Problem> {
    let own = reporter.0.identity();
    let report = state.app.store.read(state.app.tenant).report(*id).await?;
    match report.filter(|report| report.reporter == own) {
        Some(report) => Ok(web::Json(OwnReport::told(&state, report).await?)),
        None => Err(Problem::new(Code::NotFound)),
    }
}
