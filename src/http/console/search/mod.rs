//! `GET /console/searches/{id}`: one search: its plan and what that costs, how far it
//! is, what it found and left out, and its receipt.

pub(super) mod actions;
pub(super) mod export;
pub(super) mod receipt;
pub(super) mod rows;

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use self::rows::{GapRow, HitRow, WayRow, kind_of, state_chip};
use super::{
    chip::{Bar, Chip},
    fault::PageError,
    guard::Signed,
    page,
    sample::Words,
    shell::{Done, Shell},
    text::{Plain, grouped},
    when::When,
};
use crate::{
    auth::Scope,
    domain::{HitOutcome, SearchId},
    store::{
        Page, PageRequest,
        search::{Gap, Hit, MailboxCounts, Search},
    },
};

const HITS: u64 = 100;
const GAPS: u64 = 200;

/// Everything the page is made of.
pub(super) struct Material {
    pub(super) search: Search,
    pub(super) counts: MailboxCounts,
    pub(super) hits: Page<Hit>,
    pub(super) shown: Option<HitOutcome>,
    pub(super) gaps: Vec<Gap>,
}

struct Tally {
    label: &'static str,
    count: String,
    tone: &'static str,
}

struct Note {
    label: &'static str,
    text: Plain,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    shell: Shell,
    id: String,
    title: &'static str,
    campaign: Option<String>,
    chip: Chip,
    asked: When,
    paused: Option<Plain>,
    looks_for: Vec<Plain>,
    notes: Vec<Note>,
    ways: Vec<WayRow>,
    calls: String,
    bound: String,
    least: String,
    bar: Bar,
    searched: String,
    expected: String,
    tallies: Vec<Tally>,
    gaps: Vec<GapRow>,
    hits: Vec<HitRow>,
    dry: bool,
    shown: &'static str,
    older: Option<String>,
    exposed: Vec<Plain>,
    over: bool,
}

fn tallies(search: &Search, counts: &MailboxCounts) -> Vec<Tally> {
    [
        ("Found", search.progress.found, "good"),
        ("Left out", search.progress.decoys, "calm"),
        ("Waiting", counts.waiting, "info"),
        ("Trying again", counts.retrying, "warn"),
        ("Out of reach", counts.unreachable, "bad"),
        ("Not to be searched", counts.excluded, "calm"),
        ("Calls made", search.progress.made.calls, "calm"),
    ]
    .into_iter()
    .map(|(label, n, tone)| Tally {
        label,
        count: grouped(n),
        tone: if n == 0 { "zero" } else { tone },
    })
    .collect()
}

fn notes(search: &Search) -> Vec<Note> {
    let plan = &search.plan;
    let mut notes = Vec::new();
    let mut note = |label, text: &str| {
        notes.push(Note {
            label,
            text: Plain::line(text, 300),
        });
    };
    if let Some(why) = &plan.unsearchable {
        note("Nothing can be looked for", why);
    }
    if let Some(why) = &plan.no_variants {
        note("Variants are not looked for", why);
    }
    for list in &plan.lists {
        let remark = list.remark.as_deref().unwrap_or_default();
        let kind = list.kind.replace('_', " ");
        note(
            "List",
            &format!(
                "{} ({kind}): {} mailboxes. {remark}",
                list.address, list.members
            ),
        );
    }
    for record in &plan.records {
        let whole = if record.complete { "" } else { ", not whole" };
        let remark = record.remark.as_deref().unwrap_or_default();
        note(
            "Records",
            &format!(
                "{}: {} recipients{whole}. {remark}",
                record.source, record.recipients
            ),
        );
    }
    if plan.directory.kept > 0 {
        note(
            "Directory",
            &format!(
                "{} entries were missing from the last reading and are kept: too many at once",
                plan.directory.kept
            ),
        );
    }
    for doubt in &search.progress.doubts {
        note("In doubt", doubt);
    }
    for remark in &search.progress.remarks {
        note("Note", remark);
    }
    notes
}

impl SearchPage {
    fn of(shell: Shell, material: &Material, now: DateTime<Utc>) -> Self {
        let Material {
            search,
            counts,
            hits,
            shown,
            gaps,
        } = material;
        let plan = &search.plan;
        let shown = shown.map_or("", HitOutcome::as_str);
        Self {
            shell,
            id: search.id.to_string(),
            title: kind_of(search),
            campaign: search.campaign.map(|id| id.to_string()),
            chip: state_chip(search),
            asked: When::of(search.created_at, now),
            paused: search
                .paused_reason
                .as_deref()
                .map(|reason| Plain::line(reason, 300)),
            looks_for: plan
                .looks_for
                .iter()
                .map(|words| Plain::defanged(words, 300))
                .collect(),
            notes: notes(search),
            ways: plan.ways.iter().map(WayRow::of).collect(),
            calls: grouped(plan.calls()),
            bound: grouped(plan.bound),
            least: rows::span(plan.least_ms),
            bar: Bar::progress(counts.searched, counts.expected),
            searched: grouped(counts.searched),
            expected: grouped(counts.expected),
            tallies: tallies(search, counts),
            gaps: gaps.iter().map(GapRow::of).collect(),
            hits: hits.items.iter().map(|hit| HitRow::of(hit, now)).collect(),
            dry: search.remediation.is_none(),
            shown,
            older: hits.next.as_ref().map(|after| {
                let after: String =
                    url::form_urlencoded::byte_serialize(after.as_bytes()).collect();
                format!(
                    "/console/searches/{}?outcome={shown}&after={after}",
                    search.id
                )
            }),
            exposed: search
                .progress
                .exposed
                .iter()
                .take(50)
                .map(|a| Plain::defanged(a, 120))
                .collect(),
            over: search.is_over(),
        }
    }
}

/// What was just done, which hits, and from which one on.
#[derive(Deserialize)]
pub(super) struct SearchQuery {
    #[serde(default)]
    done: Done,
    outcome: Option<String>,
    after: Option<String>,
}

/// `GET /console/searches/{id}`
pub(super) async fn show(
    signed: Signed,
    path: web::Path<String>,
    query: web::Query<SearchQuery>,
) -> Result<HttpResponse, PageError> {
    signed.require(Scope::PullsRead)?;
    let id = path.parse::<SearchId>().map_err(|_| PageError::NotFound)?;
    let rows = signed.app.store.read(signed.session.tenant);
    let search = rows.search(id).await?.ok_or(PageError::NotFound)?;
    let shown: Option<HitOutcome> = query.outcome.as_deref().and_then(|word| word.parse().ok());
    let page_of = PageRequest {
        after: query.after.clone(),
        ..PageRequest::first(HITS)
    };
    let material = Material {
        counts: rows.count_search(id).await?,
        hits: rows.hits(id, shown, &page_of).await?,
        gaps: rows.gaps(id, &PageRequest::first(GAPS)).await?.items,
        shown,
        search,
    };
    let shell = Shell::of(&signed, "searches")
        .await?
        .saying(query.done)
        .looking_again(if material.search.is_over() { 0 } else { 2 });
    page(&SearchPage::of(shell, &material, signed.now))
}

/// A dry run with copies, a decoy and gaps.
///
/// # Errors
/// When the template fails.
pub fn sample(words: &Words) -> Result<String, askama::Error> {
    let shell = Shell::sample("searches", &words.say("SOC desk"));
    let material = super::sample::search_material(words);
    SearchPage::of(shell, &material, super::sample::now()).render()
}
