//! `GET /console/submissions/{id}`: one message: what it was judged, why, on
//! which evidence, who reported it, what happened, and what can be done.

pub(super) mod actions;
pub(super) mod body;
pub(super) mod download;
mod evidence;
pub(super) mod export;
mod files;
pub(super) mod frame;
pub(super) mod pulls;
mod route;
mod sources;

use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use self::{
    body::View,
    evidence::{Authentication, HeaderRow, ObservableRow, PartRow},
    files::FileRow,
    pulls::PullRow,
    route::Route,
    sources::{AnswerRow, AwaitedRow, EgressRow},
};
use super::{
    campaign::key_names,
    campaigns::targets,
    chip::{Bar, Chip, Weight},
    fault::PageError,
    guard::Signed,
    page,
    queue::Priority,
    sample::Words,
    shell::{Done, Shell},
    text::{Piece, Plain, grouped, octets},
    timeline::{Line, Names, lines},
    when::When,
};
use crate::{
    auth::Scope,
    domain::{Assessment, Kind, Signal, SubmissionId, Verdict, VerdictSource},
    http::{
        known::{self, Ground},
        viewed,
    },
    store::{
        egress::Egress,
        event::Event,
        pull::{Pull, PullCounts},
        report::Report,
        submission::Submission,
    },
    triage::lookups::Enrichment,
};

struct SignalRow {
    id: Plain,
    class: Plain,
    evidence: Plain,
    place: Plain,
    weight: String,
    bar: Weight,
}

struct ReportRow {
    reporter: Plain,
    guest: bool,
    client: &'static str,
    reason: Option<&'static str>,
    comment: Plain,
    status: &'static str,
    at: When,
}

struct Choice {
    word: &'static str,
    chip: Chip,
    meaning: &'static str,
    current: bool,
}

/// The campaign that a submission belongs to, in one line.
struct Belongs {
    path: String,
    pulled: String,
    found: String,
    bar: Bar,
}

/// A fact about the evidence that an analyst has to know before deciding.
struct Caution {
    chip: Chip,
    words: &'static str,
}

/// Everything the page is made of.
pub(super) struct Material {
    pub(super) submission: Submission,
    pub(super) reports: Vec<Report>,
    pub(super) pulls: Vec<Pull>,
    pub(super) campaign: Option<PullCounts>,
    /// The number of the decision that is shown.
    pub(super) decision: i32,
    pub(super) events: Vec<Event>,
    pub(super) names: Names,
    pub(super) view: View,
    pub(super) egress: Vec<Egress>,
}

/// What the signed-in key may do on this page.
#[derive(Clone, Copy)]
pub(super) struct May {
    pub(super) decide: bool,
    pub(super) restore: bool,
    pub(super) read_raw: bool,
}

#[derive(Template)]
#[template(path = "submission.html")]
struct SubmissionPage {
    shell: Shell,
    id: String,
    subject: Plain,
    sender: Plain,
    mailbox: Plain,
    received: Option<When>,
    chip: Chip,
    tone: &'static str,
    by: &'static str,
    score: Option<Bar>,
    rules: Plain,
    kind: Option<&'static str>,
    changes: Vec<Plain>,
    judged_by: Plain,
    priority: Option<Priority>,
    text: Vec<Piece>,
    hold: Option<Plain>,
    caution: Option<Caution>,
    ground: Ground,
    uploaded: bool,
    belongs: Option<Belongs>,
    signals: Vec<SignalRow>,
    headers: Vec<HeaderRow>,
    authentication: Vec<Authentication>,
    own_checks: Vec<Authentication>,
    own_note: Plain,
    route: Route,
    structure: Vec<PartRow>,
    protection: Vec<Plain>,
    observables: Vec<ObservableRow>,
    whole: Vec<AnswerRow>,
    awaited: Vec<AwaitedRow>,
    history: Option<Plain>,
    ledger: Vec<EgressRow>,
    files: Vec<FileRow>,
    defects: Vec<Plain>,
    sha256: Option<String>,
    size: Option<String>,
    view: View,
    reports: Vec<ReportRow>,
    pulls: Vec<PullRow>,
    lines: Vec<Line>,
    choices: Vec<Choice>,
    decision: i32,
    may: May,
}

