//! What people are told: letters, receipts, the audit trail.

use std::collections::{HashMap, HashSet};

use unhook::{remediation::receipt, sim::Letter};

use super::Evidence;
use crate::{
    child::ANALYST,
    ledger::{LetterRow, SearchRow, SubmissionRow},
};

/// A letter as it lies in its reporter's mailbox.
struct Arrived {
    message_id: String,
    report: String,
}

fn arrived(evidence: &Evidence<'_>) -> Vec<Arrived> {
    let mut people: Vec<&str> = evidence
        .sent
        .iter()
        .map(|s| s.click.address.as_str())
        .collect();
    people.sort_unstable();
    people.dedup();
    let mut all = Vec::new();
    for person in people {
        for raw in evidence.world.sim.letters_of(person) {
            let text = String::from_utf8_lossy(&raw).into_owned();
            let report = text
                .lines()
                .find_map(|line| line.strip_prefix("X-Unhook-Report: "));
            all.push(Arrived {
                message_id: Letter::new(&raw)
                    .message_id
                    .trim_matches(['<', '>'])
                    .to_owned(),
                report: report.unwrap_or_default().trim().to_owned(),
            });
        }
    }
    all
}

/// Whether a submission has come to an end of which its reporters are told, and which.
fn settled<'a>(evidence: &Evidence<'_>, submission: &'a SubmissionRow) -> Option<&'a str> {
    let verdict = submission.verdict.as_deref()?;
    if verdict == "malicious" {
        // Put back, or halted, and still called so: what to say is for a person.
        let campaign = submission.campaign.as_ref()?;
        let remediation = evidence.ledger.remediations.get(campaign)?;
        if remediation.state != "closed" || remediation.halted.is_some() {
            return None;
        }
    }
    Some(verdict)
}

/// At most one letter a reporter, case and outcome lies in the mailboxes, each of those
/// that is said to be sent does, and nobody who is to be told was forgotten.
pub fn letters(evidence: &Evidence<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let arrived = arrived(evidence);
    let mut count: HashMap<&str, usize> = HashMap::new();
    for letter in &arrived {
        *count.entry(&letter.message_id).or_default() += 1;
    }
    for (id, n) in count.iter().filter(|(_, n)| **n > 1) {
        found.push(format!("letter {id} arrived {n} times"));
    }
    let rows = &evidence.ledger.letters;
    let sent_to = |row: &LetterRow| {
        let same = |other: &&LetterRow| {
            other.reporter == row.reporter && other.case == row.case && other.state == "sent"
        };
        rows.iter().filter(same).count()
    };
    for letter in &arrived {
        if rows.iter().any(|row| row.message_id == letter.message_id) {
            continue;
        }
        // What was said again after it was contradicted has an id of its own.
        let of_report = rows.iter().filter(|row| row.report == letter.report);
        if !of_report.into_iter().any(|row| sent_to(row) > 1) {
            found.push(format!("{} arrived and no row has it", letter.message_id));
        }
    }
    for row in rows {
        let there = count.contains_key(row.message_id.as_str());
        match row.state.as_str() {
            "sent" if !there => {
                found.push(format!(
                    "{} is called sent and never arrived",
                    row.message_id
                ));
            }
            "sent" | "superseded" => {}
            other => found.push(format!(
                "the letter {} about {} is {other}",
                row.message_id, row.report
            )),
        }
    }
    for report in &evidence.ledger.reports {
        let submission = evidence.ledger.submissions.get(&report.submission);
        let Some(submission) = submission else {
            found.push(format!("{} has no submission", report.id));
            continue;
        };
        let Some(outcome) = settled(evidence, submission) else {
            continue;
        };
        let case = submission.campaign.as_ref().unwrap_or(&report.submission);
        let told = rows.iter().any(|row| {
            row.reporter == report.reporter
                && row.case == *case
                && row.outcome == outcome
                && row.state == "sent"
        });
        if !told {
            let theirs: Vec<&LetterRow> = rows
                .iter()
                .filter(|row| row.reporter == report.reporter)
                .collect();
            found.push(format!(
                "{} was judged {outcome} in {case} and {} was not told: {theirs:?}",
                report.id, report.reporter
            ));
        }
    }
    found
}

/// Every search is over with every mailbox, or was stopped by a decision; what its receipt
/// says is so; and where it says complete, no copy that can be reached has no row.
pub fn searches(evidence: &Evidence<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for search in &evidence.ledger.searches {
        match search.state.as_str() {
            "done" => found.extend(done(evidence, search)),
            "stopped" => {}
            other => found.push(format!("{} is {other}", search.id)),
        }
    }
    found
}

