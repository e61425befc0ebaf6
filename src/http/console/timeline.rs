//! What happened, line by line, in plain words.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{text::Plain, when::When};
use crate::store::event::Event;

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

/// The names of the keys by which people acted.
pub type Names = BTreeMap<String, String>;

/// Lines of a timeline, newest first.
#[must_use]
pub fn lines(events: &[Event], names: &Names, now: DateTime<Utc>) -> Vec<Line> {
    events
        .iter()
        .rev()
        .map(|event| line(event, names, now))
        .collect()
}

fn line(event: &Event, names: &Names, now: DateTime<Utc>) -> Line {
    let (tone, what) = match event.kind.as_str() {
        "reported" => ("person", "Reported"),
        "quarantined" => ("done", "Reporter’s copy quarantined"),
        "evidence_fetched" => ("", "Evidence fetched from the mailbox"),
        "evidence_missing" => ("alert", "Evidence not found in the mailbox"),
        "evidence_mismatch" => ("alert", "Evidence differs from what was sent"),
        "enriched" => ("", "Observables extracted"),
        "assessed" => ("", "Assessed"),
        "verdict" => ("verdict", "Verdict"),
        "held" => ("alert", "Held for review"),
        "search_started" => ("", "Search for copies started"),
        "searched" => ("", "Mailboxes searched"),
        "pulled" => ("done", "Copies pulled"),
        "restored" => ("done", "Restored"),
        "checked" => ("done", "Checked: nothing left in reach"),
        "closed" => ("done", "Closed"),
        "thanked" => ("person", "Reporter thanked"),
        "parked" => ("alert", "Work gave up"),
        other => ("", other),
    };
    let person = !matches!(event.actor.as_str(), "unhook" | "reporter");
    let who = names.get(&event.actor).unwrap_or(&event.actor);
    Line {
        tone: if person { "person" } else { tone },
        what: Plain::line(&what.replace('_', " "), 80),
        details: details(&event.detail),
        who: person.then(|| Plain::line(who, 60)),
        at: When::of(event.at, now),
    }
}

fn details(detail: &Value) -> Vec<(Plain, Plain)> {
    let Value::Object(members) = detail else {
        return Vec::new();
    };
    let shown = members.iter().filter(|(_, value)| !value.is_null()).take(8);
    shown
        .map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            (
                Plain::line(&name.replace('_', " "), 40),
                Plain::line(&text, 200),
            )
        })
        .collect()
}
