//! Evidence class `reputation`: what sources outside say.
//!
//! One source can be wrong or be fed: alone it weighs less than condemning needs,
//! and as one class it never decides. What the organisation itself calls bad weighs no
//! more than that, but it is never closed without a person.

use std::collections::BTreeSet;

use crate::{domain::Reputation, message::DefangedUrl, verdict::case::Case};

pub(super) fn run(case: &mut Case<'_>) {
    let facts = case.facts;
    let mut speaking = BTreeSet::new();
    let accusing: BTreeSet<&str> = facts
        .answers
        .iter()
        .filter(|answer| answer.reputation == Reputation::Bad)
        .map(|answer| answer.source.as_str())
        .collect();
    for answer in &facts.answers {
        let shown = DefangedUrl::new(&answer.value, 80);
        let said = Case::shown(&answer.words);
        let evidence = format!("{} says of {} {shown}: {said}", answer.source, answer.kind);
        let place = format!("source:{}", answer.source);
        match answer.reputation {
            Reputation::Bad => {
                speaking.insert(operator(&answer.source));
                case.find("source.bad", &place, evidence);
            }
            // what one source says twice weighs once
            Reputation::Doubtful if !accusing.contains(answer.source.as_str()) => {
                case.find("source.doubtful", &place, evidence);
            }
            Reputation::Doubtful | Reputation::Unlisted | Reputation::Facts | Reputation::Good => {}
        }
    }
    if speaking.len() > 1 {
        let all: Vec<&str> = speaking.into_iter().collect();
        case.find(
            "source.several",
            "source",
            format!("several sources agree: {}", all.join(", ")),
        );
    }
}

/// Who is behind a source: two services of one house are one voice.
fn operator(source: &str) -> &str {
    match source {
        "urlhaus" | "malwarebazaar" | "threatfox" => "abuse.ch",
        list if list.starts_with("dnsbl_") => "blocklists",
        list if list.starts_with("feed_") => "lists",
        other => other,
    }
}