fn done(evidence: &Evidence<'_>, search: &SearchRow) -> Vec<String> {
    let id = &search.id;
    let mut found = Vec::new();
    let open: Vec<&str> = search
        .mailboxes
        .iter()
        .filter(|(_, state, owed)| *owed || state == "waiting" || state == "retrying")
        .map(|(address, ..)| address.as_str())
        .collect();
    if !open.is_empty() || search.forwards_open > 0 {
        found.push(format!(
            "{id} is done with {open:?} and {} forwards open",
            search.forwards_open
        ));
    }
    // Nobody of the directory is missing.
    let state_of: HashMap<&str, &str> = search
        .mailboxes
        .iter()
        .map(|(address, state, _)| (address.as_str(), state.as_str()))
        .collect();
    let beyond: HashSet<&str> = evidence
        .truth
        .unreachable
        .iter()
        .filter(|place| place.reason != "archive")
        .map(|place| place.mailbox.as_str())
        .collect();
    for user in &evidence.world.sim.organisation().users {
        let address = user.address.as_str();
        match state_of.get(address) {
            None => found.push(format!("{id} has no line for {address}")),
            Some(&"searched") if beyond.contains(address) => {
                found.push(format!("{id} calls {address} searched, which cannot be"));
            }
            Some(&"unreachable") if !beyond.contains(address) => {
                found.push(format!("{id} calls {address} unreachable, which it is not"));
            }
            Some(_) => {}
        }
    }
    let file = search.receipt.as_deref();
    let file: Option<serde_json::Value> = file.and_then(|text| serde_json::from_str(text).ok());
    let Some(file) = file else {
        found.push(format!("{id} is done and has no receipt"));
        return found;
    };
    match receipt::check(&file, None) {
        Err(error) => found.push(format!("the receipt of {id}: {error}")),
        Ok(told) if told.complete => found.extend(complete(evidence, search)),
        Ok(_) => {}
    }
    found
}

/// Copies without a row, of the campaign that a search was about.
fn complete(evidence: &Evidence<'_>, search: &SearchRow) -> Vec<String> {
    let campaign = search.campaign.as_ref();
    let seed = campaign
        .and_then(|id| evidence.ledger.campaigns.get(id))
        .and_then(|campaign| evidence.ledger.submissions.get(&campaign.seed))
        .and_then(|seed| seed.message_id.as_deref());
    let world = evidence.world;
    let wave = world.waves.iter().position(|id| Some(id.as_str()) == seed);
    // Whom somebody out of reach passed it on to cannot be followed.
    let broken = world
        .copies
        .iter()
        .any(|copy| Some(copy.wave) == wave && copy.state.obstacle.is_some());
    let known: HashSet<(&str, &str)> = evidence
        .ledger
        .pulls
        .iter()
        .filter(|pull| pull.observed != "changed")
        .map(|pull| (pull.mailbox.as_str(), pull.message.as_str()))
        .collect();
    world
        .copies
        .iter()
        .filter(|copy| Some(copy.wave) == wave && world.may_be_reported(copy))
        .filter(|copy| copy.state.depth == 0 || !broken)
        .filter(|copy| !known.contains(&(copy.state.mailbox.as_str(), copy.state.item_id.as_str())))
        .map(|copy| {
            format!(
                "the receipt of {} says complete, and {:?} copy {} at depth {} in {} is unknown",
                search.id, copy.how, copy.state.item_id, copy.state.depth, copy.state.mailbox
            )
        })
        .collect()
}

/// The chain holds, every copy at rest has its entry, and so has every decision that was
/// acknowledged.
pub fn trail(evidence: &Evidence<'_>) -> Vec<String> {
    let mut found = evidence.chain.clone();
    let mut told: HashSet<(&str, &str)> = HashSet::new();
    for entry in &evidence.ledger.audit {
        told.extend(entry.pulls().map(|pull| (pull, entry.action.as_str())));
    }
    for pull in &evidence.ledger.pulls {
        let moved = matches!(pull.observed.as_str(), "pulled" | "restored");
        if moved && !told.contains(&(pull.id.as_str(), pull.observed.as_str())) {
            found.push(format!(
                "{} is {} and no entry says so",
                pull.id, pull.observed
            ));
        }
        if pull.intent_at.is_some() && !told.contains(&(pull.id.as_str(), "pull_begun")) {
            found.push(format!("{} was intended and no entry says so", pull.id));
        }
    }
    let by_analyst =
        |entry: &&crate::ledger::AuditRow| entry.action == "verdict" && entry.actor == ANALYST;
    let verdicts = evidence.ledger.audit.iter().filter(by_analyst).count();
    let known = evidence.verdicts;
    if verdicts < known.acked || verdicts > known.sent {
        found.push(format!(
            "{} verdicts were sent and {} acknowledged; the trail tells of {verdicts}",
            known.sent, known.acked
        ));
    }
    found
}