fn signal_row(signal: &Signal, heaviest: f64) -> SignalRow {
    SignalRow {
        id: Plain::line(&signal.id, 80),
        class: Plain::line(&signal.class, 40),
        evidence: Plain::line(&signal.evidence, 400),
        place: Plain::line(&signal.place, 80),
        weight: format!("{:+.1}", signal.weight).replace('-', "\u{2212}"),
        bar: Weight::of(signal.weight, heaviest),
    }
}

fn report_row(report: &Report, now: DateTime<Utc>) -> ReportRow {
    let reporter = report.reporter_address.as_ref().map(|a| a.as_str());
    ReportRow {
        reporter: Plain::line(reporter.unwrap_or(&report.reporter), 120),
        guest: report.guest,
        client: match report.client {
            crate::domain::ReportClient::Outlook => "Outlook",
            crate::domain::ReportClient::Gmail => "Gmail",
            crate::domain::ReportClient::Api => "API",
        },
        reason: report.reason.map(|r| r.as_str()),
        comment: Plain::defanged_block(report.comment.as_deref().unwrap_or_default(), 2_000),
        status: match report.status {
            crate::domain::ReportStatus::Received => "received",
            crate::domain::ReportStatus::InReview => "in review",
            crate::domain::ReportStatus::Closed => "closed",
        },
        at: When::of(report.received_at, now),
    }
}

/// What judged, in a line.
fn judged_by(assessment: &Assessment) -> String {
    let model = assessment.model_version.as_deref().unwrap_or("none");
    let policy = match assessment.policy_version.as_str() {
        "" => "not recorded",
        version => version,
    };
    let rules = &assessment.rules_version;
    format!("policy {policy}, model {model}, rules {rules}")
}

/// The phrases that signals quote from the body, with what they say.
fn phrases(signals: &[Signal]) -> Vec<(Vec<String>, Plain)> {
    signals
        .iter()
        .filter(|signal| signal.place == "body")
        .filter_map(|signal| {
            let (_, quoted) = signal.evidence.split_once("(\"")?;
            let (phrase, _) = quoted.split_once("\")")?;
            let words: Vec<String> = phrase.split_whitespace().map(str::to_lowercase).collect();
            let why = Plain::line(&format!("{} {}", signal.id, signal.evidence), 200);
            (!words.is_empty()).then_some((words, why))
        })
        .collect()
}

/// What an analyst can choose: only what can be carried out.
fn choices(current: Option<Verdict>, ground: Ground) -> Vec<Choice> {
    let meaning = |verdict| match verdict {
        Verdict::Malicious => "meant to harm",
        Verdict::Suspicious => "signs of harm",
        Verdict::Spam => "unwanted, not dangerous",
        Verdict::Bulk => "newsletter or notification",
        Verdict::Benign => "ordinary mail",
        Verdict::Simulation => "a phishing exercise",
        Verdict::Unknown => "needs a closer look",
    };
    Verdict::ALL
        .into_iter()
        .filter(|verdict| ground.allows(*verdict))
        .map(|verdict| Choice {
            word: verdict.as_str(),
            chip: Chip::verdict(Some(verdict)),
            meaning: meaning(verdict),
            current: current == Some(verdict),
        })
        .collect()
}

const fn caution(ground: Ground) -> Option<Caution> {
    match ground {
        Ground::Mailbox => None,
        Ground::Pending => Some(Caution {
            chip: Chip::busy("Evidence pending"),
            words: "The server has not fetched the message from the reporter’s mailbox yet.",
        }),
        Ground::Differing => Some(Caution {
            chip: Chip::failed("Evidence differs"),
            words: "The message in the reporter’s mailbox is not the one that was sent with the \
                    report. Nothing is pulled on it. You see the one from the mailbox; what the \
                    client sent is a download of its own.",
        }),
        Ground::Client => Some(Caution {
            chip: Chip::alert("Evidence not found"),
            words: "The message was not found in the reporter’s mailbox. All you see here is \
                    what the client sent with the report, which nothing proves: nothing is \
                    pulled on it.",
        }),
        Ground::Nothing => Some(Caution {
            chip: Chip::alert("Evidence not found"),
            words: "The message was not found in the reporter’s mailbox, and the client sent no \
                    copy of it. Its content is not known, so it was not judged, and nothing can \
                    be pulled.",
        }),
    }
}

