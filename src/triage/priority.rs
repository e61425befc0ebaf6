//! What is at stake in a case, gathered when it is settled and whenever more is known.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::standing;
use crate::{
    app::App,
    config::policy::is_below,
    domain::{Verdict, priority::Stakes},
    store::{Rows, StoreError, report::Report, submission::Submission},
};

/// Reports of one campaign whose makers' records are looked up.
const MOST_REPORTERS: u64 = 20;
/// Log-odds from which a link or a file of a message speaks against it.
const PAYLOAD_FROM: f64 = 0.3;

/// Works out what is at stake and records it; also of a case that needs nobody now, for
/// the day it is opened again.
///
/// # Errors
/// [`StoreError`] when the database fails.
pub(super) async fn record(
    app: &App,
    rows: &Rows<'_>,
    submission: &Submission,
    reports: &[Report],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let assessment = submission.assessment.as_ref();
    let reached = reached(app, submission, reports);
    let engine = app.judging.engine();
    let vip = engine
        .policy()
        .vips
        .iter()
        .flat_map(|vip| &vip.addresses)
        .any(|address| reached.contains(address));
    let payload = assessment.is_some_and(|assessment| {
        let against = |class: &str| -> f64 {
            let of_class = assessment.signals.iter().filter(|s| s.class == class);
            of_class.map(|s| s.weight.max(0.0)).sum()
        };
        against("links") >= PAYLOAD_FROM || against("attachments") >= PAYLOAD_FROM
    });
    let mut people = reached.len() as u64;
    if let Some(campaign) = submission.campaign {
        let copies = rows.count_pulls(campaign).await?;
        people = people
            .max(copies.found.saturating_sub(copies.gone))
            .max(rows.count_reports_of_campaign(campaign).await?);
    }
    let waiting = submission.verdict.is_none_or(Verdict::needs_review);
    let since = match rows.stakes_of(submission.id).await? {
        None => submission.created_at,
        // what was closed and is opened again has not waited meanwhile
        Some(before) if waiting && !before.waiting => now,
        Some(before) => before.since,
    };
    let stakes = Stakes {
        malice: assessment.map_or(0.5, |assessment| assessment.score),
        lean: lean(app, rows, submission, reports, now).await?,
        people: u32::try_from(people.max(1)).unwrap_or(u32::MAX),
        vip,
        payload,
        since,
        waiting,
    };
    rows.set_stakes(submission.id, &stakes).await
}

/// People of the organisation who got it: those it names, and those who reported it.
fn reached(app: &App, submission: &Submission, reports: &[Report]) -> BTreeSet<String> {
    let own = &app.config.organisation.domains;
    let headers = submission.findings.as_ref().map(|f| &f["headers"]);
    let named = ["to", "cc"]
        .into_iter()
        .filter_map(|field| headers?.get(field)?.as_array())
        .flatten()
        .filter_map(|person| person.as_str())
        .map(address_of)
        .filter(|address| {
            let domain = address.rsplit('@').next().unwrap_or_default();
            own.iter().any(|own| is_below(domain, own))
        })
        .map(str::to_owned);
    let mut reached: BTreeSet<String> = named.collect();
    let reporters = reports.iter().filter(|report| !report.guest);
    reached.extend(
        reporters
            .filter_map(|report| report.reporter_address.as_ref())
            .map(|address| address.as_str().to_owned()),
    );
    reached
}

/// The address in `Name <address>`, as findings keep people.
fn address_of(person: &str) -> &str {
    let inside = person.rsplit_once('<').map_or(person, |(_, rest)| rest);
    inside.trim_end_matches('>')
}

/// What the records of those who reported it, or another copy of it, add.
async fn lean(
    app: &App,
    rows: &Rows<'_>,
    submission: &Submission,
    reports: &[Report],
    now: DateTime<Utc>,
) -> Result<f64, StoreError> {
    if !app.config.reporters.reputation.enabled {
        return Ok(0.0);
    }
    let others = match submission.campaign {
        Some(campaign) => rows.reports_of_campaign(campaign, MOST_REPORTERS).await?,
        None => Vec::new(),
    };
    let mut people = BTreeSet::new();
    for report in reports.iter().chain(&others) {
        people.extend(rows.person_of(report).await?.map(|person| person.key));
    }
    let mut sum = 0.0;
    for person in &people {
        let votes = rows.votes_of(person).await?;
        sum += standing::accuracy(app, &votes, now).lean();
    }
    Ok(sum)
}
