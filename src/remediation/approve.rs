//! A second person's word on a large pull, and letting a halted one go on.

use chrono::{DateTime, TimeDelta, Utc};

use super::brake;
use crate::{
    app::App,
    domain::{ApprovalId, ApprovalState, CampaignId, Verdict},
    jobs,
    store::{Rows, StoreError, approval::Approval, event::Event},
};

/// Characters of a reason that are kept.
const MOST_WORDS: usize = 2_000;

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// There is no such request in this tenant.
    #[error("not there")]
    NotFound,
    /// Whoever decided the pull cannot approve it too.
    #[error("it takes a second person: you decided this pull yourself")]
    SamePerson,
    /// What was approved is not what stands there now.
    #[error("it changed since: {mailboxes} mailboxes with {copies} copies now; look again")]
    Changed {
        /// Mailboxes now.
        mailboxes: u64,
        /// Copies now.
        copies: u64,
    },
    /// The request is closed, or the decision it belongs to is not in force.
    #[error("it is {0}, and cannot be answered any more")]
    Closed(ApprovalState),
    /// There is nothing that waits for this.
    #[error("{0}")]
    NothingHeld(&'static str),
    /// A reason is needed.
    #[error("a reason is needed, of at most 2000 characters")]
    Reason,
    /// The database failed.
    #[error("not decided")]
    Store(#[from] StoreError),
}

/// A second person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Approved, for what was shown: so many mailboxes.
    Approve {
        /// The number that was read.
        mailboxes: u64,
    },
    /// Refused: the pull is halted.
    Refuse,
    /// An approval, or the request itself, is taken back.
    Withdraw,
}

/// Takes an answer.
///
/// # Errors
/// See [`ApprovalError`].
pub async fn answer(
    app: &App,
    id: ApprovalId,
    answer: Answer,
    actor: &str,
    reason: &str,
) -> Result<(), ApprovalError> {
    let now = app.clock.now();
    let reason = reason.trim();
    let must = !matches!(answer, Answer::Approve { .. });
    if (must && reason.is_empty()) || reason.chars().count() > MOST_WORDS {
        return Err(ApprovalError::Reason);
    }
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let read = rows.approval(id).await?.ok_or(ApprovalError::NotFound)?;
    // Jobs before the remediation, as everywhere.
    rows.enqueue(vec![jobs::pull(read.campaign, now)], now)
        .await?;
    let remediation = rows.hold_remediation_of(read.campaign).await?;
    let held = rows.hold_approval(id).await?;
    let (Some(mut remediation), Some(mut approval)) = (remediation, held) else {
        return Err(ApprovalError::NotFound);
    };
    let in_force = approval.decision_version == remediation.decision_version
        && !remediation.state.is_put_back();
    let kind = match answer {
        Answer::Approve { mailboxes } => {
            if approval.state != ApprovalState::Open {
                return Err(ApprovalError::Closed(approval.state));
            }
            if !in_force {
                return Err(ApprovalError::Closed(ApprovalState::Superseded));
            }
            if remediation.halted.is_some() {
                return Err(ApprovalError::NothingHeld(
                    "the pull is halted: it has to be let go on first",
                ));
            }
            if approval.asked_by.as_deref() == Some(actor) {
                return Err(ApprovalError::SamePerson);
            }
            let since = remediation.heard_since.unwrap_or(remediation.created_at);
            let counts = rows.count_staged(approval.campaign, since).await?;
            // Fewer than were read may be, where some were put back meanwhile.
            let read = mailboxes == approval.mailboxes || mailboxes == counts.mailboxes;
            if !read || counts.mailboxes > mailboxes {
                return Err(ApprovalError::Changed {
                    mailboxes: counts.mailboxes,
                    copies: counts.copies,
                });
            }
            approval.mailboxes = counts.mailboxes;
            approval.copies = counts.copies;
            approval.state = ApprovalState::Given;
            let hours = TimeDelta::hours(app.config.pull.approval_hours.into());
            approval.expires_at = Some(now + hours);
            "approved"
        }
        Answer::Refuse => {
            if approval.state != ApprovalState::Open {
                return Err(ApprovalError::Closed(approval.state));
            }
            approval.state = ApprovalState::Refused;
            if in_force {
                let why = format!("the second person refused: {reason}");
                brake::halt(app, &rows, &mut remediation, (actor, &why), now).await?;
            }
            "approval_refused"
        }
        Answer::Withdraw => {
            if !matches!(approval.state, ApprovalState::Open | ApprovalState::Given) {
                return Err(ApprovalError::Closed(approval.state));
            }
            approval.state = ApprovalState::Withdrawn;
            if in_force {
                let why = format!("the approval was withdrawn: {reason}");
                brake::halt(app, &rows, &mut remediation, (actor, &why), now).await?;
            }
            "approval_withdrawn"
        }
    };
    close(&rows, approval, (kind, actor, reason), now).await?;
    tx.commit().await?;
    Ok(())
}

