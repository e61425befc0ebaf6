//! What must hold whatever happened, each as a function that says where it does not.
//!
//! The mailboxes are judged by the simulator, the rows by SQL of our own; of the service
//! only the checks of its receipts and of its audit trail are used, which anybody may run.

mod moves;
mod outcomes;

use std::collections::HashMap;

use unhook::sim::{PlantedState, Truth};

use crate::{
    ledger::Ledger,
    model::{Key, World, deletions},
    orders::Click,
};

/// A report as the parent knows it.
#[derive(Debug, Clone)]
pub struct Sent {
    pub click: Click,
    /// The id of the first acknowledgement.
    pub acked: Option<String>,
}

/// Verdicts that were sent, and those of them that were acknowledged.
#[derive(Debug, Clone, Copy, Default)]
pub struct Verdicts {
    pub sent: usize,
    pub acked: usize,
}

/// All that is known at one moment.
pub struct Evidence<'a> {
    pub world: &'a World,
    pub truth: Truth,
    pub now: HashMap<Key, PlantedState>,
    pub ledger: Ledger,
    pub sent: &'a [Sent],
    pub verdicts: Verdicts,
    /// What the walk along the audit chain found.
    pub chain: Vec<String>,
}

type Check = (&'static str, fn(&Evidence<'_>) -> Vec<String>);

/// With the service dead at any moment.
const AT_ANY_TIME: [Check; 4] = [
    ("I1 acknowledged reports are kept", kept),
    ("I2 every move has its intent before", moves::intended),
    ("I5 nothing outside is touched", untouched),
    ("I11 doubt pulls nothing", doubtful),
];

/// When all is worked off.
const AT_REST: [Check; 10] = [
    ("I1 acknowledged reports are kept", kept),
    ("I2 every move has its intent before", moves::intended),
    ("I2 rows and mailboxes agree", moves::agree),
    ("I3 one effect a decision", moves::once),
    ("I5 nothing outside is touched", untouched),
    ("I6 one letter a reporter and outcome", outcomes::letters),
    ("I8 no silent gap", outcomes::searches),
    ("I9 every change is in the trail", outcomes::trail),
    ("I10 it drains", drained),
    ("I11 doubt pulls nothing", doubtful),
];

/// When all was put back. Letters and searches were judged before: putting back writes
/// none and stops those.
const PUT_BACK: [Check; 8] = [
    ("I1 acknowledged reports are kept", kept),
    ("I2 rows and mailboxes agree", moves::agree),
    ("I3 one effect a decision", moves::once),
    ("I4 all can be put back exactly", restored),
    ("I5 nothing outside is touched", untouched),
    ("I9 every change is in the trail", outcomes::trail),
    ("I10 it drains", drained),
    ("I11 doubt pulls nothing", doubtful),
];

/// When the invariants are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Killed,
    AtRest,
    PutBack,
}

/// What no run of this harness can show.
pub const NOT_CHECKED: [&str; 3] = [
    "I4 for as long as retention lasts: a seed lasts simulated hours",
    "I7 no cross-tenant effect: there is one tenant",
    "I12 outbound calls and disk: only resident memory and open files are bounded",
];

/// Every violation at a moment, each behind the name of its invariant.
pub fn violations(moment: Moment, evidence: &Evidence<'_>) -> Vec<String> {
    let checks: &[Check] = match moment {
        Moment::Killed => &AT_ANY_TIME,
        Moment::AtRest => &AT_REST,
        Moment::PutBack => &PUT_BACK,
    };
    let mut found = Vec::new();
    for (name, check) in checks {
        found.extend(
            check(evidence)
                .into_iter()
                .map(|what| format!("{name}: {what}")),
        );
    }
    found
}

fn kept(evidence: &Evidence<'_>) -> Vec<String> {
    let by_id: HashMap<&str, _> = evidence
        .ledger
        .reports
        .iter()
        .map(|row| (row.id.as_str(), row))
        .collect();
    let mut found = Vec::new();
    for Sent { click, acked } in evidence.sent {
        let Some(id) = acked else { continue };
        match by_id.get(id.as_str()) {
            None => found.push(format!(
                "{id} of {} was acknowledged and is lost",
                click.address
            )),
            Some(row) if row.reporter != click.identity() => {
                found.push(format!(
                    "{id} is {}'s and not {}'s",
                    row.reporter, click.address
                ));
            }
            Some(_) => {}
        }
    }
    // A retry makes no second one, whether the first was answered or not.
    for Sent { click, .. } in evidence.sent {
        let key = Some(click.key.as_str());
        let same = |row: &&crate::ledger::ReportRow| {
            row.key.as_deref() == key && row.reporter == click.identity()
        };
        let rows = evidence.ledger.reports.iter().filter(same).count();
        if rows > 1 {
            found.push(format!(
                "{} has {rows} reports of key {}",
                click.address, click.key
            ));
        }
    }
    found
}

