//! Messages of one case side by side: what differs from the seed. All texts are a
//! stranger's.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    message::{DefangedUrl, Fingerprint},
    store::submission::Submission,
};

/// Words of a text that are compared.
const WORDS: usize = 500;
/// Links that are shown.
const LINKS: usize = 20;

/// A stretch of a text; whether the seed has it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct Stretch {
    /// It.
    pub text: String,
    /// Whether it differs from the seed.
    pub differs: bool,
}

/// A message compared with the seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct Contrast {
    /// Its subject.
    pub subject: Vec<Stretch>,
    /// Its sender.
    pub sender: Vec<Stretch>,
    /// Its links, defanged, and whether the seed lacks them.
    pub links: Vec<Stretch>,
    /// Its text.
    pub text: Vec<Stretch>,
}

/// Compares a message with the seed, or the seed with itself.
pub(in crate::http) fn contrast(seed: &Submission, other: &Submission) -> Contrast {
    let subject = |of: &Submission| of.subject.clone().unwrap_or_default();
    let sender = |of: &Submission| of.sender.clone().unwrap_or_default();
    let (ours, theirs) = (links(seed), links(other));
    Contrast {
        subject: by_words(&subject(seed), &subject(other)),
        sender: by_words(&sender(seed), &sender(other)),
        links: theirs
            .iter()
            .take(LINKS)
            .map(|link| Stretch {
                text: DefangedUrl::new(link, 200).as_str().to_owned(),
                differs: !ours.contains(link),
            })
            .collect(),
        text: by_words(text(seed), text(other)),
    }
}

fn links(of: &Submission) -> BTreeSet<String> {
    let print: Option<Fingerprint> = of
        .fingerprint
        .clone()
        .and_then(|print| serde_json::from_value(print).ok());
    print
        .map(|print| print.links.into_iter().collect())
        .unwrap_or_default()
}

fn text(of: &Submission) -> &str {
    let found = of.findings.as_ref().and_then(|f| f.get("text_preview"));
    found.and_then(Value::as_str).unwrap_or_default()
}

/// The words of the other text in stretches: those that stand in the seed's in the
/// same order, and those that do not. Costs the product of both lengths.
fn by_words(seed: &str, other: &str) -> Vec<Stretch> {
    let ours: Vec<&str> = seed.split_whitespace().take(WORDS).collect();
    let theirs: Vec<&str> = other.split_whitespace().take(WORDS).collect();
    let width = theirs.len() + 1;
    // longest[i][j]: common words, in order, of what follows i and j
    let mut longest = vec![0_u16; (ours.len() + 1) * width];
    let at = |i: usize, j: usize| i * width + j;
    for (i, own) in ours.iter().enumerate().rev() {
        for (j, their) in theirs.iter().enumerate().rev() {
            let cell = |n: usize| longest.get(n).copied().unwrap_or_default();
            let best = if own == their {
                cell(at(i + 1, j + 1)) + 1
            } else {
                cell(at(i + 1, j)).max(cell(at(i, j + 1)))
            };
            if let Some(slot) = longest.get_mut(at(i, j)) {
                *slot = best;
            }
        }
    }
    let cell = |i: usize, j: usize| longest.get(at(i, j)).copied().unwrap_or_default();
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut i = 0;
    for (j, their) in theirs.iter().enumerate() {
        while ours.get(i).is_some_and(|own| own != their) && cell(i + 1, j) > cell(i, j + 1) {
            i += 1;
        }
        while ours.get(i).is_some_and(|own| own != their)
            && cell(i + 1, j) == cell(i, j)
            && cell(i, j + 1) < cell(i, j)
        {
            i += 1;
        }
        let same = ours.get(i) == Some(their);
        i += usize::from(same);
        match stretches.last_mut() {
            Some(last) if last.differs != same => {
                last.text.push(' ');
                last.text.push_str(their);
            }
            _ => stretches.push(Stretch {
                text: (*their).to_owned(),
                differs: !same,
            }),
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(seed: &str, other: &str) -> String {
        by_words(seed, other)
            .into_iter()
            .map(|s| {
                if s.differs {
                    format!("[{}]", s.text)
                } else {
                    s.text
                }
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn only_what_differs_is_marked() {
        assert_eq!(marked("a b c", "a b c"), "a b c");
        assert_eq!(
            marked("pay the invoice 12 today please", "pay the bill 13 today"),
            "pay the [bill 13] today"
        );
        assert_eq!(marked("x y a b c", "a b c"), "a b c");
        assert_eq!(marked("a x b y c", "a b c d"), "a b c [d]");
        assert_eq!(marked("", "new words"), "[new words]");
        assert_eq!(marked("old", ""), "");
    }

    #[test]
    fn endless_texts_are_compared_in_part() {
        let long = "w ".repeat(100_000);
        let words: usize = by_words(&long, &long)
            .iter()
            .map(|s| s.text.split(' ').count())
            .sum();
        assert_eq!(words, WORDS);
    }
}
