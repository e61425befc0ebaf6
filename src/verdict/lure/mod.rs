//! What a text wants of its reader, in the languages mail comes in.
//!
//! Phrases stand in normal form: lower case, accents stripped, one space between
//! words. They were written from public descriptions of the frauds and widened on
//! the development half of the corpus; none names a person, a mailing list or an
//! address of it.

mod credentials;
pub(super) mod fraud;
mod payment;
mod pretext;
mod sales;
mod windfall;

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// A purpose and the phrases that show it.
pub(super) struct Lure {
    /// Signal id for one phrase; with `_many` for three or more.
    pub id: &'static str,
    pub many: &'static str,
    /// In plain words.
    pub says: &'static str,
    pub phrases: &'static [&'static str],
}

/// The tables in their order: the lures, then what is unwanted but not dangerous.
const TABLES: [&[Lure]; 5] = [
    credentials::CREDENTIALS,
    payment::PAYMENT,
    windfall::WINDFALL,
    pretext::PRETEXT,
    sales::SALES,
];

/// Every purpose, in the order of the tables.
pub(super) fn purposes() -> impl Iterator<Item = &'static Lure> {
    TABLES.into_iter().flatten()
}

/// What a text holds of one purpose.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hits {
    /// Different phrases found.
    pub count: usize,
    /// The first of them in the table.
    pub first: Option<&'static str>,
}

/// A phrase by its first word: list, number of the phrase, its other words.
type Index = HashMap<&'static str, Vec<(usize, usize, Vec<&'static str>)>>;

static INDEX: LazyLock<Index> = LazyLock::new(|| index(purposes().map(|lure| lure.phrases)));

fn index(lists: impl Iterator<Item = &'static [&'static str]>) -> Index {
    let mut index = Index::new();
    for (list, phrases) in lists.enumerate() {
        for (number, phrase) in phrases.iter().enumerate() {
            let mut words = phrase.split(' ');
            if let Some(first) = words.next() {
                let entry = index.entry(first).or_default();
                entry.push((list, number, words.collect()));
            }
        }
    }
    index
}

/// Which phrases of an index a text in words holds: list and number of each.
fn search(index: &Index, words: &[String]) -> HashSet<(usize, usize)> {
    let mut seen = HashSet::new();
    for (at, word) in words.iter().enumerate() {
        for (list, number, rest) in index.get(word.as_str()).into_iter().flatten() {
            let follows = words
                .iter()
                .skip(at + 1)
                .map(String::as_str)
                .take(rest.len())
                .eq(rest.iter().copied());
            if follows {
                seen.insert((*list, *number));
            }
        }
    }
    seen
}

/// What a text in words holds of every purpose, in the order of the tables. One
/// pass over the words; scripts without spaces are searched as they stand.
pub(super) fn hits(words: &[String]) -> Vec<Hits> {
    let seen = search(&INDEX, words);
    let unspaced: String = words
        .iter()
        .filter(|word| !word.is_ascii())
        .map(String::as_str)
        .collect();
    purposes()
        .enumerate()
        .map(|(purpose, lure)| {
            let found: Vec<&'static str> = lure
                .phrases
                .iter()
                .enumerate()
                .filter(|(number, phrase)| {
                    seen.contains(&(purpose, *number))
                        || (!phrase.is_ascii() && unspaced.contains(**phrase))
                })
                .map(|(_, phrase)| *phrase)
                .collect();
            Hits {
                count: found.len(),
                first: found.first().copied(),
            }
        })
        .collect()
}
