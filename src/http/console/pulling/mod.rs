//! `GET /console/pulls`: large pulls that wait for a second person, the kill switch, and
//! what is held back.

pub(super) mod actions;

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    campaign::key_names,
    chip::{Bar, Chip},
    fault::PageError,
    guard::Signed,
    page,
    sample::Words,
    shell::{Done, Shell},
    text::{Plain, grouped},
    timeline::Names,
    when::When,
};
use crate::{
    auth::Scope,
    domain::{ApprovalState, CampaignId, StopScope},
    store::{PageRequest, approval::Approval, pull_stop::PullStop},
};

const REQUESTS: u64 = 25;
const WAITING: u64 = 50;

struct StopRow {
    word: &'static str,
    what: &'static str,
    by: Plain,
    reason: Plain,
    since: When,
}

struct RequestRow {
    id: String,
    path: String,
    title: Plain,
    chip: Chip,
    mailboxes: String,
    number: u64,
    copies: String,
    asked_by: Plain,
    asked: When,
    /// Who answered, and what they said.
    answer: Option<(Plain, Plain)>,
    until: Option<When>,
    open: bool,
    given: bool,
    own: bool,
}

struct WaitingRow {
    path: String,
    title: Plain,
    copies: String,
}

/// A request with the title of its campaign.
pub(super) struct Titled<T> {
    pub(super) of: T,
    pub(super) title: Option<String>,
}

/// Everything the page is made of.
pub(super) struct Material {
    pub(super) stops: Vec<PullStop>,
    pub(super) requests: Vec<Titled<Approval>>,
    pub(super) older: Option<String>,
    pub(super) waiting: Vec<Titled<(CampaignId, u64)>>,
    pub(super) moved_today: u64,
    pub(super) daily_budget: u64,
    pub(super) names: Names,
    /// Who looks: their own pulls they cannot approve.
    pub(super) actor: String,
}

#[derive(Template)]
#[template(path = "pulls.html")]
struct PullsPage {
    shell: Shell,
    stops: Vec<StopRow>,
    all_stopped: bool,
    automatic_stopped: bool,
    moved: String,
    budget: String,
    bar: Bar,
    requests: Vec<RequestRow>,
    older: Option<String>,
    waiting: Vec<WaitingRow>,
    may_stop: bool,
    may_approve: bool,
}

fn who(actor: &str, names: &Names) -> Plain {
    let name = match actor {
        "unhook" => "Unhook",
        other => names.get(other).map_or(other, String::as_str),
    };
    Plain::line(name, 60)
}

fn stop_row(stop: &PullStop, names: &Names, now: DateTime<Utc>) -> StopRow {
    StopRow {
        word: stop.scope.as_str(),
        what: match stop.scope {
            StopScope::All => "Every pull",
            StopScope::Automatic => "Automatic pulls",
        },
        by: who(&stop.by, names),
        reason: Plain::line(&stop.reason, 300),
        since: When::of(stop.since, now),
    }
}

const fn chip(state: ApprovalState) -> Chip {
    match state {
        ApprovalState::Open => Chip::alert("Waits"),
        ApprovalState::Given => Chip::done("Approved"),
        ApprovalState::Refused => Chip::failed("Refused"),
        ApprovalState::Withdrawn => Chip::failed("Withdrawn"),
        ApprovalState::Expired => Chip::failed("Expired"),
        ApprovalState::Superseded => Chip::failed("Superseded"),
    }
}

fn request_row(titled: &Titled<Approval>, material: &Material, now: DateTime<Utc>) -> RequestRow {
    let Titled { of: request, title } = titled;
    let names = &material.names;
    let asked_by = request.asked_by.as_deref();
    RequestRow {
        id: request.id.to_string(),
        path: format!("/console/campaigns/{}", request.campaign),
        title: Plain::line(title.as_deref().unwrap_or_default(), 120),
        chip: chip(request.state),
        mailboxes: grouped(request.mailboxes),
        number: request.mailboxes,
        copies: grouped(request.copies),
        asked_by: asked_by.map_or_else(|| Plain::line("policy", 60), |by| who(by, names)),
        asked: When::of(request.asked_at, now),
        answer: request.decided_by.as_deref().map(|by| {
            let reason = request.reason.as_deref().unwrap_or_default();
            (who(by, names), Plain::line(reason, 300))
        }),
        until: request.expires_at.map(|until| When::of(until, now)),
        open: request.state == ApprovalState::Open,
        given: request.state == ApprovalState::Given,
        own: asked_by == Some(material.actor.as_str()),
    }
}