async fn close(
    rows: &Rows<'_>,
    mut approval: Approval,
    (kind, actor, reason): (&str, &str, &str),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    approval.decided_by = Some(actor.to_owned());
    approval.decided_at = Some(now);
    approval.reason = Some(reason.to_owned()).filter(|r| !r.is_empty());
    rows.save_approval(&approval).await?;
    let detail = serde_json::json!({
        "approval": approval.id,
        "mailboxes": approval.mailboxes,
        "copies": approval.copies,
        "reason": approval.reason,
    });
    let event = Event::new(kind, now)
        .of(approval.campaign)
        .by(actor)
        .with(detail);
    rows.record(vec![event]).await
}

/// Lets a halted pull go on, from its first stage; the objections so far count as heard.
///
/// # Errors
/// See [`ApprovalError`].
pub async fn go_on(
    app: &App,
    campaign: CampaignId,
    actor: &str,
    reason: &str,
) -> Result<(), ApprovalError> {
    let now = app.clock.now();
    let reason = words(reason)?;
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let decided = rows.hold_campaign(campaign).await?;
    let mut decided = decided.ok_or(ApprovalError::NotFound)?;
    if decided.verdict != Verdict::Malicious {
        let why = "its verdict is not malicious any more";
        return Err(ApprovalError::NothingHeld(why));
    }
    let known = rows.remediation_of(campaign).await?;
    if known.is_none_or(|known| known.halted.is_none() || known.state.is_put_back()) {
        return Err(ApprovalError::NothingHeld("its pull is not halted"));
    }
    // Whoever lets it go on has decided it: a large one takes another person again.
    decided.decision_version += 1;
    decided.updated_at = now;
    rows.save_campaign(&decided).await?;
    super::decide(&rows, &decided, Some(actor), true, now).await?;
    let event = Event::new("pull_resumed", now)
        .of(campaign)
        .by(actor)
        .with(serde_json::json!({ "reason": reason }));
    rows.record(vec![event]).await?;
    tx.commit().await?;
    Ok(())
}

/// Says that a pull is wrong: it counts towards the halt, and at once.
///
/// # Errors
/// See [`ApprovalError`].
pub async fn object(
    app: &App,
    campaign: CampaignId,
    actor: &str,
    reason: &str,
) -> Result<(), ApprovalError> {
    let now = app.clock.now();
    let reason = words(reason)?;
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let held = rows.hold_remediation_of(campaign).await?;
    if held.is_none() {
        let why = "nothing of it is pulled";
        return Err(ApprovalError::NothingHeld(why));
    }
    let event = Event::new("objection", now)
        .of(campaign)
        .by(actor)
        .with(serde_json::json!({ "reason": reason }));
    rows.record(vec![event]).await?;
    brake::hear(app, &rows, campaign, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Stops a campaign's pull by hand.
///
/// # Errors
/// See [`ApprovalError`].
pub async fn halt(
    app: &App,
    campaign: CampaignId,
    actor: &str,
    reason: &str,
) -> Result<(), ApprovalError> {
    let now = app.clock.now();
    let reason = words(reason)?;
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let held = rows.hold_remediation_of(campaign).await?;
    let mut held = held
        .filter(|held| held.halted.is_none() && !held.state.is_put_back())
        .ok_or(ApprovalError::NothingHeld("nothing of it is being pulled"))?;
    let why = format!("{actor}: {reason}");
    brake::halt(app, &rows, &mut held, (actor, &why), now).await?;
    tx.commit().await?;
    Ok(())
}

fn words(reason: &str) -> Result<&str, ApprovalError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > MOST_WORDS {
        return Err(ApprovalError::Reason);
    }
    Ok(reason)
}
