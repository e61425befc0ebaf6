//! What settled reports say of those who made them: one vote a person and case.
//!
//! A person is the mailbox that the directory knows them by, whichever of its addresses
//! or platforms they reported from; guests are nobody. A case that is opened again takes
//! its votes back. It can be switched off.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::{
    app::App,
    domain::{
        Verdict,
        reputation::{self, Accuracy, Vote},
    },
    store::{Rows, StoreError, report::Report, submission::Submission, vote::NewVote},
};

/// What a person's votes come to.
#[must_use]
pub fn accuracy(app: &App, votes: &[(Verdict, Vote)], now: DateTime<Utc>) -> Accuracy {
    let half_life = app.config.reporters.reputation.half_life();
    let votes: Vec<Vote> = votes.iter().map(|(_, vote)| *vote).collect();
    Accuracy::of(&votes, now, half_life)
}

/// Casts the votes on a case that is settled, and takes them back where it is open.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub(super) async fn cast(
    app: &App,
    rows: &Rows<'_>,
    submission: &Submission,
    reports: &[Report],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if !app.config.reporters.reputation.enabled {
        return Ok(());
    }
    let (Some(outcome), Some(source)) = (submission.verdict, submission.verdict_source) else {
        return Ok(());
    };
    let case_key = submission.case_key();
    if outcome.needs_review() {
        return rows.take_votes_back(&case_key).await;
    }
    // one vote a person, whatever their reports of the case were called: the best
    let mut best: BTreeMap<String, f64> = BTreeMap::new();
    for report in reports {
        let Some(credit) = reputation::credit(report.reason, outcome) else {
            continue;
        };
        let Some(person) = rows.person_of(report).await? else {
            continue;
        };
        let known = best.entry(person).or_insert(credit);
        *known = known.max(credit);
    }
    let votes: Vec<NewVote> = best
        .into_iter()
        .map(|(person, credit)| NewVote {
            house: house_of(&person).to_owned(),
            person,
            case_key: case_key.clone(),
            outcome,
            vote: Vote {
                credit,
                weight: reputation::weight(source),
                at: now,
            },
        })
        .collect();
    rows.cast_votes(&votes).await
}

/// The mail domain of an address; empty for an identity without one.
fn house_of(person: &str) -> &str {
    person.rsplit_once('@').map_or("", |(_, domain)| domain)
}
