//! `/console/policy`: the policy in force, an editor, and what a change would do to the
//! messages that were reported before.

use actix_web::{HttpResponse, http::header::LOCATION, web};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{
    chip::Chip,
    fault::PageError,
    guard::{Change, Signed},
    page,
    sample::Words,
    shell::{Done, Shell},
    text::Plain,
    when::When,
};
use crate::{
    auth::Scope,
    http::State,
    jobs,
    policy::{
        force::{self, ForceError},
        trial::{Side, TRIED_ON, Trial, ask_for_trial},
    },
    store::{
        job::JobRow,
        judgement::{InForce, PolicyRow},
    },
};

/// Octets of the editor's form.
pub(super) const MOST_OCTETS: usize = 3 << 20;
/// Characters of a policy that the editor takes; the command line takes more.
const SHOWN: usize = 100_000;
/// Policies that are listed.
const LISTED: u64 = 30;

struct VersionRow {
    version: Plain,
    path: String,
    note: Plain,
    by: Plain,
    at: When,
    tried: bool,
    in_force: bool,
}

struct ChangeRow {
    path: String,
    before: Chip,
    after: Chip,
    analyst: Option<Chip>,
}

struct Tried {
    version: String,
    messages: usize,
    decided: usize,
    left_out: usize,
    changed: usize,
    rows: Vec<(&'static str, usize, usize)>,
    changes: Vec<ChangeRow>,
}

impl Tried {
    fn of(trial: &Trial) -> Self {
        let of = |side: &Side| {
            [
                side.pulled,
                side.asked,
                side.closed,
                side.wrongly_pulled,
                side.wrongly_closed,
            ]
        };
        let names = [
            "Pulled without a person",
            "Left to a person",
            "Settled without one",
            "Pulled, and an analyst said not malicious",
            "Closed, and an analyst said malicious",
        ];
        let counts = of(&trial.before).into_iter().zip(of(&trial.after));
        Self {
            version: trial.after_version.clone(),
            messages: trial.messages,
            decided: trial.decided,
            left_out: trial.left_out,
            changed: trial.changed,
            rows: names
                .into_iter()
                .zip(counts)
                .map(|(name, (before, after))| (name, before, after))
                .collect(),
            changes: trial
                .changes
                .iter()
                .take(50)
                .map(|change| ChangeRow {
                    path: format!("/console/submissions/{}", change.submission),
                    before: Chip::verdict(Some(change.before)),
                    after: Chip::verdict(Some(change.after)),
                    analyst: change.analyst.map(|said| Chip::verdict(Some(said))),
                })
                .collect(),
        }
    }
}

/// A trial without a result.
enum Trying {
    /// The workers are at it.
    UnderWay,
    /// They gave up, and why.
    Failed(Plain),
}

impl Trying {
    fn of(job: &JobRow) -> Self {
        if job.state == "parked" {
            let why = job
                .last_error
                .as_deref()
                .unwrap_or("no reason was recorded");
            Self::Failed(Plain::line(why, 300))
        } else {
            Self::UnderWay
        }
    }
}

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    shell: Shell,
    /// What is in force.
    current: Plain,
    by: Plain,
    since: Option<When>,
    /// What stands in the editor, and whose version it is.
    version: Plain,
    text: Plain,
    /// Why it was refused.
    refused: Option<Plain>,
    tried: Option<Tried>,
    /// What became of a trial that has no result yet.
    trying: Option<Trying>,
    may_change: bool,
    /// Whether the whole text stands in the editor as it is.
    editable: bool,
    may_activate: bool,
    versions: Vec<VersionRow>,
}

/// What the page was asked to show.
#[derive(Deserialize, Default)]
pub(super) struct Wanted {
    version: Option<String>,
    #[serde(default)]
    done: Done,
}

/// What a page is made of.
struct Material {
    current: String,
    in_force: Option<InForce>,
    version: String,
    text: String,
    refused: Option<String>,
    trial: Option<Trial>,
    job: Option<JobRow>,
    may_change: bool,
    policies: Vec<PolicyRow>,
}

