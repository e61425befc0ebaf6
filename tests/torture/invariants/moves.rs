//! What was moved against what was meant to be: intents, effects, and their number.

use std::collections::{BTreeSet, HashMap};

use unhook::sim::PlantedState;

use super::Evidence;
use crate::{
    ledger::{Ledger, PullRow},
    model::Key,
};

fn by_key(ledger: &Ledger) -> HashMap<Key, &PullRow> {
    let rows = ledger.pulls.iter();
    rows.map(|row| ((row.mailbox.clone(), row.message.clone()), row))
        .collect()
}

fn name(state: &PlantedState) -> String {
    format!(
        "{:?} copy {} of {}",
        state.how, state.item_id, state.mailbox
    )
}

/// A copy that was ever moved has a row that says where from, where to, when it was
/// meant and by which decision; and what its row says of now fits a move that was meant,
/// whichever side of it the process died on.
pub fn intended(evidence: &Evidence<'_>) -> Vec<String> {
    let rows = by_key(&evidence.ledger);
    let mut found = Vec::new();
    for (key, state) in &evidence.now {
        let away = !state.reachable;
        let Some(row) = rows.get(key) else {
            if state.trips.away > 0 {
                found.push(format!("{} was moved and has no row", name(state)));
            }
            continue;
        };
        if state.trips.away == 0 {
            if row.observed == "pulled" {
                found.push(format!("{} is called pulled and never was", name(state)));
            }
            continue;
        }
        let by_campaign = row.decision > 0 && row.campaign.is_some();
        let decided = by_campaign || (row.role == "reported" && row.submission.is_some());
        let complete = row.intent_at.is_some() && row.has_original && row.quarantine.is_some();
        if !complete || !decided {
            found.push(format!(
                "{} was moved without a whole intent: {row:?}",
                name(state)
            ));
        }
        // A reporter's own copy is held before there is evidence.
        if row.role != "reported" && row.evidence.is_none() {
            found.push(format!("{} was moved on no evidence: {row:?}", name(state)));
        }
        let fits = match row.observed.as_str() {
            "moving" | "restoring" | "failed" => true,
            "pulled" => away,
            "found" | "restored" | "changed" => !away,
            _ => false,
        };
        if !fits {
            let place = if away { "away" } else { "in place" };
            found.push(format!(
                "{} is {place} and its row says {}",
                name(state),
                row.observed
            ));
        }
    }
    found
}

/// What the rows say is where the copies are, and nothing is away that no verdict wants
/// away.
pub fn agree(evidence: &Evidence<'_>) -> Vec<String> {
    let rows = by_key(&evidence.ledger);
    let mut found = Vec::new();
    for row in &evidence.ledger.pulls {
        let campaign = row.campaign.as_ref();
        let verdict = campaign.and_then(|id| evidence.ledger.campaigns.get(id));
        let wanted = verdict.is_some_and(|campaign| campaign.verdict == "malicious");
        if row.desired == "pulled" && row.role != "reported" && !wanted {
            found.push(format!("nothing wants it away: {row:?}"));
        }
    }
    for (key, state) in &evidence.now {
        let row = rows.get(key);
        let said = row.is_some_and(|row| row.desired == "pulled" && row.observed == "pulled");
        if said == state.reachable {
            let place = if state.reachable { "in place" } else { "away" };
            found.push(format!("{} is {place}, and its row: {row:?}", name(state)));
        }
        if state.reachable && state.trips.back > 0 && state.now.as_ref() != Some(&state.before) {
            found.push(format!(
                "{} was put back otherwise than it was: {:?}, before {:?}",
                name(state),
                state.now,
                state.before
            ));
        }
    }
    found
}

/// Intents of one copy as the audit trail tells them. Repeated ones of which no outcome
/// was known in between are one.
#[derive(Debug, Default)]
struct Told {
    away: u32,
    back: u32,
    last: Option<&'static str>,
    /// Campaigns and submissions under which it was moved.
    under: BTreeSet<String>,
}

fn told(ledger: &Ledger) -> HashMap<&str, Told> {
    let mut all: HashMap<&str, Told> = HashMap::new();
    for entry in &ledger.audit {
        for pull in entry.pulls() {
            let told = all.entry(pull).or_default();
            match entry.action.as_str() {
                "pull_begun" => {
                    told.away += u32::from(told.last != Some("away"));
                    told.last = Some("away");
                    told.under.insert(entry.subject.clone());
                }
                "restore_begun" => {
                    told.back += u32::from(told.last != Some("back"));
                    told.last = Some("back");
                }
                // It never took place, or was undone.
                "restored" => told.last = None,
                _ => {}
            }
        }
    }
    all
}

/// A copy goes away and comes back in turns, each time by an intent of its own, and
/// there are no more intents than decisions.
pub fn once(evidence: &Evidence<'_>) -> Vec<String> {
    let rows = by_key(&evidence.ledger);
    let told = told(&evidence.ledger);
    let none = Told::default();
    let mut found = Vec::new();
    for (key, state) in &evidence.now {
        let trips = state.trips;
        if trips.away != trips.back + u32::from(!state.reachable) {
            found.push(format!(
                "{} was taken {} times and put back {} times",
                name(state),
                trips.away,
                trips.back
            ));
        }
        let row = rows.get(key);
        let intents = row
            .and_then(|row| told.get(row.id.as_str()))
            .unwrap_or(&none);
        if trips.away > intents.away || trips.back > intents.back {
            found.push(format!(
                "{} was taken {} times and put back {} times; the trail tells of {} and {}",
                name(state),
                trips.away,
                trips.back,
                intents.away,
                intents.back
            ));
        }
        let decisions: i64 = intents
            .under
            .iter()
            .map(|id| match evidence.ledger.campaigns.get(id) {
                Some(campaign) => i64::from(campaign.decision),
                // Held once for the report itself.
                None => 1,
            })
            .sum();
        if i64::from(intents.away) > decisions {
            found.push(format!(
                "{} was to be taken {} times under {decisions} decisions",
                name(state),
                intents.away
            ));
        }
    }
    found
}
