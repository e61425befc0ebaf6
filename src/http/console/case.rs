//! The parts of a campaign's page that are about its case: variants side by side,
//! members with why, targets by department, who clicked; and what takes cases apart
//! and together.

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_DISPOSITION, LOCATION},
    web,
};
use askama::{Template, filters::HtmlSafe};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    chip::Chip,
    fault::PageError,
    guard::{Change, Signed},
    text::{Plain, grouped},
    timeline::Names,
    when::When,
};
use crate::{
    auth::Scope,
    domain::{CampaignId, SubmissionId},
    http::{
        clicks as table,
        contrast::{Contrast, Stretch, contrast},
    },
    store::{
        PageRequest,
        campaign::Campaign,
        click::Clicker,
        membership::{How, Membership},
        submission::{Submission, SubmissionFilter},
        target::Targets,
    },
    triage::{
        clicks,
        grouping::{self, GroupingError, MOST_SPLIT, MOST_VARIANTS, Order},
    },
};

/// Variants that are compared on the page.
const VARIANTS: usize = 6;
/// Members that are listed.
const MEMBERS: u64 = 50;
/// Departments that are listed.
const DEPARTMENTS: u64 = 12;
/// People that are listed; all of them are in the table.
const PEOPLE: usize = 20;
/// Stretches of one text, and characters of them all.
const STRETCHES: usize = 60;
const CHARS: usize = 4_000;

/// What the parts are made of.
#[derive(Default)]
pub(super) struct Material {
    /// The seed's submission.
    pub(super) seed: Option<Submission>,
    /// Variants with their seeds' submissions and why they belong to the case.
    pub(super) variants: Vec<(Campaign, Submission, Option<Membership>)>,
    /// How many variants there are.
    pub(super) all_variants: usize,
    /// Members, the latest first, with what they look like.
    pub(super) members: Vec<(Membership, Option<Submission>)>,
    /// How many there are.
    pub(super) all_members: u64,
    /// Reports of the case.
    pub(super) reports: u64,
    /// Whom it reached.
    pub(super) targets: Vec<Targets>,
    /// Who clicked.
    pub(super) people: Vec<Clicker>,
}

/// A stretch of a text, ready to be shown.
pub(super) struct Part {
    pub(super) text: Plain,
    pub(super) differs: bool,
}

/// A text in stretches; those that the seed lacks are marked.
#[derive(Template)]
#[template(
    source = "{% for part in all %}{% if part.differs %}<mark><bdi>{{ part.text }}</bdi></mark>{% else %}<bdi>{{ part.text }}</bdi>{% endif %} {% endfor %}",
    ext = "html"
)]
pub(super) struct Marked {
    all: Vec<Part>,
}

impl HtmlSafe for Marked {}

/// One message of the case in the comparison.
pub(super) struct Column {
    pub(super) path: String,
    pub(super) id: String,
    pub(super) head: &'static str,
    pub(super) chip: Chip,
    pub(super) subject: Marked,
    pub(super) sender: Marked,
    pub(super) links: Vec<Part>,
    pub(super) text: Marked,
    pub(super) why: Vec<Plain>,
    /// Whether it can be split off.
    pub(super) leaves: bool,
}

/// A member and why it is one.
pub(super) struct Member {
    pub(super) path: String,
    pub(super) id: String,
    pub(super) subject: Plain,
    pub(super) how: &'static str,
    pub(super) score: String,
    pub(super) why: Plain,
    pub(super) by: Option<Plain>,
    pub(super) at: When,
    /// Whether it can be taken out.
    pub(super) leaves: bool,
}

pub(super) struct Department {
    pub(super) name: Plain,
    pub(super) mailboxes: String,
}

pub(super) struct Person {
    pub(super) user: Plain,
    pub(super) clicks: i64,
    pub(super) at: When,
}

/// The parts, ready to be shown.
pub(super) struct Case {
    pub(super) variant_of: Option<String>,
    pub(super) columns: Vec<Column>,
    pub(super) more_variants: usize,
    pub(super) members: Vec<Member>,
    pub(super) all_members: String,
    pub(super) reports: String,
    pub(super) departments: Vec<Department>,
    pub(super) people: Vec<Person>,
    pub(super) all_people: usize,
    pub(super) may_change: bool,
}

fn parts(stretches: Vec<Stretch>, shown: impl Fn(&str) -> Plain) -> Vec<Part> {
    let mut room = CHARS;
    let mut parts = Vec::new();
    for Stretch { text, differs } in stretches.into_iter().take(STRETCHES) {
        if room == 0 {
            break;
        }
        let cut: String = text.chars().take(room).collect();
        room -= cut.chars().count();
        parts.push(Part {
            text: shown(&cut),
            differs,
        });
    }
    parts
}

