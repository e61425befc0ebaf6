//! `GET /api/v1/reporters/me`: one's own record.

use std::collections::BTreeMap;

use actix_web::{get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::Reporter,
    http::{Problem, State},
    triage::standing,
};

/// How right one's own reports were. Nobody else sees it; it orders the queue and
/// nothing else.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnRecord)]
pub(in crate::http) struct OwnRecord {
    /// Whether it is kept at all.
    enabled: bool,
    /// Settled cases, each counted once however often it was reported.
    settled: usize,
    /// How they ended.
    outcomes: BTreeMap<&'static str, usize>,
    /// How often one is expected to be right, 0 to 1; one half for someone new.
    accuracy: Option<f64>,
    /// Where that lies with nine chances of ten.
    between: Option<(f64, f64)>,
}

/// One's own record
#[utoipa::path(
    tag = "reports",
    operation_id = "reporter_me",
    security(("reporter" = [])),
    responses((status = 200, description = "The record; empty where none is kept", body = OwnRecord))
)]
#[get("/api/v1/reporters/me")]
pub(in crate::http) async fn me(
    state: web::Data<State>,
    reporter: Reporter,
) -> Result<web::Json<OwnRecord>, Problem> {
    let app = &state.app;
    let mut record = OwnRecord {
        enabled: app.config.reporters.reputation.enabled,
        settled: 0,
        outcomes: BTreeMap::new(),
        accuracy: None,
        between: None,
    };
    if !record.enabled {
        return Ok(web::Json(record));
    }
    let rows = app.store.read(app.tenant);
    let person = rows.person(&reporter.0.identity()).await?;
    let votes = rows.votes_of(&person.key).await?;
    let accuracy = standing::accuracy(app, &votes, app.clock.now());
    record.settled = votes.len();
    for (outcome, _) in &votes {
        *record.outcomes.entry(outcome.as_str()).or_default() += 1;
    }
    record.accuracy = Some(accuracy.mean());
    record.between = Some(accuracy.interval());
    Ok(web::Json(record))
}