impl SubmissionPage {
    fn of(shell: Shell, may: May, material: Material, now: DateTime<Utc>) -> Self {
        let Material {
            submission: s,
            reports,
            pulls,
            campaign,
            decision,
            events,
            names,
            view,
            egress,
        } = material;
        let ground = Ground::of(&s);
        let assessment = known::assessment(&s);
        let signals = assessment.map(|a| a.signals.as_slice()).unwrap_or_default();
        let heaviest = signals.iter().map(|s| s.weight.abs()).fold(0.0, f64::max);
        let findings = s.findings.as_ref().unwrap_or(&serde_json::Value::Null);
        let enrichment = s.enrichment.as_ref().unwrap_or(&serde_json::Value::Null);
        let known = Enrichment::of(s.enrichment.as_ref());
        let (own_checks, own_note) = evidence::evaluated(findings);
        let chip = Chip::verdict(s.verdict);
        let belongs = s.campaign.zip(campaign).map(|(id, pulls)| Belongs {
            path: format!("/console/campaigns/{id}"),
            pulled: grouped(pulls.pulled),
            found: grouped(targets(&pulls)),
            bar: Bar::progress(pulls.pulled, targets(&pulls)),
        });
        Self {
            shell,
            id: s.id.to_string(),
            subject: Plain::line(s.subject.as_deref().unwrap_or_default(), 300),
            sender: Plain::line(s.sender.as_deref().unwrap_or_default(), 200),
            mailbox: Plain::line(
                s.mailbox.as_ref().map(|m| m.as_str()).unwrap_or_default(),
                200,
            ),
            received: s.message_received_at.map(|at| When::of(at, now)),
            tone: chip.tone,
            chip,
            by: match s.verdict_source {
                Some(VerdictSource::Analyst) => "Decided by an analyst",
                Some(VerdictSource::Policy) => "Decided by policy",
                None => "Not decided yet",
            },
            score: assessment.map(|a| Bar::score(a.score)),
            kind: assessment.and_then(|a| a.kind).map(Kind::words),
            changes: assessment
                .map(|a| a.changes.as_slice())
                .unwrap_or_default()
                .iter()
                .map(|change| Plain::line(change, 300))
                .collect(),
            priority: Priority::of(&s, now),
            judged_by: Plain::line(&assessment.map(judged_by).unwrap_or_default(), 200),
            text: match &view {
                View::Text(text) => text.marked(&phrases(signals)),
                _ => Vec::new(),
            },
            rules: Plain::line(
                assessment
                    .map(|a| a.rules_version.as_str())
                    .unwrap_or_default(),
                40,
            ),
            // Where the evidence is in doubt, the caution says it.
            hold: assessment
                .filter(|_| matches!(ground, Ground::Mailbox | Ground::Pending))
                .and_then(|a| a.hold_reason.as_deref())
                .map(|reason| Plain::line(reason, 300)),
            caution: caution(ground),
            ground,
            uploaded: s.upload_sha256.is_some(),
            belongs,
            signals: signals
                .iter()
                .take(60)
                .map(|s| signal_row(s, heaviest))
                .collect(),
            headers: evidence::headers(findings),
            authentication: evidence::authentication(findings),
            own_checks,
            own_note,
            route: route::route(findings),
            structure: evidence::structure(findings),
            protection: evidence::protection(findings),
            observables: evidence::observables(findings, &known.answers),
            whole: sources::whole(&known.answers),
            awaited: sources::awaited(enrichment),
            history: sources::history(enrichment),
            ledger: sources::ledger(&egress, now),
            files: files::files(findings),
            defects: evidence::defects(findings),
            sha256: s.evidence_sha256.clone(),
            size: s
                .evidence_size
                .and_then(|n| u64::try_from(n).ok())
                .map(octets),
            view,
            reports: reports.iter().map(|r| report_row(r, now)).collect(),
            pulls: pulls.iter().map(|p| PullRow::of(p, now)).collect(),
            lines: lines(&events, &names, Some(s.id), now),
            choices: choices(s.verdict, ground),
            decision,
            may,
        }
    }
}