fn restored(evidence: &Evidence<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for copy in &evidence.world.copies {
        let (mailbox, item) = copy.key();
        let Some(now) = evidence.now.get(&copy.key()) else {
            found.push(format!("{item} of {mailbox} is gone"));
            continue;
        };
        let raw = evidence.world.sim.raw_of(&copy.state);
        if raw.as_ref() != Some(&copy.raw) {
            found.push(format!(
                "{item} of {mailbox} is not the message that it was"
            ));
        }
        if now.now.as_ref() != Some(&copy.before) || now.message_id != copy.message_id {
            found.push(format!(
                "{:?} copy {item} of {mailbox} (taken {} times) was {:?}, is {:?}",
                copy.how, now.trips.away, copy.before, now.now
            ));
        }
    }
    found
}

fn untouched(evidence: &Evidence<'_>) -> Vec<String> {
    let mut found: Vec<String> = evidence
        .truth
        .innocent
        .iter()
        .filter(|one| one.touched)
        .map(|one| {
            format!(
                "{:?} {:?} of {} was touched: {}",
                one.kind, one.subject, one.mailbox, one.detail
            )
        })
        .collect();
    let others = [
        (
            "ordinary messages were touched",
            evidence.truth.others_touched,
        ),
        ("sent copies were touched", evidence.truth.sent_touched),
    ];
    found.extend(
        others
            .into_iter()
            .filter(|(_, n)| *n > 0)
            .map(|(what, n)| format!("{n} {what}")),
    );
    for copy in &evidence.world.copies {
        let gone = evidence
            .now
            .get(&copy.key())
            .is_none_or(|now| now.destroyed);
        if gone {
            found.push(format!(
                "{} of {} was deleted",
                copy.message_id, copy.state.mailbox
            ));
        }
        // Out of its reach means out of reach of every move, too.
        let moved = evidence
            .now
            .get(&copy.key())
            .map_or(0, |now| now.trips.away);
        if copy.state.obstacle.is_some() && moved > 0 {
            found.push(format!("{} cannot be reached and was", copy.state.mailbox));
        }
    }
    let deletions = deletions(&evidence.world.sim.counters());
    if deletions > 0 {
        found.push(format!("{deletions} calls deleted mail"));
    }
    found
}

fn drained(evidence: &Evidence<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for job in &evidence.ledger.jobs {
        if job.state == "parked" || !job.is_periodic() {
            found.push(format!(
                "job {} of {} is {} after {} attempts: {}",
                job.kind,
                job.target,
                job.state,
                job.attempts,
                job.last_error.as_deref().unwrap_or("no error")
            ));
        }
    }
    for pull in evidence.ledger.pulls.iter().filter(|p| !p.is_at_rest()) {
        found.push(format!(
            "{} of {} is wanted {} and {}: {}",
            pull.id,
            pull.mailbox,
            pull.desired,
            pull.observed,
            pull.last_error.as_deref().unwrap_or("no error")
        ));
    }
    for pull in evidence
        .ledger
        .pulls
        .iter()
        .filter(|p| p.observed == "failed")
    {
        let why = pull.last_error.as_deref().unwrap_or("no error");
        found.push(format!(
            "{} of {} was given up: {why}",
            pull.id, pull.mailbox
        ));
    }
    found
}

/// Nobody ever decides over a variant here: none that waits for a person moves. One that
/// repeats the campaign's message, links and all, is a copy of it under another id and may
/// be pulled as such; one whose links lead elsewhere may not.
fn doubtful(evidence: &Evidence<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for copy in &evidence.world.copies {
        let moved = evidence
            .now
            .get(&copy.key())
            .map_or(0, |now| now.trips.away);
        if copy.leads_elsewhere && moved > 0 {
            let (mailbox, message) = copy.key();
            let row = evidence.ledger.pulls.iter();
            let row = row
                .into_iter()
                .find(|p| p.mailbox == mailbox && p.message == message);
            found.push(format!(
                "variant {} of {mailbox} was moved, as {row:?}",
                copy.message_id
            ));
        }
    }
    let moving = ["moving", "pulled", "restoring"];
    for pull in &evidence.ledger.pulls {
        if pull.role == "variant" && moving.contains(&pull.observed.as_str()) {
            found.push(format!(
                "{} waits for a person and is {}",
                pull.id, pull.observed
            ));
        }
    }
    found
}
