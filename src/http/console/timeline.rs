//! What happened, line by line, in plain words.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{chip::percent, text::Plain, when::When};
use crate::{domain::SubmissionId, store::event::Event};

/// One line.
pub struct Line {
    /// Class of the style sheet: whose doing it was.
    pub tone: &'static str,
    /// What happened.
    pub what: Plain,
    /// Ids, counts, reasons.
    pub details: Vec<(Plain, Plain)>,
    /// Who did it, when it was a person.
    pub who: Option<Plain>,
    /// When.
    pub at: When,
}

/// The names of the keys by which people acted, and of reporters by the ids of
/// their reports.
pub type Names = BTreeMap<String, String>;

/// Lines of a timeline, newest first; `of` is the submission whose page it is.
#[must_use]
pub fn lines(
    events: &[Event],
    names: &Names,
    of: Option<SubmissionId>,
    now: DateTime<Utc>,
) -> Vec<Line> {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    let mut lines: Vec<Line> = said_once(events, of)
        .into_iter()
        .map(|event| {
            let report = event.detail.get("report").and_then(Value::as_str);
            let again = event.kind == "thanked" && report.is_some_and(|r| !told.insert(r));
            line(event, again, names, now)
        })
        .collect();
    lines.reverse();
    lines
}

/// The events without policy's verdicts that repeat the one in force: every
/// submission of a campaign brings its own, and a page needs one.
fn said_once(events: &[Event], of: Option<SubmissionId>) -> Vec<&Event> {
    let policy = |event: &Event| event.kind == "verdict" && event.actor == "unhook";
    let verdict = |event: &Event| event.detail.get("verdict").cloned();
    let own: Vec<_> = events
        .iter()
        .filter(|event| policy(event) && of.is_some() && event.submission == of)
        .map(verdict)
        .collect();
    let mut in_force = None;
    events
        .iter()
        .filter(|event| {
            if event.kind != "verdict" {
                return true;
            }
            let said = verdict(event);
            let foreign = policy(event) && event.submission != of && own.contains(&said);
            let repeated = policy(event) && in_force.as_ref() == Some(&said);
            if !foreign {
                in_force = Some(said);
            }
            !foreign && !repeated
        })
        .collect()
}

fn line(event: &Event, again: bool, names: &Names, now: DateTime<Utc>) -> Line {
    let (tone, what) = match event.kind.as_str() {
        "reported" => ("person", "Reported"),
        "quarantined" => ("done", "Reporter’s copy quarantined"),
        "evidence_fetched" => ("", "Evidence fetched from the mailbox"),
        "evidence_missing" => ("alert", "Evidence not found in the mailbox"),
        "evidence_mismatch" => ("alert", "Evidence differs from what was sent"),
        "enriched" => ("", "Observables extracted"),
        "assessed" => ("", "Assessed"),
        "verdict" => ("verdict", "Verdict"),
        "intelligence" => ("alert", "New intelligence"),
        "held" => ("alert", "Held for review"),
        "search_started" => ("", "Search for copies started"),
        "searched" => ("", "Mailboxes searched"),
        "pulled" => ("done", "Copies pulled"),
        "restored" => ("done", "Restored"),
        "checked" => ("done", "Checked: every copy is at rest"),
        "resurfaced" => ("alert", "More copies came up"),
        "watch_ended" => ("done", "Watch for late copies ended"),
        "closed" => ("done", "Closed"),
        "thanked" if again => ("person", "Reporter told the new verdict"),
        "thanked" => ("person", "Reporter thanked"),
        "letter_dropped" => ("alert", "Letter to the reporter not sent"),
        "restore_asked" => ("verdict", "Restore asked for"),
        "stage_begun" => ("", "Next stage of the pull"),
        "stage_complete" => ("", "Stage complete: objections are waited for"),
        "approval_asked" => ("alert", "A second person is asked to approve"),
        "approved" => ("done", "Approved by a second person"),
        "approval_refused" => ("alert", "Refused by a second person"),
        "approval_withdrawn" => ("alert", "Approval withdrawn"),
        "pull_halted" => ("alert", "Pull halted"),
        "late_copies_halted" => ("alert", "Late copies are not pulled any more"),
        "pull_rolled_back" => ("alert", "Automatic pull taken back"),
        "pull_resumed" => ("verdict", "Pull goes on"),
        "objection" => ("alert", "Objection"),
        "raw_downloaded" => ("", "Raw message downloaded"),
        "joined" => ("", "Variant joined the case"),
        "split" => ("verdict", "Split off"),
        "merged" => ("verdict", "Cases merged"),
        "clicks_imported" => ("alert", "Clicks imported"),
        "parked" => ("alert", "Work gave up"),
        other => ("", other),
    };
    let person = !matches!(event.actor.as_str(), "unhook" | "reporter");
    let who = names.get(&event.actor).unwrap_or(&event.actor);
    Line {
        tone: if person { "person" } else { tone },
        what: Plain::line(&what.replace('_', " "), 80),
        details: details(&event.detail, names),
        who: person.then(|| Plain::line(who, 60)),
        at: When::of(event.at, now),
    }
}

/// Members that only programs need; they are in the API.
const UNSAID: [&str; 5] = ["report", "letter", "sha256", "pull", "part"];

/// What a line says beside its name: scalars that are not zero, here and one
/// level down.
fn details(detail: &Value, names: &Names) -> Vec<(Plain, Plain)> {
    let reporter = detail
        .get("report")
        .and_then(|report| names.get(report.as_str()?));
    let mut shown: Vec<(Plain, Plain)> = reporter
        .map(|who| (Plain::line("reporter", 40), Plain::line(who, 120)))
        .into_iter()
        .collect();
    for (name, value) in detail.as_object().into_iter().flatten() {
        match value {
            Value::Object(inner) => {
                shown.extend(inner.iter().filter_map(|(name, value)| pair(name, value)));
            }
            _ => shown.extend(pair(name, value)),
        }
    }
    shown.truncate(8);
    shown
}

fn pair(name: &str, value: &Value) -> Option<(Plain, Plain)> {
    let text = match value {
        _ if UNSAID.contains(&name) => return None,
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(n) if name == "score" => {
            format!("{} %", percent(n.as_f64().unwrap_or_default()))
        }
        Value::Number(n) if n.as_u64() == Some(0) => return None,
        Value::Number(n) => n.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some((
        Plain::line(&name.replace('_', " "), 40),
        Plain::line(&text, 300),
    ))
}