/// What was just done, and how the message is shown.
#[derive(Deserialize)]
pub(super) struct SubmissionQuery {
    #[serde(default)]
    done: Done,
    view: Option<String>,
}

/// `GET /console/submissions/{id}`
pub(super) async fn show(
    signed: Signed,
    path: web::Path<String>,
    query: web::Query<SubmissionQuery>,
) -> Result<HttpResponse, PageError> {
    let id = path
        .parse::<SubmissionId>()
        .map_err(|_| PageError::NotFound)?;
    let may = May {
        decide: signed.may(Scope::VerdictsWrite),
        restore: signed.may(Scope::PullsWrite),
        read_raw: signed.may(Scope::RawRead),
    };
    let material = gathered(&signed, id, query.view.as_deref(), may).await?;
    let part = match material.view {
        View::Text(_) => Some("text"),
        View::Source(_) => Some("source"),
        // the frame tells it, which is asked for by itself
        View::Rendered | View::None(_) => None,
    };
    if let Some(part) = part {
        viewed::note(&signed.app, id, &signed.actor(), part).await?;
    }
    let shell = Shell::of(&signed, "queue")
        .await?
        .saying(query.done)
        .looking_again(15);
    page(&SubmissionPage::of(shell, may, material, signed.now))
}

/// Who is meant by a report's id in the timeline.
fn reporter_name(report: &Report) -> Option<(String, String)> {
    let address = report.reporter_address.as_ref()?;
    Some((report.id.to_string(), address.to_string()))
}

async fn gathered(
    signed: &Signed,
    id: SubmissionId,
    view: Option<&str>,
    may: May,
) -> Result<Material, PageError> {
    let rows = signed.app.store.read(signed.session.tenant);
    let found = rows.submission_as_decided(id).await?;
    let (submission, decision) = found.ok_or(PageError::NotFound)?;
    let reports = rows.reports_of(id).await?;
    let mut names = key_names(signed).await?;
    names.extend(reports.iter().filter_map(reporter_name));
    let campaign = match submission.campaign {
        Some(campaign) => Some(rows.count_pulls(campaign).await?),
        None => None,
    };
    Ok(Material {
        reports,
        pulls: rows.pulls_of_submission(id).await?,
        campaign,
        decision,
        events: rows.timeline(Some(id), submission.campaign).await?,
        names,
        egress: rows.egress_of(id).await?,
        view: body::view(&signed.app.blobs, &submission, view, may.read_raw).await,
        submission,
    })
}

/// A submission with everything a page can hold.
///
/// # Errors
/// When the template fails.
pub fn sample(words: &Words, view: &str) -> Result<String, askama::Error> {
    let shell = Shell::sample("queue", &words.say("SOC desk"));
    let may = May {
        decide: true,
        restore: true,
        read_raw: true,
    };
    let material = super::sample::submission_material(words, view);
    SubmissionPage::of(shell, may, material, super::sample::now()).render()
}

/// A submission whose message was not found in the mailbox; the client sent a
/// copy, or none.
///
/// # Errors
/// When the template fails.
pub fn sample_missing(words: &Words, uploaded: bool) -> Result<String, askama::Error> {
    let shell = Shell::sample("queue", &words.say("SOC desk"));
    let may = May {
        decide: true,
        restore: true,
        read_raw: true,
    };
    let material = super::sample::missing_material(words, uploaded);
    SubmissionPage::of(shell, may, material, super::sample::now()).render()
}

/// A submission of which nothing is known yet, for a key that may only read.
///
/// # Errors
/// When the template fails.
pub fn sample_pending(words: &Words) -> Result<String, askama::Error> {
    let shell = Shell::sample("queue", &words.say("SOC desk"));
    let may = May {
        decide: false,
        restore: false,
        read_raw: false,
    };
    let material = super::sample::pending_material(words);
    SubmissionPage::of(shell, may, material, super::sample::now()).render()
}
