//! Parts of a search, made of text that an attacker may have chosen: counted,
//! cut and cleaned here, put into a provider's language by its adapter.

/// Entries of one kind taken into one search.
pub(super) const TERMS: usize = 20;
/// Longest phrase, in characters.
const PHRASE: usize = 200;
/// Longest text of a subject, in characters (Exchange's own limit).
const SUBJECT: usize = 255;

/// Gathers the terms of one search and notices what it cannot take.
pub(super) struct Terms {
    /// Octets still free.
    room: usize,
    /// Whether every entry found its place.
    whole: bool,
}

impl Terms {
    /// For a search of at most `room` octets.
    pub(super) const fn new(room: usize) -> Self {
        Self { room, whole: true }
    }

    /// The terms for entries of one kind; `None` from `term` is an entry that the
    /// language cannot hold.
    pub(super) fn take<T>(
        &mut self,
        entries: &[T],
        term: impl Fn(&T) -> Option<String>,
    ) -> Vec<String> {
        let mut taken = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            match term(entry) {
                Some(term) if at < TERMS && term.len() < self.room => {
                    self.room -= term.len();
                    if !taken.contains(&term) {
                        taken.push(term);
                    }
                }
                _ => self.whole = false,
            }
        }
        taken
    }

    /// Whether every entry was taken.
    pub(super) const fn whole(&self) -> bool {
        self.whole
    }
}

/// A phrase without what a search language gives a meaning to (quotes, brackets,
/// wildcards, backslashes) and without invisible characters; a long one ends at
/// a word. `None` when fewer than three letters or digits are left.
pub(super) fn phrase(text: &str) -> Option<String> {
    let mut plain: String = text
        .chars()
        .take(PHRASE)
        .map(|c| if is_mark(c) { ' ' } else { c })
        .collect();
    if text.chars().nth(PHRASE).is_some() {
        // A word cut in two is another word.
        let end = plain.rfind(char::is_whitespace)?;
        plain.truncate(end);
    }
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    telling(&plain).then_some(plain)
}

/// A part of a subject to be compared as it is: its first 255 characters, `None`
/// when it holds control characters or fewer than three letters or digits.
pub(super) fn subject(text: &str) -> Option<String> {
    let part: String = text.trim().chars().take(SUBJECT).collect();
    (telling(&part) && !part.chars().any(char::is_control)).then_some(part)
}

fn is_mark(c: char) -> bool {
    c.is_control() || matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\\' | '{' | '}' | '*')
}

fn telling(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphanumeric()).count() >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_keeps_its_words_and_loses_its_marks() {
        assert_eq!(phrase(" a\"b\\c\r\n{d}* ").as_deref(), Some("a b c d"));
        for nothing in ["", "\"\"", "{}*", "ab", "\r\n"] {
            assert_eq!(phrase(nothing), None, "{nothing:?}");
        }
        let long = format!("first {}", "x".repeat(300));
        assert_eq!(phrase(&long).as_deref(), Some("first"));
        assert_eq!(phrase(&"x".repeat(300)), None);
        assert_eq!(subject("a\r\nb c d"), None);
        assert_eq!(subject(" \"Pay\" now' ").as_deref(), Some("\"Pay\" now'"));
    }

    #[test]
    fn what_finds_no_place_is_noticed() {
        let all = |terms: &mut Terms, count: usize| {
            let entries: Vec<String> = (0..count).map(|n| format!("entry{n}")).collect();
            terms.take(&entries, |entry| Some(entry.clone())).len()
        };
        let mut terms = Terms::new(8_000);
        assert_eq!(all(&mut terms, TERMS), TERMS);
        assert!(terms.whole());
        assert_eq!(all(&mut terms, TERMS + 1), TERMS);
        assert!(!terms.whole());
        let mut small = Terms::new(20);
        assert_eq!(all(&mut small, 5), 3);
        assert!(!small.whole());
        let mut picky = Terms::new(100);
        assert!(picky.take(&["x"], |_| None).is_empty());
        assert!(!picky.whole());
    }
}
