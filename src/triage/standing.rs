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
    if let Some(campaign) = submission.campaign {
        // what it was reported for alone counts with the campaign from now on
        rows.take_votes_back(&submission.id.to_string()).await?;
        let decided = rows.campaign(campaign).await?.map(|c| c.verdict);
        if outcome.needs_review() && decided.is_some_and(|verdict| !verdict.needs_review()) {
            // one copy is held for a person; the case is decided
            return Ok(());
        }
    }
    if outcome.needs_review() {
        return rows.take_votes_back(&case_key).await;
    }
    // one vote a person, whatever their reports of the case were called: the best
    let mut best: BTreeMap<String, (String, f64)> = BTreeMap::new();
    for report in reports {
        let Some(credit) = reputation::credit(report.reason, outcome) else {
            continue;
        };
        let Some(person) = rows.person_of(report).await? else {
            continue;
        };
        let known = best.entry(person.key).or_insert((person.house, credit));
        known.1 = known.1.max(credit);
    }
    let votes: Vec<NewVote> = best
        .into_iter()
        .map(|(person, (house, credit))| NewVote {
            person,
            house,
            outcome,
            vote: Vote {
                credit,
                weight: reputation::weight(source),
                at: now,
            },
        })
        .collect();
    rows.cast_votes(&case_key, &votes).await
}