impl PullsPage {
    fn of(
        shell: Shell,
        (may_stop, may_approve): (bool, bool),
        material: &Material,
        now: DateTime<Utc>,
    ) -> Self {
        let stopped = |scope| material.stops.iter().any(|stop| stop.scope == scope);
        Self {
            shell,
            stops: material
                .stops
                .iter()
                .map(|stop| stop_row(stop, &material.names, now))
                .collect(),
            all_stopped: stopped(StopScope::All),
            automatic_stopped: stopped(StopScope::Automatic),
            moved: grouped(material.moved_today),
            budget: grouped(material.daily_budget),
            bar: Bar::progress(material.moved_today, material.daily_budget),
            requests: material
                .requests
                .iter()
                .map(|request| request_row(request, material, now))
                .collect(),
            older: material
                .older
                .as_ref()
                .map(|id| format!("/console/pulls?after={id}")),
            waiting: material
                .waiting
                .iter()
                .map(|waiting| WaitingRow {
                    path: format!("/console/campaigns/{}", waiting.of.0),
                    title: Plain::line(waiting.title.as_deref().unwrap_or_default(), 120),
                    copies: grouped(waiting.of.1),
                })
                .collect(),
            may_stop,
            may_approve,
        }
    }
}

/// What was just done, and from which request on.
#[derive(Deserialize)]
pub(super) struct PullsQuery {
    #[serde(default)]
    done: Done,
    after: Option<String>,
}

/// `GET /console/pulls`
pub(super) async fn show(
    signed: Signed,
    query: web::Query<PullsQuery>,
) -> Result<HttpResponse, PageError> {
    signed.require(Scope::PullsRead)?;
    let material = gathered(&signed, query.after.clone()).await?;
    let shell = Shell::of(&signed, "pulls")
        .await?
        .saying(query.done)
        .looking_again(10);
    let may = (
        signed.may(Scope::PullsWrite),
        signed.may(Scope::PullsApprove),
    );
    page(&PullsPage::of(shell, may, &material, signed.now))
}

async fn gathered(signed: &Signed, after: Option<String>) -> Result<Material, PageError> {
    let rows = signed.app.store.read(signed.session.tenant);
    let request = PageRequest {
        after,
        ..PageRequest::first(REQUESTS)
    };
    let found = rows.approvals(None, &request).await?;
    let mut requests = Vec::new();
    for of in found.items {
        let title = rows.campaign(of.campaign).await?.and_then(|c| c.title);
        requests.push(Titled { of, title });
    }
    let mut waiting = Vec::new();
    for of in rows.waiting_by_campaign(WAITING).await? {
        let title = rows.campaign(of.0).await?.and_then(|c| c.title);
        waiting.push(Titled { of, title });
    }
    Ok(Material {
        stops: rows.pull_stops().await?,
        requests,
        older: found.next,
        waiting,
        moved_today: rows.moved_today(signed.now).await?,
        daily_budget: signed.app.config.pull.daily_budget,
        names: key_names(signed).await?,
        actor: signed.actor(),
    })
}

/// With requests in every state and a stop, or nothing of either.
///
/// # Errors
/// When the template fails.
pub fn sample(words: &Words, empty: bool) -> Result<String, askama::Error> {
    let shell = Shell::sample("pulls", &words.say("SOC desk"));
    let material = super::sample::pulls_material(words, empty);
    PullsPage::of(shell, (true, true), &material, super::sample::now()).render()
}