impl PolicyPage {
    fn of(shell: Shell, material: Material, now: DateTime<Utc>) -> Self {
        let tried = material.trial.as_ref().map(Tried::of);
        let decided = material.in_force.as_ref();
        let raw = if material.may_change {
            material.text
        } else {
            without_secrets(&material.text)
        };
        let text = Plain::block(&raw, SHOWN);
        // what is shown otherwise than it is must not be sent back
        let editable = material.may_change && text.as_str() == raw;
        Self {
            shell,
            by: Plain::line(
                decided.map_or("the configuration", |one| one.decided_by.as_str()),
                80,
            ),
            since: decided.map(|one| When::of(one.since, now)),
            may_activate: material.may_change
                && tried.is_some()
                && material.job.is_none()
                && material.version != material.current,
            versions: material
                .policies
                .iter()
                .map(|row| VersionRow {
                    version: Plain::line(&row.version, 20),
                    path: format!("/console/policy?version={}", row.version),
                    note: Plain::line(row.note.as_deref().unwrap_or_default(), 200),
                    by: Plain::line(&row.created_by, 80),
                    at: When::of(row.created_at, now),
                    tried: row.trial.is_some(),
                    in_force: row.version == material.current,
                })
                .collect(),
            current: Plain::line(&material.current, 20),
            version: Plain::line(&material.version, 20),
            text,
            editable,
            refused: material.refused.map(|why| Plain::block(&why, 1_000)),
            tried,
            trying: material.job.as_ref().map(Trying::of),
            may_change: material.may_change,
        }
    }
}

/// A policy's text for those who may look and not change: what marks an exercise is a
/// secret, and whoever knows it can pass for one.
fn without_secrets(text: &str) -> String {
    let hidden = text.lines().map(|line| match line.split_once('=') {
        Some((name, _)) if name.trim() == "secret" => "secret = \"(hidden)\"",
        _ => line,
    });
    hidden.collect::<Vec<_>>().join("\n")
}

async fn material(signed: &Signed, version: Option<&str>) -> Result<Material, PageError> {
    let app = &signed.app;
    let rows = app.store.read(signed.session.tenant);
    let engine = force::engine(app).await?;
    let wanted = version.unwrap_or_else(|| engine.version());
    let row = rows.policy(wanted).await?;
    let text = match (&row, wanted == engine.version()) {
        (Some(row), _) => row.content.clone(),
        (None, true) => engine.policy().to_toml(),
        (None, false) => return Err(PageError::NotFound),
    };
    Ok(Material {
        current: engine.version().to_owned(),
        in_force: rows.in_force().await?,
        version: wanted.to_owned(),
        text,
        refused: None,
        trial: row
            .and_then(|row| row.trial)
            .and_then(|trial| serde_json::from_value(trial).ok()),
        job: rows.job_about(jobs::TRIAL, wanted).await?,
        may_change: signed.may(Scope::Admin),
        policies: rows.policies(LISTED).await?,
    })
}

