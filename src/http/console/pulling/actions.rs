//! What holds pulls back and lets them go on, from the console.

use actix_web::{HttpResponse, http::header::LOCATION, web};
use serde::Deserialize;

use super::super::{
    fault::PageError,
    guard::{Change, Signed},
};
use crate::{
    auth::Scope,
    domain::{ApprovalId, CampaignId, StopScope},
    http::State,
    remediation::{
        approve::{self, Answer},
        brake,
    },
};

/// A reason, and what it is about.
#[derive(Deserialize)]
pub(in super::super) struct HoldForm {
    reason: Option<String>,
    scope: Option<String>,
    mailboxes: Option<String>,
}

impl HoldForm {
    fn reason(&self) -> Result<&str, PageError> {
        let reason = self.reason.as_deref().unwrap_or_default().trim();
        if reason.is_empty() {
            return Err(PageError::Field(
                "Say why, in a few words: the next person will ask.",
            ));
        }
        Ok(reason)
    }

    fn scope(&self) -> Result<StopScope, PageError> {
        let word = self.scope.as_deref().unwrap_or_default();
        word.parse()
            .map_err(|_| PageError::Field("Choose what is stopped."))
    }
}

fn back(to: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, to))
        .finish()
}

/// `POST /console/pulls/stop`
pub(in super::super) async fn stop(change: Change<HoldForm>) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::PullsWrite)?;
    let (scope, reason) = (form.scope()?, form.reason()?);
    brake::stop(&signed.app, scope, &signed.actor(), reason).await?;
    tracing::warn!(%scope, key = %signed.analyst.key_id, "pulls stopped at the console");
    Ok(back("/console/pulls?done=stopped"))
}

/// `POST /console/pulls/release`
pub(in super::super) async fn release(
    state: web::Data<State>,
    change: Change<HoldForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::PullsApprove)?;
    let (scope, reason) = (form.scope()?, form.reason()?);
    brake::release(&signed.app, scope, &signed.actor(), reason).await?;
    state.wake.notify();
    tracing::warn!(%scope, key = %signed.analyst.key_id, "pulls released at the console");
    Ok(back("/console/pulls?done=released"))
}

async fn answered(
    (state, signed): (&State, &Signed),
    id: &str,
    answer: Answer,
    reason: &str,
    done: &str,
) -> Result<HttpResponse, PageError> {
    signed.require(Scope::PullsApprove)?;
    let id = id.parse::<ApprovalId>().map_err(|_| PageError::NotFound)?;
    approve::answer(&signed.app, id, answer, &signed.actor(), reason).await?;
    state.wake.notify();
    tracing::info!(approval = %id, key = %signed.analyst.key_id, done, "answered at the console");
    Ok(back(&format!("/console/pulls?done={done}")))
}

/// `POST /console/approvals/{id}/approve`
pub(in super::super) async fn give(
    state: web::Data<State>,
    path: web::Path<String>,
    change: Change<HoldForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    let read = form.mailboxes.as_deref().unwrap_or_default().parse();
    let mailboxes = read.map_err(|_| PageError::Field("The number of mailboxes is missing."))?;
    let reason = form.reason.as_deref().unwrap_or_default();
    let answer = Answer::Approve { mailboxes };
    answered((&state, &signed), &path, answer, reason, "approved").await
}

/// `POST /console/approvals/{id}/refuse`
pub(in super::super) async fn refuse(
    state: web::Data<State>,
    path: web::Path<String>,
    change: Change<HoldForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    let reason = form.reason()?;
    answered((&state, &signed), &path, Answer::Refuse, reason, "refused").await
}

/// `POST /console/approvals/{id}/withdraw`
pub(in super::super) async fn withdraw(
    state: web::Data<State>,
    path: web::Path<String>,
    change: Change<HoldForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    let reason = form.reason()?;
    let answer = Answer::Withdraw;
    answered((&state, &signed), &path, answer, reason, "withdrawn").await
}

fn campaign(path: &str) -> Result<CampaignId, PageError> {
    path.parse().map_err(|_| PageError::NotFound)
}

/// `POST /console/campaigns/{id}/halt`
pub(in super::super) async fn halt(
    path: web::Path<String>,
    change: Change<HoldForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::PullsWrite)?;
    let id = campaign(&path)?;
    approve::halt(&signed.app, id, &signed.actor(), form.reason()?).await?;
    Ok(back(&format!("/console/campaigns/{id}?done=halted")))
}

/// `POST /console/campaigns/{id}/resume`
pub(in super::super) async fn resume(
    state: web::Data<State>,
    path: web::Path<String>,
    change: Change<HoldForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::PullsApprove)?;
    let id = campaign(&path)?;
    approve::go_on(&signed.app, id, &signed.actor(), form.reason()?).await?;
    state.wake.notify();
    Ok(back(&format!("/console/campaigns/{id}?done=resumed")))
}

/// `POST /console/campaigns/{id}/object`
pub(in super::super) async fn object(
    path: web::Path<String>,
    change: Change<HoldForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::VerdictsWrite)?;
    let id = campaign(&path)?;
    approve::object(&signed.app, id, &signed.actor(), form.reason()?).await?;
    Ok(back(&format!("/console/campaigns/{id}?done=objected")))
}
