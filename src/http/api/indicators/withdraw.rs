//! `POST /api/v1/indicators/withdraw`: say it no longer.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::OwnIndicator;
use crate::{
    domain::AskedKind,
    http::{
        Problem, State,
        api::{
            analyst::{By, SetVerdicts},
            words::IndicatorKindWord,
        },
        body,
        problem::Document,
    },
    triage::indicators,
};

/// Which indicator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct WithdrawRequest {
    /// What the value is.
    #[schema(value_type = IndicatorKindWord)]
    kind: AskedKind,
    /// The value, defanged or not.
    #[schema(min_length = 1, max_length = 4096)]
    value: String,
}

/// Withdraw an indicator (scope `verdicts:write`)
///
/// What was judged on it is judged anew; a milder outcome is noted and undoes nothing.
#[utoipa::path(
    tag = "indicators",
    operation_id = "indicator_withdraw",
    security(("api_key" = ["verdicts:write"])),
    request_body = WithdrawRequest,
    responses(
        (status = 202, description = "Withdrawn; the workers look through what is stored", body = OwnIndicator),
        (status = 404, description = "Nothing is said of that value", body = Document, content_type = "application/problem+json"),
        (status = 422, description = "A field cannot be used", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/indicators/withdraw")]
pub(in crate::http) async fn withdraw(
    state: web::Data<State>,
    by: By<SetVerdicts>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let WithdrawRequest { kind, value } = body::command(&request, payload).await?;
    let gone = indicators::withdraw(&state.app, kind, &value, &by.actor()).await?;
    state.wake.notify();
    Ok(HttpResponse::Accepted().json(OwnIndicator::of(gone, state.app.clock.now())))
}
