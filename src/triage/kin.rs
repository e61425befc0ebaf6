//! Which case a message belongs to that is the same as none known: the confirmed seeds
//! that it is a variant of, with the evidence.
//!
//! A variant keeps a campaign of its own, with its own seed, copies and verdict: to
//! join a case pulls nothing. What would have been closed without a look is looked at
//! by a person, because a confirmed attack looks like it.

use chrono::{DateTime, Utc};

use crate::{
    domain::{CampaignId, Verdict},
    message::{Fingerprint, Variant, variant},
    store::{Rows, StoreError, campaign::Campaign, event::Event},
};

/// Seeds that a message is compared with.
const CANDIDATES: u64 = 50;
/// Campaigns taken apart from a case that a message is compared with.
const APART: u64 = 20;

/// The case that a message belongs to, and why.
pub(super) struct Kin {
    /// The case.
    pub case: CampaignId,
    /// The evidence.
    pub evidence: Variant,
}

/// The fingerprint of a campaign's seed.
pub(super) async fn seed_of(
    rows: &Rows<'_>,
    campaign: &Campaign,
) -> Result<Option<Fingerprint>, StoreError> {
    let seed = rows.submission(campaign.seed).await?;
    Ok(seed
        .and_then(|seed| seed.fingerprint)
        .and_then(|print| serde_json::from_value(print).ok()))
}

/// Whether a campaign's seed may be measured against: confirmed malicious, and no
/// variant of another, so that nothing joins over a chain.
fn confirmed(campaign: &Campaign) -> bool {
    campaign.verdict == Verdict::Malicious && campaign.variant_of.is_none()
}

/// The best of the confirmed cases that a message is a variant of. A case is left
/// out from which a person took a campaign that is nearer to the message than it.
pub(super) async fn kin_of(
    rows: &Rows<'_>,
    print: &Fingerprint,
) -> Result<Option<Kin>, StoreError> {
    let keys = print.kin_keys();
    let mut best: Option<Kin> = None;
    for id in rows.campaigns_by_keys(&keys, true, CANDIDATES).await? {
        let Some(campaign) = rows.campaign(id).await?.filter(confirmed) else {
            continue;
        };
        let Some(seed) = seed_of(rows, &campaign).await? else {
            continue;
        };
        let Some(evidence) = variant(&seed, print) else {
            continue;
        };
        let better = best
            .as_ref()
            .is_none_or(|known| evidence.score > known.evidence.score);
        if better && !nearer_elsewhere(rows, id, print, evidence.score).await? {
            best = Some(Kin { case: id, evidence });
        }
    }
    Ok(best)
}

async fn nearer_elsewhere(
    rows: &Rows<'_>,
    case: CampaignId,
    print: &Fingerprint,
    score: f64,
) -> Result<bool, StoreError> {
    for id in rows.apart_from(case, APART).await? {
        let Some(campaign) = rows.campaign(id).await? else {
            continue;
        };
        let nearer = seed_of(rows, &campaign)
            .await?
            .and_then(|seed| variant(&seed, print))
            .is_some_and(|other| other.score >= score);
        if nearer {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Has campaigns that were reported before join a case whose seed has just been
/// confirmed, and which is held: those that are no case of their own (not malicious,
/// without variants) and that nobody took apart from it.
pub(super) async fn gather(
    rows: &Rows<'_>,
    case: &Campaign,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if !confirmed(case) {
        return Ok(());
    }
    let Some(seed) = seed_of(rows, case).await? else {
        return Ok(());
    };
    let apart = rows.apart_from(case.id, 1_000).await?;
    let keys = seed.kin_keys();
    for id in rows.campaigns_by_keys(&keys, false, CANDIDATES).await? {
        if id == case.id || apart.contains(&id) {
            continue;
        }
        let Some(other) = rows.campaign(id).await? else {
            continue;
        };
        let free = other.variant_of.is_none()
            && other.verdict != Verdict::Malicious
            && rows.variants_of(id, 1).await?.is_empty();
        let Some(print) = seed_of(rows, &other).await?.filter(|_| free) else {
            continue;
        };
        let Some(evidence) = variant(&seed, &print) else {
            continue;
        };
        if nearer_elsewhere(rows, case.id, &print, evidence.score).await? {
            continue;
        }
        let Some(mut other) = rows.hold_campaign(id).await? else {
            continue;
        };
        // It may have been decided, or joined, since it was read.
        if other.variant_of.is_some() || other.verdict == Verdict::Malicious {
            continue;
        }
        other.variant_of = Some(case.id);
        other.updated_at = now;
        rows.save_campaign(&other).await?;
        let why = (evidence.score, evidence.reasons.as_slice());
        rows.join_members(id, case.id, why, now).await?;
        rows.record(joined(&other, case.id, &evidence, now)).await?;
    }
    Ok(())
}

/// The lines that say that a variant joined: on its own page and on the case's.
pub(super) fn joined(
    campaign: &Campaign,
    case: CampaignId,
    evidence: &Variant,
    now: DateTime<Utc>,
) -> Vec<Event> {
    let line = |on: CampaignId, name: &str, other: CampaignId| {
        Event::new("joined", now).of(on).with(serde_json::json!({
            name: other,
            "score": evidence.score,
            "because": evidence.reasons.join("; "),
        }))
    };
    vec![
        line(campaign.id, "case", case),
        line(case, "variant", campaign.id),
    ]
}
