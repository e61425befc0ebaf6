//! How much of a decided pull may go now: stages, a second person's approval, budgets
//! and stops.
//!
//! The gate is asked before copies are looked at, so that none is looked at in vain,
//! and once more in the transaction that records their intents: there it counts. It
//! never holds back what is put back.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    app::App,
    config::pull::PullLimits,
    domain::{
        Admission, ApprovalId, ApprovalState, CampaignId, Footing, Hold, MailboxAddress, Place,
        Progress, StopScope, covered,
    },
    store::{
        Rows, StoreError,
        approval::Approval,
        event::Event,
        pull::Pull,
        pull_stop::{Granted, PullBudget},
        staged::Staged,
    },
};

/// Where a pull stands, of what is in its rows.
pub(crate) fn footing(limits: &PullLimits, staged: &Staged, now: DateTime<Utc>) -> Footing {
    let Staged {
        remediation,
        counts,
        ..
    } = staged;
    let approval = staged.approval.as_ref();
    let given = approval.filter(|a| a.holds(remediation.decision_version, now));
    Footing {
        automatic: remediation.is_automatic(),
        stopped: staged.stopped,
        halted: remediation.halted.is_some() || remediation.state.is_put_back(),
        stage: remediation.stage,
        waits_until: remediation.waits_until,
        moved: counts.moved,
        moving: counts.moving,
        mailboxes: counts.mailboxes,
        approved: given.map_or(0, |a| covered(a.mailboxes)),
        limits: limits.stages(staged.directory),
    }
}

/// How many copies a campaign's decision may move now.
pub(super) async fn admission(app: &App, campaign: CampaignId) -> Result<Admission, StoreError> {
    let rows = app.store.read(app.tenant);
    let Some(staged) = rows.staged(campaign).await? else {
        return Ok(Admission::Held(Hold::Halted));
    };
    Ok(footing(&app.config.pull, &staged, app.clock.now()).admission())
}

/// How many of so many copies may be moved now, in the transaction that records their
/// intents; the decision is held, and they are taken off the budgets.
pub(super) async fn admit(
    app: &App,
    rows: &Rows<'_>,
    campaign: CampaignId,
    copies: u64,
    now: DateTime<Utc>,
) -> Result<Granted, StoreError> {
    let none = Granted {
        copies: 0,
        short: None,
    };
    if rows.hold_remediation_of(campaign).await?.is_none() {
        return Ok(none);
    }
    let Some(staged) = rows.staged(campaign).await? else {
        return Ok(none);
    };
    match footing(&app.config.pull, &staged, now).admission() {
        Admission::Held(_) => Ok(none),
        Admission::UpTo(most) => {
            let budget = PullBudget {
                day: app.config.pull.daily_budget,
                minute: app.config.pull.per_minute,
            };
            rows.take_pull_budget(copies.min(most), budget, now).await
        }
    }
}

/// Whether a copy whose move has no known outcome, or that a reporter handed in, may be
/// moved (again): everything may but under a stop, and nothing of a halted pull.
pub(super) async fn may_repeat(
    rows: &Rows<'_>,
    campaign: Option<CampaignId>,
) -> Result<bool, StoreError> {
    let stops = rows.pull_stops().await?;
    let all = stops.iter().any(|stop| stop.scope == StopScope::All);
    if all {
        return Ok(false);
    }
    let Some(campaign) = campaign else {
        return Ok(true);
    };
    let held = rows.hold_remediation_of(campaign).await?;
    Ok(held.is_none_or(|held| held.halted.is_none()))
}

/// Why nothing may be pulled out of where a copy lies without a person, if so.
pub(super) fn protected(app: &App, pull: &Pull, from: Option<&Place>) -> Option<&'static str> {
    let limits = &app.config.pull;
    let address = pull.locator.mailbox.address.as_str();
    let same = |other: &str| {
        let other = other.parse::<MailboxAddress>();
        other.is_ok_and(|other| other.as_str() == address)
    };
    if limits.protected.iter().any(|other| same(other)) || same(app.config.notify.from.as_str()) {
        return Some("in a protected mailbox: only an analyst's own verdict pulls it");
    }
    let place = from?;
    let mut names = place.names.iter().chain(&place.containers);
    names
        .any(|name| limits.protected_folders.contains(name))
        .then_some("in a protected folder: only an analyst's own verdict pulls it")
}

