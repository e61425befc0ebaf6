//! Names of people, in a form that can be compared.

use super::case::folded;

/// Words that stand beside a name and are no part of it.
const TITLES: [&str; 28] = [
    "mr",
    "mrs",
    "ms",
    "miss",
    "dr",
    "prof",
    "professor",
    "phd",
    "mba",
    "msc",
    "bsc",
    "jr",
    "sr",
    "herr",
    "frau",
    "dipl",
    "ing",
    "mme",
    "mlle",
    "sra",
    "dott",
    "ssa",
    "ceo",
    "cfo",
    "coo",
    "cto",
    "cio",
    "president",
];
/// Words of the longest name that is compared.
const MOST_WORDS: usize = 8;

/// The words of a name in small letters, accents off, titles and initials left out,
/// sorted: "Mustermann, Erika" and "Dr. Erika Mustermann" have the same key. `None`
/// for what is no name of a person by its length: fewer than two words, or more than
/// eight.
#[must_use]
pub fn name_key(name: &str) -> Option<String> {
    let mut words = folded(name, &mut Vec::new());
    words.retain(|word| {
        let initial = word.len() == 1 && word.is_ascii();
        !initial && !TITLES.contains(&word.as_str())
    });
    words.sort_unstable();
    (2..=MOST_WORDS)
        .contains(&words.len())
        .then(|| words.join(" "))
}

/// The key of a name as directories write it, with a remark behind the name left out:
/// "Mustermann, Erika (Sales)", "Erika Mustermann | Sales".
#[must_use]
pub fn name_key_of_directory(name: &str) -> Option<String> {
    name.split(['(', '[', '|', '/']).next().and_then(name_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_case_accents_titles_and_remarks_do_not_matter() {
        let key = Some("erika muller".to_owned());
        for name in [
            "Erika Müller",
            "MÜLLER, Erika",
            "Dr. Erika M. Müller",
            "Erika Müller (CEO)",
            "\u{200b}Erika  Mull\u{435}r",
        ] {
            assert_eq!(name_key(name), key, "{name}");
        }
        assert_eq!(name_key_of_directory("Müller, Erika (Sales North)"), key);
        assert_eq!(name_key_of_directory("Erika Müller | Sales"), key);
        for other in ["Erika", "Dr. Müller", "", "(Erika Müller)"] {
            assert_eq!(name_key_of_directory(other), None, "{other}");
        }
        assert_ne!(name_key("Erika Müller via Letters"), key);
        assert_eq!(name_key("a1 b2 c3 d4 e5 f6 g7 h8 i9"), None);
    }
}
