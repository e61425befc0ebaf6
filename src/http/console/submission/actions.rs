//! What an analyst can do: only an intent, which the workers carry out.

use actix_web::{HttpResponse, http::header::LOCATION, web};
use serde::Deserialize;

use super::super::{fault::PageError, guard::Change};
use crate::{
    auth::Scope,
    domain::{CampaignId, PullId, SubmissionId, Verdict},
    http::State,
    remediation::undo,
    triage::overturn,
};

/// Characters that a reason may have.
const REASON_CHARS: usize = 500;

/// A verdict and why.
#[derive(Deserialize)]
pub(in super::super) struct VerdictForm {
    verdict: Option<String>,
    reason: Option<String>,
    /// The number of the decision that the page showed.
    seen: Option<String>,
}

fn back(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, to))
        .finish()
}

/// `POST /console/submissions/{id}/verdict`
pub(in super::super) async fn set_verdict(
    state: web::Data<State>,
    path: web::Path<String>,
    change: Change<VerdictForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::VerdictsWrite)?;
    let id = path
        .parse::<SubmissionId>()
        .map_err(|_| PageError::NotFound)?;
    let verdict: Verdict = form
        .verdict
        .and_then(|word| word.parse().ok())
        .ok_or(PageError::Field("Choose a verdict."))?;
    let reason = form.reason.unwrap_or_default();
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(PageError::Field(
            "Say why, in a few words: the next person will ask.",
        ));
    }
    if reason.chars().count() > REASON_CHARS {
        return Err(PageError::Field(
            "The reason is longer than 500 characters.",
        ));
    }
    let seen = match form.seen.as_deref().map(str::parse::<i32>) {
        Some(Err(_)) => return Err(PageError::Field("Read the case again.")),
        Some(Ok(seen)) => Some(seen),
        None => None,
    };
    let actor = signed.actor();
    overturn::set_verdict_as_read(&signed.app, id, verdict, (&actor, reason), seen).await?;
    state.wake.notify();
    tracing::info!(submission = %id, key = %signed.analyst.key_id, "verdict set at the console");
    Ok(back(&format!("/console/submissions/{id}?done=verdict")))
}

/// The page to return to; an id of a campaign or a submission, nothing else.
#[derive(Deserialize)]
pub(in super::super) struct RestoreForm {
    page: Option<String>,
}

fn page_of(page: &str) -> Option<String> {
    if let Ok(id) = page.parse::<CampaignId>() {
        return Some(format!("/console/campaigns/{id}?done=restore"));
    }
    let id = page.parse::<SubmissionId>().ok()?;
    Some(format!("/console/submissions/{id}?done=restore"))
}

/// `POST /console/pulls/{id}/restore`
pub(in super::super) async fn restore(
    state: web::Data<State>,
    path: web::Path<String>,
    change: Change<RestoreForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::PullsWrite)?;
    let id = path.parse::<PullId>().map_err(|_| PageError::NotFound)?;
    undo::restore_copy(&signed.app, id, &signed.actor()).await?;
    state.wake.notify();
    tracing::info!(pull = %id, key = %signed.analyst.key_id, "restore asked for at the console");
    let page = form.page.as_deref().and_then(page_of);
    Ok(back(page.as_deref().unwrap_or("/console")))
}

/// `POST /console/pulls/{id}/pull`
pub(in super::super) async fn pull_variant(
    state: web::Data<State>,
    path: web::Path<String>,
    change: Change<RestoreForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::PullsWrite)?;
    let id = path.parse::<PullId>().map_err(|_| PageError::NotFound)?;
    undo::pull_variant(&signed.app, id, &signed.actor()).await?;
    state.wake.notify();
    tracing::info!(pull = %id, key = %signed.analyst.key_id, "a variant is pulled at the console");
    let page = form
        .page
        .as_deref()
        .and_then(|page| page.parse::<CampaignId>().ok());
    let page = page.map(|id| format!("/console/campaigns/{id}?done=variant"));
    Ok(back(page.as_deref().unwrap_or("/console")))
}

/// A form without fields.
#[derive(Deserialize)]
pub(in super::super) struct Nothing {}

/// `POST /console/campaigns/{id}/restore`
pub(in super::super) async fn restore_all(
    state: web::Data<State>,
    path: web::Path<String>,
    change: Change<Nothing>,
) -> Result<HttpResponse, PageError> {
    let signed = change.signed;
    signed.require(Scope::PullsWrite)?;
    let id = path
        .parse::<CampaignId>()
        .map_err(|_| PageError::NotFound)?;
    undo::restore_campaign(&signed.app, id, &signed.actor()).await?;
    state.wake.notify();
    tracing::info!(campaign = %id, key = %signed.analyst.key_id, "restore of all asked for");
    Ok(back(&format!("/console/campaigns/{id}?done=restore_all")))
}