/// What a round leads to.
pub(super) enum Onward {
    /// More may be moved.
    Now,
    /// Not before this time.
    At(DateTime<Utc>),
    /// Somebody has to act first; whoever does wakes the step.
    Idle,
}

/// Carries a pull to its next stage where one is complete, and asks for a second
/// person's approval where it takes one. The pull's job is held by the caller.
pub(super) async fn advance(
    app: &App,
    rows: &Rows<'_>,
    campaign: CampaignId,
    now: DateTime<Utc>,
) -> Result<Onward, StoreError> {
    let Some(mut held) = rows.hold_remediation_of(campaign).await? else {
        return Ok(Onward::Idle);
    };
    let Some(mut staged) = rows.staged(campaign).await? else {
        return Ok(Onward::Idle);
    };
    let limits = &app.config.pull;
    let seconds = if held.is_automatic() {
        limits.automatic_wait_seconds
    } else {
        limits.analyst_wait_seconds
    };
    let at = footing(limits, &staged, now);
    let mut events = Vec::new();
    match at.progress(TimeDelta::seconds(seconds.into()), now) {
        Progress::Same => {}
        Progress::WaitUntil(until) => {
            held.waits_until = Some(until);
            let detail = serde_json::json!({ "stage": held.stage, "until": until });
            events.push(Event::new("stage_complete", now).of(campaign).with(detail));
        }
        Progress::Next(next) => {
            held.stage = next;
            held.waits_until = None;
            let detail = serde_json::json!({ "stage": next, "moved": at.moved });
            events.push(Event::new("stage_begun", now).of(campaign).with(detail));
        }
    }
    if !events.is_empty() {
        rows.save_remediation(&held).await?;
        staged.remediation = held;
    }
    let at = footing(limits, &staged, now);
    if at.needs_approval() && !at.halted {
        events.extend(ask(rows, &mut staged, now).await?);
    }
    rows.record(events).await?;
    Ok(match at.admission() {
        Admission::UpTo(_) => Onward::Now,
        Admission::Held(Hold::Stage) => at.waits_until.map_or(Onward::Idle, Onward::At),
        Admission::Held(_) => Onward::Idle,
    })
}

/// Asks a second person, or brings the open request up to date.
async fn ask(
    rows: &Rows<'_>,
    staged: &mut Staged,
    now: DateTime<Utc>,
) -> Result<Option<Event>, StoreError> {
    let Staged {
        remediation,
        approval,
        counts,
        ..
    } = staged;
    let mut asked = None;
    if let Some(known) = approval {
        let current = known.decision_version == remediation.decision_version;
        match known.state {
            ApprovalState::Open if current => {
                if (known.mailboxes, known.copies) != (counts.mailboxes, counts.copies) {
                    known.mailboxes = counts.mailboxes;
                    known.copies = counts.copies;
                    rows.save_approval(known).await?;
                }
                return Ok(None);
            }
            ApprovalState::Open | ApprovalState::Given => {
                let over = known.expires_at.is_some_and(|until| until <= now);
                known.state = if over {
                    ApprovalState::Expired
                } else {
                    ApprovalState::Superseded
                };
                rows.save_approval(known).await?;
                asked = Some(known.state);
            }
            _ => {}
        }
    }
    let request = Approval {
        id: ApprovalId::new(now),
        campaign: remediation.campaign,
        remediation: remediation.id,
        decision_version: remediation.decision_version,
        state: ApprovalState::Open,
        asked_by: remediation.decided_by.clone(),
        asked_at: now,
        mailboxes: counts.mailboxes,
        copies: counts.copies,
        decided_by: None,
        decided_at: None,
        reason: None,
        expires_at: None,
    };
    rows.save_approval(&request).await?;
    let detail = serde_json::json!({
        "approval": request.id,
        "mailboxes": request.mailboxes,
        "copies": request.copies,
        "earlier": asked,
    });
    let event = Event::new("approval_asked", now)
        .of(remediation.campaign)
        .with(detail);
    *approval = Some(request);
    Ok(Some(event))
}
