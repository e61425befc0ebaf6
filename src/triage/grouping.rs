//! What an analyst puts together and takes apart: split, merge, remove.
//!
//! Nothing of it moves mail or changes a verdict. A variant has a campaign of its own
//! that its copies are verified by; it is only shown, counted and compared with another
//! case. Where a part of the same message's submissions leaves, they get a campaign of
//! their own with their held copies, and that waits until these are at rest. What is
//! taken apart stays apart, until a person puts it together: each undoes the other.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::{
    app::App,
    domain::{CampaignId, RemediationId, SubmissionId},
    store::{
        Rows, StoreError,
        campaign::Campaign,
        event::Event,
        membership::Moved,
        remediation::{Remediation, RemediationState},
        submission::SubmissionFilter,
    },
};

/// Submissions that are split off at once.
pub const MOST_SPLIT: usize = 500;
/// Variants of one case.
pub const MOST_VARIANTS: u64 = 1_000;
/// Characters of a reason.
pub const REASON_CHARS: usize = 500;

/// Why cases were not taken apart or together.
#[derive(Debug, thiserror::Error)]
pub enum GroupingError {
    /// There is no such campaign or submission in this tenant.
    #[error("not there")]
    NotFound,
    /// The reason is missing or too long.
    #[error("reason: 1 to 500 characters of text")]
    Reason,
    /// Nothing, or too much, is named.
    #[error("submissions: name 1 to 500 of them")]
    Count,
    /// The submission does not belong to the case.
    #[error("{0} does not belong to this campaign")]
    NotMember(SubmissionId),
    /// It is what others are compared with.
    #[error(
        "{0} is the one that the others are compared with; it stays: split the others off instead"
    )]
    Seed(SubmissionId),
    /// The campaign is itself part of a case.
    #[error("{variant} is a variant of {case}: ask that campaign instead")]
    Variant {
        /// What was named.
        variant: CampaignId,
        /// Its case.
        case: CampaignId,
    },
    /// A campaign cannot be merged with itself.
    #[error("a campaign cannot be merged with itself")]
    Itself,
    /// What would move is being searched or moved.
    #[error("{campaign} is being {doing}; wait until that is through")]
    UnderWay {
        /// Where.
        campaign: CampaignId,
        /// `searched`, `pulled` or `restored`.
        doing: &'static str,
    },
    /// The database failed.
    #[error("not changed")]
    Store(#[from] StoreError),
}

/// Who asks, and why.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The analyst's key.
    pub actor: &'a str,
    /// Why, 1 to 500 characters.
    pub reason: &'a str,
}

impl<'a> Order<'a> {
    fn checked(self) -> Result<Self, GroupingError> {
        let reason: &'a str = self.reason.trim();
        let fits = (1..=REASON_CHARS).contains(&reason.chars().count());
        if !fits || reason.contains('\0') {
            return Err(GroupingError::Reason);
        }
        Ok(Self { reason, ..self })
    }

    const fn to(self, case: CampaignId, at: DateTime<Utc>) -> Moved<'a> {
        Moved {
            case,
            reason: self.reason,
            by: self.actor,
            at,
        }
    }

    fn event(self, kind: &str, of: CampaignId, at: DateTime<Utc>) -> Event {
        Event::new(kind, at).of(of).by(self.actor)
    }
}

async fn held_case(rows: &Rows<'_>, id: CampaignId) -> Result<Campaign, GroupingError> {
    let held = rows.hold_campaign(id).await?;
    let campaign = held.ok_or(GroupingError::NotFound)?;
    match campaign.variant_of {
        Some(case) => Err(GroupingError::Variant { variant: id, case }),
        None => Ok(campaign),
    }
}

/// Splits submissions off a case into a case of their own; gives its id.
///
/// # Errors
/// See [`GroupingError`].
pub async fn split(
    app: &App,
    id: CampaignId,
    submissions: &[SubmissionId],
    order: Order<'_>,
) -> Result<CampaignId, GroupingError> {
    let order = order.checked()?;
    let wanted: BTreeSet<SubmissionId> = submissions.iter().copied().collect();
    if wanted.is_empty() || wanted.len() > MOST_SPLIT {
        return Err(GroupingError::Count);
    }
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    let case = held_case(&rows, id).await?;
    let mut leaving = Vec::new();
    for (campaign, part) in parts(&rows, id, &wanted).await? {
        // the case itself is held already
        let held = rows.hold_campaign(campaign).await?;
        let held = held.ok_or(GroupingError::NotFound)?;
        let all = rows.count_submissions(&of(campaign)).await?;
        let whole = u64::try_from(part.len()).is_ok_and(|n| n >= all);
        if whole && campaign != id {
            leaving.push(held);
        } else if part.contains(&held.seed) {
            return Err(GroupingError::Seed(held.seed));
        } else {
            leaving.push(divided(&rows, &held, &part, now).await?);
        }
    }
    leaving.sort_by_key(|campaign| campaign.id);
    let head = leaving.first().ok_or(GroupingError::Count)?.id;
    let moved: Vec<CampaignId> = leaving.iter().map(|campaign| campaign.id).collect();
    for mut campaign in leaving {
        campaign.variant_of = (campaign.id != head).then_some(head);
        campaign.updated_at = now;
        rows.save_campaign(&campaign).await?;
        rows.keep_apart((case.id, campaign.id), order.reason, order.actor, now)
            .await?;
    }
    rows.move_members(&moved, order.to(head, now)).await?;
    let line = |on, name: &str, other: CampaignId| {
        order.event("split", on, now).with(serde_json::json!({
            "submissions": wanted.len(),
            name: other,
            "reason": order.reason,
        }))
    };
    rows.record(vec![line(case.id, "to", head), line(head, "from", case.id)])
        .await?;
    tx.commit().await?;
    Ok(head)
}

