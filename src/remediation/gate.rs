//! How much of a decided pull may go now: stages, a second person's approval, budgets
//! and stops.
//!
//! The gate is asked before copies are looked at, so that none is looked at in vain,
//! and once more in the transaction that records their intents: there it counts. It
//! never holds back what is put back.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    app::App,
    config::pull::PullLimits,
    domain::{
        Admission, ApprovalId, ApprovalState, CampaignId, Footing, Hold, MailboxRef, Place,
        Progress, StopScope, covered,
    },
    store::{
        Reader, Rows, StoreError,
        approval::Approval,
        event::Event,
        pull::Pull,
        pull_stop::{Granted, PullBudget, PullStop},
        remediation::Remediation,
        staged::Staged,
    },
};

/// When a complete stage is looked at again that nothing else calls for.
const AGAIN: TimeDelta = TimeDelta::minutes(1);

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
        moved_now: counts.moved_now,
        moving: counts.moving,
        mailboxes: counts.mailboxes,
        copies: counts.copies,
        approved: given.map_or(0, |a| covered(a.mailboxes)),
        approved_copies: given.map_or(0, |a| covered(a.copies)),
        limits: limits.stages(staged.directory),
    }
}

const fn budget(limits: &PullLimits) -> PullBudget {
    PullBudget {
        day: limits.daily_budget,
        minute: limits.per_minute,
    }
}

/// How many copies a campaign's decision may move now.
pub(super) async fn admission(app: &App, campaign: CampaignId) -> Result<Admission, StoreError> {
    let rows = app.store.read(app.tenant);
    let now = app.clock.now();
    let limits = &app.config.pull;
    let Some(staged) = rows.staged(campaign).await? else {
        return Ok(Admission::Held(Hold::Halted));
    };
    let admission = footing(limits, &staged, now).admission();
    Ok(match rows.pull_budget_gone(budget(limits), now).await? {
        Some((hold, _)) if matches!(admission, Admission::UpTo(_)) => Admission::Held(hold),
        _ => admission,
    })
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
            let budget = budget(&app.config.pull);
            rows.take_pull_budget(copies.min(most), budget, now).await
        }
    }
}

/// Whether a copy whose move has no known outcome, or that a reporter handed in, may be
/// moved (again): everything may but under a stop, and nothing of a halted pull. In the
/// transaction that records its intent; the decision is held.
pub(super) async fn may_repeat(
    rows: &Rows<'_>,
    campaign: Option<CampaignId>,
) -> Result<bool, StoreError> {
    let held = match campaign {
        Some(campaign) => rows.hold_remediation_of(campaign).await?,
        None => None,
    };
    Ok(!is_stopped(&rows.pull_stops().await?, held.as_ref()))
}

/// The same right before moves are sent whose intents are recorded.
pub(super) async fn goes_on(
    rows: &Reader<'_>,
    campaign: Option<CampaignId>,
) -> Result<bool, StoreError> {
    let known = match campaign {
        Some(campaign) => rows.remediation_of(campaign).await?,
        None => None,
    };
    Ok(!is_stopped(&rows.pull_stops().await?, known.as_ref()))
}

fn is_stopped(stops: &[PullStop], remediation: Option<&Remediation>) -> bool {
    let automatic = remediation.is_some_and(Remediation::is_automatic);
    let stopped = stops.iter().any(|stop| match stop.scope {
        StopScope::All => true,
        StopScope::Automatic => automatic,
    });
    stopped || remediation.is_some_and(|held| held.halted.is_some())
}

/// What nothing is pulled out of without a person, and the decision without one that is
/// carried out.
pub struct Protected {
    mailboxes: HashSet<MailboxRef>,
    /// Names in lower case.
    folders: Vec<String>,
    pub(super) decision_version: i32,
}

impl Protected {
    /// For a decision; `None` where a person took it.
    pub(super) async fn of(
        app: &App,
        remediation: Option<&Remediation>,
    ) -> Result<Option<Self>, StoreError> {
        let Some(remediation) = remediation.filter(|r| r.is_automatic()) else {
            return Ok(None);
        };
        let limits = &app.config.pull;
        let rows = app.store.read(app.tenant);
        let mut mailboxes = HashSet::new();
        let addresses = limits.protected.iter().filter_map(|a| a.parse().ok());
        // Its own letters lie there, and answers to them.
        let own = std::iter::once(app.config.notify.from.clone());
        for address in addresses.chain(own) {
            mailboxes.extend(rows.mailbox_by_address(&address).await?);
        }
        let folders = limits.protected_folders.iter();
        Ok(Some(Self {
            mailboxes,
            folders: folders.map(|name| name.to_lowercase()).collect(),
            decision_version: remediation.decision_version,
        }))
    }

