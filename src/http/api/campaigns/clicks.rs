//! `POST` and `GET /api/v1/campaigns/{id}/clicks`: who followed a link.

use actix_web::{HttpRequest, HttpResponse, get, http::header::CONTENT_DISPOSITION, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    domain::CampaignId,
    http::{
        Code, Problem, State,
        api::analyst::{By, ReadSubmissions, SetVerdicts},
        body, clicks as table,
        problem::Document,
    },
    store::click::Clicker,
    triage::clicks::{self, Imported, Lines, MOST_OCTETS},
};

/// Import clicks (scope `verdicts:write`)
///
/// From a proxy, a resolver or a log search, as JSON or as a table (`text/csv`) whose
/// first line names the columns `user`, `time` and `url`. Lines that cannot be read are
/// named and keep no other out; links that are none of the case's name nobody. The same
/// lines again change nothing.
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_clicks_import",
    security(("api_key" = ["verdicts:write"])),
    params(("id" = String, Path, description = "`cmp_…`")),
    request_body(content((Lines = "application/json"), (String = "text/csv"))),
    responses(
        (status = 200, description = "What came of it", body = Imported),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
        (status = 413, description = "More than 50,000 lines or 8 MiB", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "The table lacks a column", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/campaigns/{id}/clicks")]
pub(in crate::http) async fn import(
    state: web::Data<State>,
    by: By<SetVerdicts>,
    id: web::Path<CampaignId>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<web::Json<Imported>, Problem> {
    let kind = body::media_type(&request);
    let read = match kind.as_deref() {
        Some("application/json") => clicks::read_json,
        Some("text/csv") => clicks::read_csv,
        _ => {
            return Err(Problem::new(Code::UnsupportedMediaType)
                .detail("send application/json or text/csv"));
        }
    };
    let bytes = body::read(&request, payload, MOST_OCTETS).await?;
    let lines = read(&bytes)?;
    Ok(web::Json(
        clicks::import(&state.app, *id, lines, &by.actor()).await?,
    ))
}

#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::http) enum Form {
    #[default]
    Json,
    Csv,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Params {
    /// `json`, or `csv` for a table whose cells no spreadsheet runs.
    #[param(inline)]
    format: Option<Form>,
}

/// A person who clicked.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Person {
    /// Mail address, or the sign-in name as it was told.
    user: String,
    /// How many clicks were told.
    clicks: i64,
    /// The first of them.
    first: DateTime<Utc>,
    /// The last of them.
    last: DateTime<Utc>,
}

impl From<Clicker> for Person {
    fn from(c: Clicker) -> Self {
        Self {
            user: c.address,
            clicks: c.clicks,
            first: c.first_at,
            last: c.last_at,
        }
    }
}

/// The people who need a credential reset.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct People {
    /// Who clicked first stands first; at most 10,000.
    items: Vec<Person>,
}

/// Who needs a credential reset (scope `submissions:read`)
#[utoipa::path(
    tag = "campaigns",
    operation_id = "campaign_clicks",
    security(("api_key" = ["submissions:read"])),
    params(("id" = String, Path, description = "`cmp_…`"), Params),
    responses(
        (status = 200, description = "Who clicked a link of the case or its variants", content((People = "application/json"), (String = "text/csv"))),
        (status = 404, description = "There is none", body = Document, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/campaigns/{id}/clicks")]
pub(in crate::http) async fn list(
    state: web::Data<State>,
    _by: By<ReadSubmissions>,
    id: web::Path<CampaignId>,
    params: web::Query<Params>,
) -> Result<HttpResponse, Problem> {
    let people = clicks::people(&state.app, *id).await?;
    match params.format.unwrap_or_default() {
        Form::Json => {
            let items = people.into_iter().map(Person::from).collect();
            Ok(HttpResponse::Ok().json(People { items }))
        }
        Form::Csv => {
            let csv = table::csv(&people).map_err(|_| Problem::new(Code::Internal))?;
            let name = format!("attachment; filename=\"{}-clicks.csv\"", *id);
            Ok(HttpResponse::Ok()
                .content_type("text/csv; charset=utf-8")
                .insert_header((CONTENT_DISPOSITION, name))
                .body(csv))
        }
    }
}
