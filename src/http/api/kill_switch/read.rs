//! `GET /api/v1/kill-switch`: stops in force, the day's budget, and what waits.

use actix_web::{get, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{CampaignId, StopScope},
    http::{
        Problem, State,
        api::analyst::{By, ReadPulls},
    },
};

/// Campaigns listed.
const MOST: u64 = 1_000;

/// A stop in force.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct StopView {
    /// `all` (the kill switch) or `automatic` (what no person decided).
    #[schema(value_type = String)]
    scope: StopScope,
    /// Who: an API key's id, or `unhook` for the breaker.
    by: String,
    /// Why.
    reason: String,
    /// Since when.
    since: DateTime<Utc>,
}

/// A campaign with copies that were not moved.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct WaitingView {
    /// `cmp_…`
    #[schema(value_type = String)]
    campaign: CampaignId,
    /// Its copies that are to be moved and were not.
    copies: u64,
}

/// What holds pulls back, and what waits.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct KillSwitchView {
    /// Stops in force; none: pulls go on.
    stops: Vec<StopView>,
    /// Copies moved today (UTC).
    moved_today: u64,
    /// Copies that may be moved a day.
    daily_budget: u64,
    /// Campaigns with copies that are to be moved and were not, at most a thousand.
    waiting: Vec<WaitingView>,
}

/// What holds pulls back (scope `pulls:read`)
#[utoipa::path(
    tag = "campaigns",
    operation_id = "kill_switch_read",
    security(("api_key" = ["pulls:read"])),
    responses((status = 200, description = "Stops, budget, and the remainder", body = KillSwitchView))
)]
#[get("/api/v1/kill-switch")]
pub(in crate::http) async fn read(
    state: web::Data<State>,
    _by: By<ReadPulls>,
) -> Result<web::Json<KillSwitchView>, Problem> {
    let app = &state.app;
    let rows = app.store.read(app.tenant);
    let stops = rows.pull_stops().await?.into_iter();
    let waiting = rows.waiting_by_campaign(MOST).await?.into_iter();
    Ok(web::Json(KillSwitchView {
        stops: stops
            .map(|stop| StopView {
                scope: stop.scope,
                by: stop.by,
                reason: stop.reason,
                since: stop.since,
            })
            .collect(),
        moved_today: rows.moved_today(app.clock.now()).await?,
        daily_budget: app.config.pull.daily_budget,
        waiting: waiting
            .map(|(campaign, copies)| WaitingView { campaign, copies })
            .collect(),
    }))
}