    /// Why a copy is left, if so. A folder is known by its name, anywhere on its path;
    /// where no name is known, the copy is left: any doubt leads to a person.
    pub(super) fn why(&self, pull: &Pull, from: Option<&Place>) -> Option<&'static str> {
        if self.mailboxes.contains(&pull.locator.mailbox) {
            return Some("in a protected mailbox: only an analyst's own verdict pulls it");
        }
        self.folder(from?)
    }

    fn folder(&self, place: &Place) -> Option<&'static str> {
        if self.folders.is_empty() {
            return None;
        }
        if !place.is_named() {
            return Some(
                "the names of its folders are not known, and some are protected: only an \
                 analyst's own verdict pulls it",
            );
        }
        let names = place.names.iter().chain(&place.containers);
        names
            .map(|name| name.to_lowercase())
            .any(|name| {
                self.folders.iter().any(|folder| {
                    name == *folder
                        || name.split('/').any(|part| part == folder)
                        || name.starts_with(&format!("{folder}/"))
                })
            })
            .then_some("in a protected folder: only an analyst's own verdict pulls it")
    }
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
    let wait = TimeDelta::seconds(seconds.into());
    let mut events = Vec::new();
    // More than one stage may be complete: an earlier decision moved others.
    loop {
        let at = footing(limits, &staged, now);
        let (kind, detail) = match at.progress(wait, now) {
            Progress::Same => break,
            Progress::WaitUntil(until) => {
                held.waits_until = Some(until);
                let detail = serde_json::json!({ "stage": held.stage, "until": until });
                ("stage_complete", detail)
            }
            Progress::Next(next) => {
                held.stage = next;
                held.waits_until = None;
                let detail = serde_json::json!({ "stage": next, "moved": at.moved_now });
                ("stage_begun", detail)
            }
        };
        events.push(Event::new(kind, now).of(campaign).with(detail));
        staged.remediation = held.clone();
    }
    if !events.is_empty() {
        rows.save_remediation(&held).await?;
    }
    let at = footing(limits, &staged, now);
    if at.needs_approval() && !at.halted {
        events.extend(ask(rows, &mut staged, now).await?);
    }
    rows.record(events).await?;
    let gone = rows.pull_budget_gone(budget(limits), now).await?;
    Ok(match (at.admission(), gone) {
        (Admission::UpTo(_), Some((_, until))) => Onward::At(until),
        (Admission::UpTo(_), None) => Onward::Now,
        (Admission::Held(Hold::Stage), _) => Onward::At(at.waits_until.unwrap_or(now + AGAIN)),
        (Admission::Held(_), _) => Onward::Idle,
    })
}

/// Closes the request of a campaign that nobody is to answer any more.
pub(super) async fn close_request(rows: &Rows<'_>, campaign: CampaignId) -> Result<(), StoreError> {
    let Some(mut request) = rows.approval_of(campaign).await? else {
        return Ok(());
    };
    if matches!(request.state, ApprovalState::Open | ApprovalState::Given) {
        request.state = ApprovalState::Superseded;
        rows.save_approval(&request).await?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn place(containers: &[&str], names: &[&str]) -> Place {
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        Place {
            containers: owned(containers),
            names: owned(names),
            read: false,
            flagged: false,
            categories: Vec::new(),
        }
    }

    #[test]
    fn a_protected_folder_is_known_by_any_part_of_its_path_and_doubt_protects() {
        let some = Protected {
            mailboxes: HashSet::new(),
            folders: vec!["legal hold".to_owned()],
            decision_version: 1,
        };
        for (containers, names) in [
            (&["AQMk1"][..], &["Legal Hold"][..]),
            (&["AQMk1"], &["Archive/Legal hold"]),
            (&["AQMk1"], &["legal hold/2026"]),
            // nobody could name the folder
            (&["AQMk1"], &[]),
            (&["INBOX", "Label_7"], &[]),
        ] {
            let place = place(containers, names);
            assert!(some.folder(&place).is_some(), "{place:?}");
        }
        for (containers, names) in [
            (&["AQMk1"][..], &["Inbox"][..]),
            (&["AQMk1"], &["Legal holdings"]),
            (&["INBOX", "UNREAD", "CATEGORY_UPDATES"], &[]),
        ] {
            let place = place(containers, names);
            assert_eq!(some.folder(&place), None, "{place:?}");
        }
        let none = Protected {
            folders: Vec::new(),
            ..some
        };
        assert_eq!(none.folder(&place(&["Label_7"], &[])), None);
    }
}