fn marked(stretches: Vec<Stretch>, shown: impl Fn(&str) -> Plain) -> Marked {
    Marked {
        all: parts(stretches, shown),
    }
}

fn column(
    campaign: &Campaign,
    seed: &Submission,
    other: &Submission,
    member: Option<&Membership>,
) -> Column {
    let Contrast {
        subject,
        sender,
        links,
        text,
    } = contrast(seed, other);
    let is_seed = seed.id == other.id;
    Column {
        path: format!("/console/campaigns/{}", campaign.id),
        id: campaign.id.to_string(),
        head: if is_seed { "Seed" } else { "Variant" },
        chip: Chip::verdict(Some(campaign.verdict)),
        subject: marked(subject, |t| Plain::line(t, 200)),
        sender: marked(sender, |t| Plain::line(t, 120)),
        links: parts(links, |t| Plain::defanged(t, 200)),
        text: marked(text, |t| Plain::defanged_block(t, CHARS)),
        why: member
            .map(|member| member.reasons.as_slice())
            .unwrap_or_default()
            .iter()
            .take(10)
            .map(|reason| Plain::line(reason, 300))
            .collect(),
        leaves: !is_seed,
    }
}

fn member(
    found: &(Membership, Option<Submission>),
    seed: SubmissionId,
    names: &Names,
    now: DateTime<Utc>,
) -> Member {
    let (member, submission) = found;
    let subject = submission.as_ref().and_then(|s| s.subject.as_deref());
    let by = (member.by != "unhook").then(|| names.get(&member.by).unwrap_or(&member.by));
    Member {
        path: format!("/console/submissions/{}", member.submission),
        id: member.submission.to_string(),
        subject: Plain::line(subject.unwrap_or_default(), 120),
        how: match member.how {
            How::Exact => "Same message",
            How::Variant => "Variant",
            How::Analyst => "By an analyst",
        },
        score: format!("{:.0} %", member.score * 100.0),
        why: Plain::line(&member.reasons.join("; "), 600),
        by: by.map(|by| Plain::line(by, 60)),
        at: When::of(member.at, now),
        leaves: member.submission != seed,
    }
}

impl Case {
    /// The parts of a campaign's page.
    pub(super) fn of(
        campaign: &Campaign,
        material: &Material,
        names: &Names,
        may_change: bool,
        now: DateTime<Utc>,
    ) -> Self {
        let mut columns = Vec::new();
        if let Some(seed) = material
            .seed
            .as_ref()
            .filter(|_| !material.variants.is_empty())
        {
            columns.push(column(campaign, seed, seed, None));
            columns.extend(
                material
                    .variants
                    .iter()
                    .map(|(own, other, member)| column(own, seed, other, member.as_ref())),
            );
        }
        Self {
            variant_of: campaign
                .variant_of
                .map(|case| format!("/console/campaigns/{case}")),
            more_variants: material
                .all_variants
                .saturating_sub(material.variants.len()),
            columns,
            members: material
                .members
                .iter()
                .map(|found| member(found, campaign.seed, names, now))
                .collect(),
            all_members: grouped(material.all_members),
            reports: grouped(material.reports),
            departments: material
                .targets
                .iter()
                .map(|target| Department {
                    name: Plain::line(target.department.as_deref().unwrap_or("not named"), 80),
                    mailboxes: grouped(target.mailboxes),
                })
                .collect(),
            people: material
                .people
                .iter()
                .take(PEOPLE)
                .map(|who| Person {
                    user: Plain::line(&who.address, 120),
                    clicks: who.clicks,
                    at: When::of(who.first_at, now),
                })
                .collect(),
            all_people: material.people.len(),
            may_change,
        }
    }
}

/// Reads what the parts are made of.
pub(super) async fn gathered(signed: &Signed, campaign: &Campaign) -> Result<Material, PageError> {
    let rows = signed.app.store.read(signed.session.tenant);
    let all = rows.variants_of(campaign.id, MOST_VARIANTS).await?;
    let mut ids: Vec<CampaignId> = all.iter().map(|variant| variant.id).collect();
    ids.push(campaign.id);
    let all_variants = all.len();
    let mut variants = Vec::new();
    for variant in all.into_iter().rev().take(VARIANTS) {
        if let Some(seed) = rows.submission(variant.seed).await? {
            let why = rows.membership(seed.id).await?;
            variants.push((variant, seed, why));
        }
    }
    let page = PageRequest::first(MEMBERS);
    let mut members = Vec::new();
    for found in rows.case_members(campaign.id, &page).await?.items {
        let submission = rows.submission(found.submission).await?;
        members.push((found, submission));
    }
    Ok(Material {
        seed: rows.submission(campaign.seed).await?,
        variants,
        all_variants,
        members,
        all_members: rows.count_members(campaign.id).await?,
        reports: rows.count_reports_of_case(campaign.id).await?,
        targets: rows.targets(&ids, DEPARTMENTS).await?,
        people: rows.clickers(&ids, clicks::MOST_PEOPLE).await?,
    })
}

