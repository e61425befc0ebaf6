//! `GET /console/campaigns/{id}`: one attack: how far the search is, where every
//! copy is, what could not be reached, and the way back.

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    campaigns::{Counted, state_chip, targets},
    case::{self, Case},
    chip::{Bar, Chip},
    fault::PageError,
    guard::Signed,
    page,
    sample::Words,
    search::rows::gap_chip,
    shell::{Done, Shell},
    staging::Staging,
    submission::pulls::{PullRow, platform},
    text::{Plain, grouped},
    timeline::{Line, Names, lines},
    when::{When, brief},
};
use crate::{
    auth::Scope,
    config::pull::PullLimits,
    domain::{CampaignId, VerdictSource},
    http::viewed,
    store::{
        Page, PageRequest,
        event::Event,
        pull::Pull,
        remediation::RemediationState,
        search::{Gap, Searched},
        staged::Staged,
        submission::{Submission, SubmissionFilter},
        watch::Watch,
    },
};

const PULLS: u64 = 100;
const SUBMISSIONS: u64 = 20;
const GAPS: u64 = 200;

struct Meter {
    label: &'static str,
    part: String,
    whole: String,
    bar: Bar,
}

struct Tally {
    label: &'static str,
    count: String,
    tone: &'static str,
}

/// How late copies are looked for.
struct Watching {
    until: When,
    next: Option<When>,
    resurfaced: Option<String>,
}

impl Watching {
    /// Nothing to say of a watch that belonged to an earlier decision.
    fn of(watch: &Watch, version: i32, now: DateTime<Utc>) -> Option<Self> {
        (watch.decision_version == version).then(|| Self {
            until: When::of(watch.until, now),
            next: watch.next_round.map(|next| When::of(next, now)),
            resurfaced: u64::try_from(watch.resurfaced)
                .ok()
                .filter(|copies| *copies > 0)
                .map(grouped),
        })
    }
}

struct GapRow {
    mailbox: Plain,
    provider: &'static str,
    reason: Plain,
    state: Chip,
    attempts: i32,
}

struct SubmissionRow {
    path: String,
    subject: Plain,
    mailbox: Plain,
    reports: i32,
    at: When,
}

/// Everything the page is made of.
pub(super) struct Material {
    pub(super) counted: Counted,
    pub(super) searched: Option<Searched>,
    pub(super) gaps: Vec<Gap>,
    pub(super) watch: Option<Watch>,
    /// How far it may go, with the limits that say so.
    pub(super) staged: Option<(PullLimits, Staged)>,
    /// `None` for a key without `pulls:read`.
    pub(super) pulls: Option<Page<Pull>>,
    pub(super) last_settled: Option<DateTime<Utc>>,
    pub(super) submissions: Vec<Submission>,
    pub(super) events: Vec<Event>,
    pub(super) names: Names,
    pub(super) case: case::Material,
}

#[derive(Template)]
#[template(path = "campaign.html")]
struct CampaignPage {
    shell: Shell,
    id: String,
    title: Plain,
    sender: Plain,
    chip: Chip,
    by: &'static str,
    opened: When,
    state: Option<Chip>,
    paused: Option<Plain>,
    meters: Vec<Meter>,
    tallies: Vec<Tally>,
    took: Option<String>,
    watch: Option<Watching>,
    staging: Option<Staging>,
    may_approve: bool,
    may_object: bool,
    exposed: Vec<Plain>,
    gaps: Vec<GapRow>,
    search: Option<String>,
    may_search: bool,
    pulls: Vec<PullRow>,
    may_see_copies: bool,
    older: Option<String>,
    may_restore: bool,
    restorable: bool,
    submissions: Vec<SubmissionRow>,
    lines: Vec<Line>,
    case: Case,
}

fn meters(counted: &Counted, searched: Option<&Searched>) -> Vec<Meter> {
    let Some(remediation) = &counted.remediation else {
        return Vec::new();
    };
    let counts = searched.map(|s| s.counts).unwrap_or_default();
    let (whole, searched) = (counts.expected, counts.searched);
    let pulls = counted.pulls;
    let meter = |label, part, whole| Meter {
        label,
        part: grouped(part),
        whole: grouped(whole),
        bar: Bar::progress(part, whole),
    };
    let restoring = pulls.restored > 0 || remediation.state.is_put_back();
    let (label, done) = if restoring {
        ("Copies restored", pulls.restored)
    } else {
        ("Copies pulled", pulls.pulled)
    };
    vec![
        meter("Mailboxes searched", searched, whole),
        meter(label, done, targets(&pulls)),
    ]
}

