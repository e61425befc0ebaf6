//! Evidence class `reputation`: what sources outside say.
//!
//! One source can be wrong or be fed: alone it weighs less than condemning needs,
//! and as one class it never decides.

use std::collections::BTreeSet;

use crate::{domain::Reputation, message::DefangedUrl, verdict::case::Case};

pub(super) fn run(case: &mut Case<'_>) {
    let facts = case.facts;
    let mut speaking = BTreeSet::new();
    for answer in &facts.answers {
        let shown = DefangedUrl::new(&answer.value, 80);
        let said = Case::shown(&answer.words);
        let evidence = format!("{} says of {} {shown}: {said}", answer.source, answer.kind);
        let place = format!("source:{}", answer.source);
        match answer.reputation {
            Reputation::Bad => {
                speaking.insert(answer.source.as_str());
                case.find("source.bad", &place, evidence);
            }
            Reputation::Doubtful => case.find("source.doubtful", &place, evidence),
            Reputation::Unlisted | Reputation::Facts | Reputation::Good => {}
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