impl From<GroupingError> for PageError {
    fn from(error: GroupingError) -> Self {
        match error {
            GroupingError::NotFound => Self::NotFound,
            GroupingError::Reason => {
                Self::Field("Say why, in 1 to 500 characters: the next person will ask.")
            }
            GroupingError::Store(error) => error.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}

fn campaign_of(path: &str) -> Result<CampaignId, PageError> {
    path.parse().map_err(|_| PageError::NotFound)
}

fn back(id: CampaignId, done: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, format!("/console/campaigns/{id}?done={done}")))
        .finish()
}

/// Which campaign or submission, and why.
#[derive(Deserialize)]
pub(super) struct GroupingForm {
    what: Option<String>,
    reason: Option<String>,
}

impl GroupingForm {
    fn what<T: std::str::FromStr>(&self) -> Result<T, PageError> {
        let what = self.what.as_deref().unwrap_or_default();
        what.trim()
            .parse()
            .map_err(|_| PageError::Field("Name a campaign or submission by its id."))
    }

    fn order<'a>(&'a self, actor: &'a str) -> Order<'a> {
        Order {
            actor,
            reason: self.reason.as_deref().unwrap_or_default(),
        }
    }
}

/// `POST /console/campaigns/{id}/split`: a variant with all its submissions.
pub(super) async fn split(
    path: web::Path<String>,
    change: Change<GroupingForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::VerdictsWrite)?;
    let id = campaign_of(&path)?;
    let variant: CampaignId = form.what()?;
    let rows = signed.app.store.read(signed.session.tenant);
    let of_it = SubmissionFilter {
        campaign: Some(variant),
        ..SubmissionFilter::default()
    };
    if rows.count_submissions(&of_it).await? > MOST_SPLIT as u64 {
        return Err(PageError::Field(
            "It has more than 500 submissions: split them off with the API.",
        ));
    }
    let all = rows
        .submissions_of_campaign(variant, MOST_SPLIT as u64)
        .await?;
    let actor = signed.actor();
    let own = grouping::split(&signed.app, id, &all, form.order(&actor)).await?;
    tracing::info!(campaign = %id, to = %own, key = %signed.analyst.key_id, "variant split off");
    Ok(back(own, "split"))
}

/// `POST /console/campaigns/{id}/remove`: one submission.
pub(super) async fn remove(
    path: web::Path<String>,
    change: Change<GroupingForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::VerdictsWrite)?;
    let id = campaign_of(&path)?;
    let one: SubmissionId = form.what()?;
    let actor = signed.actor();
    let own = grouping::remove(&signed.app, id, one, form.order(&actor)).await?;
    tracing::info!(campaign = %id, to = %own, key = %signed.analyst.key_id, "member taken out");
    Ok(back(own, "split"))
}

/// `POST /console/campaigns/{id}/merge`: another case into this one.
pub(super) async fn merge(
    path: web::Path<String>,
    change: Change<GroupingForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::VerdictsWrite)?;
    let id = campaign_of(&path)?;
    let other: CampaignId = form.what()?;
    let actor = signed.actor();
    grouping::merge(&signed.app, id, other, form.order(&actor)).await?;
    tracing::info!(campaign = %id, from = %other, key = %signed.analyst.key_id, "cases merged");
    Ok(back(id, "merged"))
}

/// `GET /console/campaigns/{id}/clicks.csv`: who needs a credential reset.
pub(super) async fn people(
    signed: Signed,
    path: web::Path<String>,
) -> Result<HttpResponse, PageError> {
    let id = campaign_of(&path)?;
    let found = clicks::people(&signed.app, id).await;
    let found = found.map_err(|error| match error {
        clicks::ClickError::Store(error) => error.into(),
        _ => PageError::NotFound,
    })?;
    let csv = table::csv(&found).map_err(|_| PageError::Failed)?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}-clicks.csv\""),
        ))
        .body(csv))
}