fn tallies(counted: &Counted, gaps: usize) -> Vec<Tally> {
    let pulls = counted.pulls;
    let gaps = u64::try_from(gaps).unwrap_or(u64::MAX);
    [
        ("In quarantine", pulls.pulled, "good"),
        ("On their way", pulls.pending, "info"),
        ("Restored", pulls.restored, "calm"),
        ("Gone already", pulls.gone, "calm"),
        ("Left alone", pulls.changed, "calm"),
        ("Gave up", pulls.failed, "bad"),
        ("Not searched", gaps, "warn"),
    ]
    .into_iter()
    .map(|(label, n, tone)| Tally {
        label,
        count: grouped(n),
        tone: if n == 0 { "zero" } else { tone },
    })
    .collect()
}

fn gap_row(gap: &Gap) -> GapRow {
    GapRow {
        mailbox: Plain::line(gap.mailbox.address.as_str(), 120),
        provider: platform(gap.mailbox.provider),
        reason: Plain::line(&gap.reason, 300),
        state: gap_chip(gap.state),
        attempts: gap.attempts,
    }
}

fn submission_row(submission: &Submission, now: DateTime<Utc>) -> SubmissionRow {
    let mailbox = submission
        .mailbox
        .as_ref()
        .map(|m| m.as_str())
        .unwrap_or_default();
    SubmissionRow {
        path: format!("/console/submissions/{}", submission.id),
        subject: Plain::line(submission.subject.as_deref().unwrap_or_default(), 120),
        mailbox: Plain::line(mailbox, 120),
        reports: submission.reports,
        at: When::of(submission.created_at, now),
    }
}

impl CampaignPage {
    fn of(
        shell: Shell,
        (may_restore, may_change, may_approve): (bool, bool, bool),
        material: &Material,
        now: DateTime<Utc>,
    ) -> Self {
        let Material {
            counted,
            gaps,
            pulls,
            ..
        } = material;
        let campaign = &counted.campaign;
        let remediation = counted.remediation.as_ref();
        let took = remediation
            .filter(|r| r.state == RemediationState::Closed && counted.pulls.restored == 0)
            .and_then(|r| Some(brief(material.last_settled? - r.created_at)));
        let searched = material.searched.as_ref();
        let exposed = searched
            .map(|s| s.search.progress.exposed.as_slice())
            .unwrap_or_default();
        let older = pulls.as_ref().and_then(|page| page.next.as_ref());
        let copies = pulls.as_ref().map_or(&[][..], |page| &page.items);
        Self {
            shell,
            id: campaign.id.to_string(),
            title: Plain::line(campaign.title.as_deref().unwrap_or_default(), 200),
            sender: Plain::line(campaign.sender.as_deref().unwrap_or_default(), 120),
            chip: Chip::verdict(Some(campaign.verdict)),
            by: match campaign.verdict_source {
                VerdictSource::Analyst => "an analyst",
                VerdictSource::Policy => "policy",
            },
            opened: When::of(campaign.created_at, now),
            state: remediation.map(|r| state_chip(r, counted.paused.is_some())),
            paused: counted
                .paused
                .as_deref()
                .map(|reason| Plain::line(reason, 300)),
            meters: meters(counted, searched),
            tallies: tallies(counted, gaps.len()),
            took,
            watch: remediation
                .and_then(|r| Watching::of(material.watch.as_ref()?, r.decision_version, now)),
            staging: material
                .staged
                .as_ref()
                .and_then(|(limits, staged)| Staging::of(limits, staged, &material.names, now)),
            may_approve,
            may_object: may_change,
            exposed: exposed
                .iter()
                .take(50)
                .map(|a| Plain::defanged(a, 120))
                .collect(),
            gaps: gaps.iter().take(200).map(gap_row).collect(),
            search: searched.map(|s| s.search.id.to_string()),
            may_search: pulls.is_some(),
            pulls: copies.iter().map(|p| PullRow::of(p, now)).collect(),
            may_see_copies: pulls.is_some(),
            older: older.map(|after| format!("/console/campaigns/{}?after={after}", campaign.id)),
            may_restore,
            restorable: copies.iter().any(PullRow::restorable),
            submissions: material
                .submissions
                .iter()
                .map(|s| submission_row(s, now))
                .collect(),
            case: Case::of(campaign, &material.case, &material.names, may_change, now),
            lines: lines(&material.events, &material.names, None, now),
        }
    }
}

