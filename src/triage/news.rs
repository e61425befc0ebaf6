//! What has become known about a message since it was judged, in words.

use std::collections::HashMap;

use super::lookups::Enrichment;
use crate::{
    domain::{AskedKind, OWN_LIST, Reputation, SourceAnswer},
    message::DefangedUrl,
};

/// Characters of a value that are shown.
const SHOWN: usize = 100;

/// What is news, and what is to be kept as the cause of the last judgement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct News {
    /// What nobody waited for and changes what is known.
    pub fresh: Option<String>,
    /// The same, or what it was before when nothing changed since: a step that is
    /// taken again after a fall must still know why it was taken.
    pub kept: Option<String>,
}

type Key<'a> = (&'a str, AskedKind, &'a str);

fn by_key(known: &Enrichment) -> HashMap<Key<'_>, &SourceAnswer> {
    let answers = known.answers.iter();
    answers
        .map(|one| ((one.source.as_str(), one.kind, one.value.as_str()), one))
        .collect()
}

/// Compares what was known with what is known now. An answer that a source owed is no
/// news, for it was waited for; neither is a source that knows nothing of a value.
pub(super) fn between(before: &Enrichment, now: &Enrichment) -> News {
    let (old, new) = (by_key(before), by_key(now));
    let mut lines: Vec<(bool, String)> = Vec::new();
    let mut changed = false;
    for answer in &now.answers {
        let key = (answer.source.as_str(), answer.kind, answer.value.as_str());
        let was = old.get(&key).map(|old| old.reputation);
        if was == Some(answer.reputation) {
            continue;
        }
        changed = true;
        let judges = matches!(answer.reputation, Reputation::Bad | Reputation::Doubtful);
        let own = answer.source == OWN_LIST;
        let owed = before.awaited.contains_key(&answer.source);
        if was.is_some() || own || (judges && !owed) {
            let line = format!(
                "{} says of {}: {}",
                answer.source,
                shown(answer),
                answer.reputation.as_str()
            );
            lines.push((answer.reputation != Reputation::Bad, line));
        }
    }
    for answer in before.answers.iter().filter(|one| one.source == OWN_LIST) {
        let key = (answer.source.as_str(), answer.kind, answer.value.as_str());
        if !new.contains_key(&key) {
            changed = true;
            let line = format!(
                "{OWN_LIST} no longer says of {}: {}",
                shown(answer),
                answer.reputation.as_str()
            );
            lines.push((true, line));
        }
    }
    lines.sort();
    let more = lines.len().saturating_sub(1);
    let fresh = lines.into_iter().next().map(|(_, line)| match more {
        0 => line,
        more => format!("{line} (and {more} more)"),
    });
    let kept = fresh
        .clone()
        .or_else(|| before.news.clone().filter(|_| !changed));
    News { fresh, kept }
}

fn shown(answer: &SourceAnswer) -> String {
    format!("{} {}", answer.kind, DefangedUrl::new(&answer.value, SHOWN))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;

    use super::*;

    fn answer(source: &str, value: &str, reputation: Reputation) -> SourceAnswer {
        SourceAnswer {
            source: source.to_owned(),
            kind: AskedKind::Domain,
            value: value.to_owned(),
            reputation,
            words: String::new(),
            details: BTreeMap::new(),
            asked_at: DateTime::UNIX_EPOCH,
            cached: false,
        }
    }

    fn known(answers: &[SourceAnswer]) -> Enrichment {
        Enrichment {
            answers: answers.to_vec(),
            ..Enrichment::default()
        }
    }

    #[test]
    fn news_is_what_nobody_waited_for() {
        let unlisted = answer("urlhaus", "evil.example", Reputation::Unlisted);
        let bad = answer("urlhaus", "evil.example", Reputation::Bad);
        let before = known(std::slice::from_ref(&unlisted));
        let now = known(std::slice::from_ref(&bad));
        let told = between(&before, &now).fresh.unwrap();
        assert_eq!(told, "urlhaus says of domain evil[.]example: bad");
        assert_eq!(between(&before, &before).fresh, None);

        let mut waiting = known(&[]);
        waiting.awaited.insert("urlhaus".to_owned(), String::new());
        assert_eq!(between(&waiting, &now).fresh, None, "it was owed");
        assert!(between(&known(&[]), &now).fresh.is_some(), "it was not");
        assert_eq!(between(&known(&[]), &before).fresh, None, "nothing known");
    }

    #[test]
    fn the_gravest_comes_first_and_a_withdrawal_is_told() {
        let own = answer(OWN_LIST, "evil.example", Reputation::Bad);
        let mild = answer("a_list", "evil.example", Reputation::Doubtful);
        let now = known(&[mild, own.clone()]);
        assert_eq!(
            between(&known(&[]), &now).fresh.as_deref(),
            Some("own_list says of domain evil[.]example: bad (and 1 more)")
        );
        assert_eq!(
            between(&known(&[own]), &known(&[])).fresh.as_deref(),
            Some("own_list no longer says of domain evil[.]example: bad")
        );
    }

    #[test]
    fn the_cause_outlives_a_fall_and_not_a_change() {
        let mut judged = known(&[answer("urlhaus", "evil.example", Reputation::Bad)]);
        judged.news = Some("why".to_owned());
        let again = between(&judged, &known(&judged.answers.clone()));
        assert_eq!(
            again,
            News {
                fresh: None,
                kept: Some("why".to_owned())
            }
        );
        let mut more = judged.answers.clone();
        more.push(answer("rdap", "evil.example", Reputation::Facts));
        assert_eq!(between(&judged, &known(&more)).kept, None);
    }
}