/// `GET /console/policy`
pub(super) async fn show(
    signed: Signed,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, PageError> {
    let material = material(&signed, wanted.version.as_deref()).await?;
    let mut shell = Shell::of(&signed, "policy").await?;
    shell.notice = wanted.done.sentence();
    if material
        .job
        .as_ref()
        .is_some_and(|job| job.state != "parked")
    {
        shell = shell.looking_again(3);
    }
    page(&PolicyPage::of(shell, material, signed.now))
}

/// A policy and why.
#[derive(Deserialize)]
pub(super) struct TryForm {
    text: String,
    note: Option<String>,
}

/// `POST /console/policy/try`
pub(super) async fn try_out(
    state: web::Data<State>,
    change: Change<TryForm>,
) -> Result<HttpResponse, PageError> {
    let Change { signed, form } = change;
    signed.require(Scope::Admin)?;
    let note: Option<String> = form
        .note
        .map(|note| Plain::line(note.trim(), 200).to_string())
        .filter(|note| !note.is_empty());
    let text = form.text.replace("\r\n", "\n");
    let app = &signed.app;
    let kept = match force::propose(app, &text, note.as_deref(), &signed.actor()).await {
        Ok(kept) => kept,
        Err(ForceError::Policy(why)) => {
            // what was typed is not lost
            let mut material = material(&signed, None).await?;
            material.text = text;
            material.refused = Some(why.to_string());
            material.trial = None;
            material.job = None;
            let shell = Shell::of(&signed, "policy").await?;
            let refused = PolicyPage::of(shell, material, signed.now).render()?;
            return Ok(HttpResponse::UnprocessableEntity()
                .content_type("text/html; charset=utf-8")
                .body(refused));
        }
        Err(error) => return Err(failed(error)),
    };
    ask_for_trial(app, &kept.version).await.map_err(failed)?;
    state.wake.notify();
    tracing::info!(policy = %kept.version, key = %signed.analyst.key_id, "policy to be tried, at the console");
    Ok(to(&format!(
        "/console/policy?version={}&done=tried",
        kept.version
    )))
}

/// A form without fields.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// `POST /console/policy/{version}/activate`
pub(super) async fn activate(
    path: web::Path<String>,
    change: Change<Nothing>,
) -> Result<HttpResponse, PageError> {
    let signed = change.signed;
    signed.require(Scope::Admin)?;
    force::activate(&signed.app, Some(path.as_str()), &signed.actor())
        .await
        .map_err(failed)?;
    tracing::info!(policy = %path, key = %signed.analyst.key_id, "policy put into force at the console");
    Ok(to("/console/policy?done=in_force"))
}

fn to(page: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, page))
        .finish()
}

fn failed(error: ForceError) -> PageError {
    match error {
        ForceError::Store(error) => error.into(),
        ForceError::Unknown(_) | ForceError::NoModel(_) => PageError::NotFound,
        ForceError::Untried(_) => PageError::Field("Try it on the history first."),
        ForceError::Policy(_) | ForceError::BadModel { .. } => {
            PageError::Field("It cannot be used any more: try it again.")
        }
    }
}

/// What stands in the editor of the samples.
const TEXT: &str = "[[deny]]\nsender = \"partner.example\"\n";

/// The page with a trial, or, for one who may only look, with a text that was refused.
///
/// # Errors
/// When the template fails.
pub fn sample(words: &Words, refused: bool) -> Result<String, askama::Error> {
    let now = super::sample::now();
    let mut trial = Trial {
        before_version: "0123456789ab".to_owned(),
        after_version: "fedcba987654".to_owned(),
        messages: 120,
        decided: 14,
        changed: 1,
        ..Trial::default()
    };
    trial.before.closed = 100;
    trial.after.closed = 99;
    trial.after.asked = 21;
    trial.before.asked = 20;
    let material = Material {
        current: "0123456789ab".to_owned(),
        in_force: None,
        version: "fedcba987654".to_owned(),
        text: if refused {
            words.say(TEXT)
        } else {
            TEXT.to_owned()
        },
        refused: refused.then(|| words.say("policy.deny[0].sender: must be an address")),
        trial: (!refused).then_some(trial),
        job: None,
        may_change: !refused,
        policies: vec![PolicyRow {
            version: "fedcba987654".to_owned(),
            content: String::new(),
            note: Some(words.say("their mailbox was taken over")),
            created_by: words.say("key_1"),
            created_at: now,
            trial: None,
            tried_at: None,
        }],
    };
    let shell = Shell::sample("policy", &words.say("SOC desk"));
    PolicyPage::of(shell, material, now).render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::policy::Policy;

    #[test]
    fn secrets_of_exercises_are_hidden_from_those_who_may_only_look() {
        let text = "[[simulations]]\nvendor = \"V\"\nheader = \"X-T\"\nsecret = \"correct horse battery\"\n";
        let canonical = Policy::from_toml(text).unwrap().to_toml();
        assert!(canonical.contains("correct horse"));
        let shown = without_secrets(&canonical);
        assert!(!shown.contains("correct horse") && shown.contains("vendor"));
    }
}