/// What was just done, and from which pull on.
#[derive(Deserialize)]
pub(super) struct CampaignQuery {
    #[serde(default)]
    done: Done,
    after: Option<String>,
}

/// `GET /console/campaigns/{id}`
pub(super) async fn show(
    signed: Signed,
    path: web::Path<String>,
    query: web::Query<CampaignQuery>,
) -> Result<HttpResponse, PageError> {
    let id = path
        .parse::<CampaignId>()
        .map_err(|_| PageError::NotFound)?;
    let material = gathered(&signed, id, query.after.clone()).await?;
    if !material.case.variants.is_empty() {
        // Their texts stand side by side.
        viewed::note(&signed.app, id, &signed.actor(), "compared").await?;
    }
    let moving = material
        .counted
        .remediation
        .as_ref()
        .is_some_and(|r| !r.state.is_over());
    let shell = Shell::of(&signed, "campaigns")
        .await?
        .saying(query.done)
        .looking_again(if moving { 4 } else { 30 });
    let may_restore = signed.may(Scope::PullsWrite);
    let may_change = signed.may(Scope::VerdictsWrite);
    let may = (may_restore, may_change, signed.may(Scope::PullsApprove));
    page(&CampaignPage::of(shell, may, &material, signed.now))
}

async fn gathered(
    signed: &Signed,
    id: CampaignId,
    after: Option<String>,
) -> Result<Material, PageError> {
    let rows = signed.app.store.read(signed.session.tenant);
    let campaign = rows.campaign(id).await?.ok_or(PageError::NotFound)?;
    let of_it = SubmissionFilter {
        campaign: Some(id),
        ..SubmissionFilter::default()
    };
    let remediation = rows.remediation_of(id).await?;
    let searched = rows.searched(id).await?;
    let gaps = match &searched {
        Some(searched) => {
            let first = PageRequest::first(GAPS);
            rows.gaps(searched.search.id, &first).await?.items
        }
        None => Vec::new(),
    };
    let watch = match &remediation {
        Some(remediation) => rows.watch(remediation.id).await?,
        None => None,
    };
    let page = PageRequest {
        after,
        ..PageRequest::first(PULLS)
    };
    let submissions = rows
        .submissions(&of_it, &PageRequest::first(SUBMISSIONS))
        .await?;
    let staged = rows.staged(id).await?;
    Ok(Material {
        gaps,
        watch,
        staged: staged.map(|staged| (signed.app.config.pull.clone(), staged)),
        pulls: if signed.may(Scope::PullsRead) {
            Some(rows.pulls(Some(id), &page).await?)
        } else {
            None
        },
        last_settled: rows.last_settled(id).await?,
        submissions: submissions.items,
        events: rows.timeline(None, Some(id)).await?,
        names: key_names(signed).await?,
        case: case::gathered(signed, &campaign).await?,
        counted: Counted {
            campaign,
            remediation,
            paused: searched
                .as_ref()
                .and_then(|s| s.search.paused_reason.clone()),
            pulls: rows.count_pulls(id).await?,
            submissions: rows.count_submissions(&of_it).await?,
        },
        searched,
    })
}

/// The names of all keys, to say who acted.
pub(super) async fn key_names(signed: &Signed) -> Result<Names, PageError> {
    let keys = signed
        .app
        .store
        .read(signed.session.tenant)
        .api_keys()
        .await?;
    Ok(keys
        .into_iter()
        .map(|key| (key.id.to_string(), key.name))
        .collect())
}

/// A campaign that is being pulled, with gaps.
///
/// # Errors
/// When the template fails.
pub fn sample(words: &Words) -> Result<String, askama::Error> {
    let shell = Shell::sample("campaigns", &words.say("SOC desk"));
    let material = super::sample::campaign_material(words);
    CampaignPage::of(shell, (true, true, true), &material, super::sample::now()).render()
}
