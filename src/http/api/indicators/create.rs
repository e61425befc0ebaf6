//! `POST /api/v1/indicators`: say something of a value.

use actix_web::{HttpRequest, HttpResponse, post, web};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::OwnIndicator;
use crate::{
    domain::{AskedKind, Reputation},
    http::{
        Problem, State,
        api::{
            analyst::{By, SetVerdicts},
            words::{IndicatorKindWord, IndicatorReputationWord},
        },
        body,
        problem::Document,
    },
    triage::indicators::{NewIndicator, add},
};

/// What is to be said of a value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct IndicatorRequest {
    /// What the value is.
    #[schema(value_type = IndicatorKindWord)]
    kind: AskedKind,
    /// The value, defanged or not.
    #[schema(min_length = 1, max_length = 4096)]
    value: String,
    /// How it is seen.
    #[schema(value_type = IndicatorReputationWord)]
    reputation: Reputation,
    /// Why; 1 to 200 characters on one line.
    #[schema(min_length = 1, max_length = 200)]
    note: String,
    /// When it ends by itself; absent: never.
    until: Option<DateTime<Utc>>,
}

/// Say something of a value (scope `verdicts:write`)
///
/// It replaces what was said of the value before. Every message of the last 90 days that
/// holds the value is judged anew by the workers; it weighs as one source, and what an
/// analyst decided stays.
#[utoipa::path(
    tag = "indicators",
    operation_id = "indicator_create",
    security(("api_key" = ["verdicts:write"])),
    request_body = IndicatorRequest,
    responses(
        (status = 202, description = "Kept; the workers look through what is stored", body = OwnIndicator),
        (status = 422, description = "A field cannot be used", body = Document, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/indicators")]
pub(in crate::http) async fn create(
    state: web::Data<State>,
    by: By<SetVerdicts>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted: IndicatorRequest = body::command(&request, payload).await?;
    let new = NewIndicator {
        kind: wanted.kind,
        value: wanted.value,
        reputation: wanted.reputation,
        note: wanted.note,
        until: wanted.until,
    };
    let kept = add(&state.app, new, &by.actor()).await?;
    state.wake.notify();
    Ok(HttpResponse::Accepted().json(OwnIndicator::of(kept, state.app.clock.now())))
}
