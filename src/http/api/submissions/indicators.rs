//! `GET /api/v1/submissions/{id}/indicators`: the observables as a file.

use actix_web::{HttpResponse, get, http::header::CONTENT_DISPOSITION, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::SubmissionId,
    http::{
        Code, Problem, State,
        api::analyst::{By, ReadSubmissions},
        indicators::{self as list_of, Indicator},
        problem::Document,
    },
};

/// The form of the file.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::http) enum Form {
    /// A list of objects, values as they are.
    #[default]
    Json,
    /// A table; cells that a spreadsheet would run are neutralised.
    Csv,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Params {
    /// `json` when absent.
    #[param(inline)]
    format: Option<Form>,
}

/// The observables of a submission (scope `submissions:read`)
///
/// With the places they stand in and what sources say of them.
#[utoipa::path(
    tag = "submissions",
    operation_id = "submission_indicators",
    security(("api_key" = ["submissions:read"])),
    params(("id" = String, Path, description = "`sub_…`"), Params),
    responses(
        (status = 200, description = "The observables", content(
            (Vec<Indicator> = "application/json"),
            (String = "text/csv"),
        )),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/submissions/{id}/indicators")]
pub(in crate::http) async fn export(
    state: web::Data<State>,
    _by: By<ReadSubmissions>,
    id: web::Path<SubmissionId>,
    params: web::Query<Params>,
) -> Result<HttpResponse, Problem> {
    let rows = state.app.store.read(state.app.tenant);
    let found = rows
        .submission(*id)
        .await?
        .ok_or(Problem::new(Code::NotFound))?;
    let list = list_of::of(&found);
    match params.format.unwrap_or_default() {
        Form::Json => Ok(HttpResponse::Ok().json(list)),
        Form::Csv => {
            let table = list_of::csv(&list).map_err(|_| Problem::new(Code::Internal))?;
            let name = format!("attachment; filename=\"{}-indicators.csv\"", found.id);
            Ok(HttpResponse::Ok()
                .content_type("text/csv; charset=utf-8")
                .insert_header((CONTENT_DISPOSITION, name))
                .body(table))
        }
    }
}
