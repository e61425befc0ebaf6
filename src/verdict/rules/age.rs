//! Domains that were registered shortly before the message came.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};

use super::links::speaks_of_login;
use crate::{
    domain::{AskedKind, Reputation},
    verdict::case::Case,
};

/// Younger domains are new, days. Most domains of a fraud are used within days of
/// their registration.
const NEW: i64 = 30;

pub(super) fn run(case: &mut Case<'_>) {
    let new = new_domains(case);
    if new.is_empty() {
        return;
    }
    let is_new = |domain: &str| new.iter().any(|(known, _)| known == domain);
    let ways = || {
        let followed = case.ways.iter();
        followed.filter(|way| is_new(&way.facts.domain) && !case.is_own(&way.facts.domain))
    };
    let asks = ["lure.credential", "form.password", "file.password_form"]
        .iter()
        .any(|id| case.has(id));
    let login = ways().find(|way| {
        let path = url::Url::parse(way.url).map(|url| url.path().to_ascii_lowercase());
        asks || path.is_ok_and(|path| speaks_of_login(&path))
    });
    let author = case.domain.clone();
    let other = ways().find(|way| way.facts.domain != author);
    let found = match (login, other) {
        (Some(way), _) => Some((way, "link.new_domain_login", "asks to sign in at")),
        (None, Some(way)) => Some((way, "link.new_domain", "leads to")),
        (None, None) => None,
    };
    let found = found.map(|(way, id, how)| {
        let domain = way.facts.domain.clone();
        let words = age(&new, &domain);
        let evidence = format!("{how} {}, {words}", Case::shown(&domain));
        (id, way.place.to_owned(), evidence, domain)
    });
    let mut told = None;
    if let Some((id, place, evidence, domain)) = found {
        case.find(id, &place, evidence);
        told = Some(domain);
    }
    // one fact is told once
    if is_new(&author) && !case.is_own(&author) && told.as_ref() != Some(&author) {
        let evidence = format!(
            "the sender's domain {}, {}",
            Case::shown(&author),
            age(&new, &author)
        );
        case.find("sender.new_domain", "header:From", evidence);
    }
}

/// Domains registered less than thirty days before the message was received, with
/// their age in days.
fn new_domains(case: &Case<'_>) -> BTreeSet<(String, i64)> {
    let facts = case.facts;
    let came = facts.received.unwrap_or(facts.now).date_naive();
    let registered = facts
        .answers
        .iter()
        .filter(|answer| answer.source == "rdap" && answer.kind == AskedKind::Domain)
        .filter(|answer| answer.reputation == Reputation::Facts);
    registered
        .filter_map(|answer| {
            let day = answer.details.get("registered")?;
            let day = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
            let days = (came - day).num_days();
            // a registry's day may be ahead of ours; later than that it was registered
            // anew, and says nothing of who sent the message
            let ahead = came.checked_add_signed(TimeDelta::days(1))?;
            (day <= ahead && days < NEW).then(|| (answer.value.clone(), days.max(0)))
        })
        .collect()
}

fn age(new: &BTreeSet<(String, i64)>, domain: &str) -> String {
    let days = new.iter().find(|(known, _)| known == domain);
    match days.map_or(0, |(_, days)| *days) {
        0 => "registered on the day it came".to_owned(),
        1 => "registered a day before it came".to_owned(),
        days => format!("registered {days} days before it came"),
    }
}