/// Takes one submission out of a case; it becomes a case of its own, whose id this
/// gives.
///
/// # Errors
/// See [`GroupingError`].
pub async fn remove(
    app: &App,
    id: CampaignId,
    submission: SubmissionId,
    order: Order<'_>,
) -> Result<CampaignId, GroupingError> {
    split(app, id, &[submission], order).await
}

/// Puts another case, with all its variants, into this one.
///
/// # Errors
/// See [`GroupingError`].
pub async fn merge(
    app: &App,
    into: CampaignId,
    other: CampaignId,
    order: Order<'_>,
) -> Result<(), GroupingError> {
    let order = order.checked()?;
    if into == other {
        return Err(GroupingError::Itself);
    }
    let now = app.clock.now();
    let tx = app.store.begin().await?;
    let rows = tx.of(app.tenant);
    // in one order, so that two merges wait for each other and not in a circle
    let (first, second) = (into.min(other), into.max(other));
    let (first, second) = (
        held_case(&rows, first).await?,
        held_case(&rows, second).await?,
    );
    let joining = if first.id == into { second } else { first };
    let mut all = rows.variants_of(other, MOST_VARIANTS).await?;
    all.push(joining);
    let moved: Vec<CampaignId> = all.iter().map(|campaign| campaign.id).collect();
    for mut campaign in all {
        campaign.variant_of = Some(into);
        campaign.updated_at = now;
        rows.save_campaign(&campaign).await?;
        rows.forget_apart(into, campaign.id).await?;
    }
    rows.move_members(&moved, order.to(into, now)).await?;
    let line = |on, name: &str, with: CampaignId| {
        let detail = serde_json::json!({ name: with, "reason": order.reason });
        order.event("merged", on, now).with(detail)
    };
    rows.record(vec![line(into, "with", other), line(other, "into", into)])
        .await?;
    tx.commit().await?;
    Ok(())
}

fn of(campaign: CampaignId) -> SubmissionFilter {
    SubmissionFilter {
        campaign: Some(campaign),
        ..SubmissionFilter::default()
    }
}

/// The submissions by the campaigns whose message they are.
async fn parts(
    rows: &Rows<'_>,
    case: CampaignId,
    wanted: &BTreeSet<SubmissionId>,
) -> Result<BTreeMap<CampaignId, BTreeSet<SubmissionId>>, GroupingError> {
    let mut parts: BTreeMap<CampaignId, BTreeSet<SubmissionId>> = BTreeMap::new();
    for id in wanted {
        let found = rows.submission(*id).await?;
        let submission = found.ok_or(GroupingError::NotFound)?;
        let member = rows.membership(*id).await?;
        let (Some(campaign), Some(_)) = (
            submission.campaign,
            member.filter(|member| member.campaign == case),
        ) else {
            return Err(GroupingError::NotMember(*id));
        };
        parts.entry(campaign).or_default().insert(*id);
    }
    Ok(parts)
}

/// A campaign of their own for some submissions of the same message, with the copies
/// that are held for them. The verdict stays; copies that a search found stay with
/// the message's campaign.
async fn divided(
    rows: &Rows<'_>,
    whole: &Campaign,
    part: &BTreeSet<SubmissionId>,
    now: DateTime<Utc>,
) -> Result<Campaign, GroupingError> {
    let under_way = |doing| GroupingError::UnderWay {
        campaign: whole.id,
        doing,
    };
    let remediation = rows.hold_remediation_of(whole.id).await?;
    match remediation.as_ref().map(|r| r.state) {
        Some(RemediationState::Searching) => return Err(under_way("searched")),
        Some(RemediationState::Pulling) => return Err(under_way("pulled")),
        Some(RemediationState::Restoring) => return Err(under_way("restored")),
        Some(RemediationState::Closed | RemediationState::Restored) | None => {}
    }
    for id in part {
        let copies = rows.pulls_of_submission(*id).await?;
        if copies.iter().any(|copy| !copy.snapshot().settled()) {
            return Err(under_way("pulled"));
        }
    }
    let seed = part.first().copied().ok_or(GroupingError::Count)?;
    let id = CampaignId::new(now);
    let campaign = Campaign {
        id,
        seed,
        // further reports of the message go on to join the campaign it had
        exact_key: format!("divided:{id}"),
        variant_of: None,
        decision_version: 1,
        created_at: now,
        updated_at: now,
        ..whole.clone()
    };
    rows.save_campaign(&campaign).await?;
    for one in part {
        let held = rows.hold_submission(*one).await?;
        let mut submission = held.ok_or(GroupingError::NotFound)?;
        submission.campaign = Some(id);
        submission.updated_at = now;
        rows.save_submission(&submission).await?;
        rows.adopt_pulls(*one, id, campaign.decision_version)
            .await?;
    }
    if let Some(known) = remediation {
        // its copies are where the decision wants them: nothing is searched anew
        let own = Remediation {
            id: RemediationId::new(now),
            campaign: id,
            decision_version: campaign.decision_version,
            created_at: now,
            closed_at: Some(now),
            ..known
        };
        rows.save_remediation(&own).await?;
    }
    Ok(campaign)
}
