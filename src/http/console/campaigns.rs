//! `GET /console/campaigns`: attacks, and how far each is cleaned up.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    chip::{Bar, Chip},
    fault::PageError,
    guard::Signed,
    page,
    sample::Words,
    shell::Shell,
    text::{Plain, grouped},
    when::When,
};
use crate::{
    domain::{SearchKind, VerdictSource},
    store::{
        PageRequest,
        campaign::Campaign,
        pull::PullCounts,
        remediation::{Remediation, RemediationState},
        submission::SubmissionFilter,
    },
};

/// Few rows: each costs three look-ups.
const ROWS: u64 = 25;

/// A campaign with what is counted for its row.
pub(super) struct Counted {
    pub(super) campaign: Campaign,
    pub(super) remediation: Option<Remediation>,
    /// Why its search waits for an administrator, if it does.
    pub(super) paused: Option<String>,
    pub(super) pulls: PullCounts,
    pub(super) submissions: u64,
}

struct Row {
    path: String,
    title: Plain,
    sender: Plain,
    chip: Chip,
    by_analyst: bool,
    submissions: u64,
    state: Option<Chip>,
    bar: Bar,
    pulled: String,
    found: String,
    at: When,
}

/// How many copies there are to pull: found, and neither gone by themselves nor
/// left alone because they turned out to be something else.
pub(super) const fn targets(pulls: &PullCounts) -> u64 {
    pulls.found.saturating_sub(pulls.gone + pulls.changed)
}

/// How far a remediation is, as a mark.
pub(super) fn state_chip(remediation: &Remediation, paused: bool) -> Chip {
    match remediation.state {
        _ if paused => Chip::alert("Paused"),
        RemediationState::Searching => Chip::busy("Searching"),
        RemediationState::Pulling => Chip::busy("Pulling"),
        RemediationState::Restoring => Chip::busy("Restoring"),
        RemediationState::Closed => Chip::done("Closed"),
        RemediationState::Restored => Chip::done("Put back"),
    }
}

impl Row {
    fn of(counted: &Counted, now: DateTime<Utc>) -> Self {
        let Counted {
            campaign,
            remediation,
            paused,
            pulls,
            submissions,
        } = counted;
        let settled = pulls.found - pulls.pending.min(pulls.found);
        Self {
            path: format!("/console/campaigns/{}", campaign.id),
            title: Plain::line(campaign.title.as_deref().unwrap_or_default(), 160),
            sender: Plain::line(campaign.sender.as_deref().unwrap_or_default(), 120),
            chip: Chip::verdict(Some(campaign.verdict)),
            by_analyst: campaign.verdict_source == VerdictSource::Analyst,
            submissions: *submissions,
            state: remediation
                .as_ref()
                .map(|r| state_chip(r, paused.is_some())),
            bar: Bar::progress(settled, pulls.found),
            pulled: grouped(pulls.pulled),
            found: grouped(targets(pulls)),
            at: When::of(campaign.created_at, now),
        }
    }
}

#[derive(Template)]
#[template(path = "campaigns.html")]
struct CampaignsPage {
    shell: Shell,
    rows: Vec<Row>,
    first: bool,
    older: Option<String>,
}

/// From where on.
#[derive(Deserialize)]
pub(super) struct After {
    pub(super) after: Option<String>,
}

/// `GET /console/campaigns`
pub(super) async fn show(
    signed: Signed,
    query: web::Query<After>,
) -> Result<HttpResponse, PageError> {
    let rows = signed.app.store.read(signed.session.tenant);
    let request = PageRequest {
        after: query.after.clone(),
        ..PageRequest::first(ROWS)
    };
    let found = rows.campaigns(None, &request).await?;
    let older = found
        .next
        .as_ref()
        .map(|id| format!("/console/campaigns?after={id}"));
    let mut shown = Vec::with_capacity(found.items.len());
    for campaign in found.items {
        let of_it = SubmissionFilter {
            campaign: Some(campaign.id),
            ..SubmissionFilter::default()
        };
        let counted = Counted {
            remediation: rows.remediation_of(campaign.id).await?,
            paused: rows
                .last_search(campaign.id, SearchKind::Pull)
                .await?
                .and_then(|search| search.paused_reason),
            pulls: rows.count_pulls(campaign.id).await?,
            submissions: rows.count_submissions(&of_it).await?,
            campaign,
        };
        shown.push(Row::of(&counted, signed.now));
    }
    let shell = Shell::of(&signed, "campaigns").await?.looking_again(20);
    page(&CampaignsPage {
        shell,
        rows: shown,
        first: query.after.is_none(),
        older,
    })
}

/// Campaigns in every state, or none.
///
/// # Errors
/// When the template fails.
pub fn sample(words: &Words, empty: bool) -> Result<String, askama::Error> {
    let shell = Shell::sample("campaigns", &words.say("SOC desk"));
    let all = if empty {
        Vec::new()
    } else {
        super::sample::campaigns(words).into()
    };
    let rows = all
        .iter()
        .map(|c| Row::of(c, super::sample::now()))
        .collect();
    CampaignsPage {
        shell,
        rows,
        first: true,
        older: None,
    }
    .render()
}
