//! The keyword language of Graph's `$search` on messages: words and quoted
//! phrases, alone or under a property, joined by AND (also by standing beside
//! each other), OR and NOT, with brackets.
//!
//! As in Exchange's index, texts are compared word by word: punctuation parts
//! words, letter case says nothing, a `*` at the end makes a prefix.

use chrono::NaiveDate;

use super::letter::{Words, words};

/// A parsed search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Keywords {
    All(Vec<Keywords>),
    Any(Vec<Keywords>),
    Not(Box<Keywords>),
    Phrase {
        place: Place,
        /// Words with one space between and around them; without the last space
        /// for a prefix.
        text: String,
    },
    HasAttachment(bool),
    /// Received on that day or later, or on that day or earlier.
    Received {
        since: bool,
        day: NaiveDate,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    Subject,
    Body,
    From,
    To,
    Attachment,
}

/// The search is not of the known form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Syntax error: the search cannot be read.")]
pub(super) struct BadSearch;

const DEEPEST: usize = 32;

impl Keywords {
    /// Reads the text between the outer quotes, its own quotes not escaped.
    pub(super) fn parse(text: &str) -> Result<Self, BadSearch> {
        let mut reader = Reader { rest: text };
        let search = reader.any(0)?;
        if reader.rest.trim().is_empty() {
            Ok(search)
        } else {
            Err(BadSearch)
        }
    }

    pub(super) fn holds(&self, of: &Words, received: NaiveDate) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(of, received)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(of, received)),
            Self::Not(inner) => !inner.holds(of, received),
            Self::Received { since: true, day } => received >= *day,
            Self::Received { since: false, day } => received <= *day,
            Self::HasAttachment(wanted) => (of.attachments.trim().is_empty()) != *wanted,
            Self::Phrase { place, text } => {
                let within = |field: &String| field.contains(text.as_str());
                match place {
                    Place::Subject => within(&of.subject),
                    Place::Body => within(&of.body),
                    Place::From => within(&of.from),
                    Place::To => within(&of.to),
                    Place::Attachment => within(&of.attachments),
                    Place::Anywhere => {
                        within(&of.subject)
                            || within(&of.body)
                            || within(&of.from)
                            || within(&of.to)
                            || within(&of.attachments)
                    }
                }
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn takes(&mut self, mark: char) -> bool {
        match self.rest.trim_start().strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let trimmed = self.rest.trim_start();
        match trimmed.strip_prefix(word) {
            Some(rest) if rest.is_empty() || rest.starts_with([' ', '(', '"']) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn any(&mut self, depth: usize) -> Result<Keywords, BadSearch> {
        let mut parts = vec![self.all(depth)?];
        while self.takes_word("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(single(parts, Keywords::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Keywords, BadSearch> {
        let mut parts = vec![self.one(depth)?];
        loop {
            self.takes_word("AND");
            let next = self.rest.trim_start();
            let or = next == "OR" || next.starts_with("OR ");
            if next.is_empty() || next.starts_with(')') || or {
                return Ok(single(parts, Keywords::All));
            }
            parts.push(self.one(depth)?);
        }
    }

    fn one(&mut self, depth: usize) -> Result<Keywords, BadSearch> {
        if depth > DEEPEST {
            return Err(BadSearch);
        }
        if self.takes_word("NOT") {
            return Ok(Keywords::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.takes('(') {
            let inner = self.any(depth + 1)?;
            return if self.takes(')') {
                Ok(inner)
            } else {
                Err(BadSearch)
            };
        }
        if self.takes('"') {
            return phrase(Place::Anywhere, &self.quoted()?);
        }
        let trimmed = self.rest.trim_start();
        let end = trimmed
            .find(|c: char| c.is_whitespace() || "()\"".contains(c))
            .unwrap_or(trimmed.len());
        let (word, rest) = trimmed.split_at(end);
        self.rest = rest;
        if let Some(bound) = word.strip_prefix("received") {
            for (mark, since) in [(">=", true), ("<=", false)] {
                if let Some(day) = bound.strip_prefix(mark) {
                    let day = day.parse().map_err(|_| BadSearch)?;
                    return Ok(Keywords::Received { since, day });
                }
            }
        }
        let Some((property, value)) = word.split_once(':') else {
            return phrase(Place::Anywhere, word);
        };
        let place = match property.to_lowercase().as_str() {
            "subject" => Place::Subject,
            "body" => Place::Body,
            "from" => Place::From,
            "to" | "cc" | "recipients" | "participants" => Place::To,
            "attachment" => Place::Attachment,
            "hasattachment" | "hasattachments" => {
                return value
                    .parse()
                    .map(Keywords::HasAttachment)
                    .map_err(|_| BadSearch);
            }
            _ => return Err(BadSearch),
        };
        if value.is_empty() && self.rest.starts_with('"') {
            self.takes('"');
            return phrase(place, &self.quoted()?);
        }
        phrase(place, value)
    }

    fn quoted(&mut self) -> Result<String, BadSearch> {
        let (value, rest) = self.rest.split_once('"').ok_or(BadSearch)?;
        self.rest = rest;
        Ok(value.to_owned())
    }
}

fn phrase(place: Place, text: &str) -> Result<Keywords, BadSearch> {
    let prefix = text.ends_with('*');
    let mut text = words(text);
    if text.trim().is_empty() {
        return Err(BadSearch);
    }
    if prefix {
        text.truncate(text.trim_end().len());
    }
    Ok(Keywords::Phrase { place, text })
}

fn single(mut parts: Vec<Keywords>, many: fn(Vec<Keywords>) -> Keywords) -> Keywords {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Letter;

    fn holds(text: &str) -> bool {
        let letter = Letter::new(
            b"From: IT Desk <it@evil.example>\r\nTo: ann@x.example\r\nSubject: Invoice 4711 is due\r\n\r\nGo to https://login.evil.example/a/b?c=1 now\r\n",
        );
        let day = NaiveDate::from_ymd_opt(2026, 1, 2).expect("a day");
        Keywords::parse(text).is_ok_and(|search| search.holds(&letter.words, day))
    }

    #[test]
    fn words_phrases_and_properties_are_found() {
        for text in [
            "invoice",
            "\"invoice 4711\"",
            "subject:\"INVOICE 4711 is\"",
            "body:\"login.evil.example/a/b\"",
            "from:it@evil.example",
            "from:\"it desk\" AND body:now",
            "subject:nothing OR body:login",
            "(subject:nothing OR from:desk) body:evil",
            "NOT subject:nothing",
            "subject:invo*",
            "hasAttachment:false",
            "(invoice) AND received>=2026-01-02 AND received<=2026-01-02",
        ] {
            assert!(holds(text), "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "subject:login",
            "body:log",
            "\"4711 invoice\"",
            "from:ann",
            "attachment:invoice",
            "subject:invoice subject:nothing",
            "NOT subject:invoice",
            "invoice AND received>=2026-01-03",
            "invoice AND received<=2026-01-01",
        ] {
            assert!(!holds(text), "{text}");
        }
        for bad in [
            "",
            "\"open",
            "(a",
            "a)",
            "colour:red",
            "body:",
            "\"--\"",
            "received>=soon",
        ] {
            assert_eq!(Keywords::parse(bad), Err(BadSearch), "{bad}");
        }
        assert!(Keywords::parse(&"(".repeat(10_000)).is_err());
    }
}
