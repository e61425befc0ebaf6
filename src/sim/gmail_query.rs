//! Gmail's search box: the operators the service uses, and what surrounds
//! them (quotes, OR, braces, brackets, minus).

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// A parsed search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Search {
    All(Vec<Search>),
    Any(Vec<Search>),
    Not(Box<Search>),
    Term {
        operator: String,
        value: String,
    },
    /// Text anywhere in the message.
    Text(String),
}

/// What a search looks at in one message.
pub(super) struct Subject<'a> {
    pub message_id: &'a str,
    pub from: String,
    pub to: String,
    pub delivered_to: &'a str,
    pub subject: &'a str,
    pub text: &'a str,
    pub list: String,
    pub attachments: &'a [String],
    pub labels: Vec<String>,
    pub received: DateTime<Utc>,
    pub now: DateTime<Utc>,
}

const OPERATORS: [&str; 18] = [
    "rfc822msgid",
    "from",
    "to",
    "cc",
    "subject",
    "after",
    "before",
    "newer",
    "older",
    "newer_than",
    "older_than",
    "in",
    "is",
    "label",
    "has",
    "filename",
    "deliveredto",
    "list",
];

struct Reader<'a> {
    rest: &'a str,
}

impl Search {
    /// Reads a search. Like the search box it never refuses: what makes no
    /// sense is looked for as text.
    pub(super) fn parse(q: &str) -> Self {
        let mut reader = Reader { rest: q };
        let mut parts = Vec::new();
        while !reader.rest.trim_start().is_empty() {
            let before = reader.rest.len();
            parts.extend(reader.sequence(0));
            if reader.rest.len() == before {
                // a closing mark without an opening one
                reader.skip();
            }
        }
        Self::All(parts)
    }

    /// Whether it asks for Spam and Trash as well.
    pub(super) fn looks_everywhere(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::looks_everywhere),
            Self::Term { operator, value } => {
                (operator == "in" || operator == "label")
                    && matches!(value.to_lowercase().as_str(), "anywhere" | "spam" | "trash")
            }
            Self::Not(_) | Self::Text(_) => false,
        }
    }

    pub(super) fn holds(&self, of: &Subject<'_>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(of)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(of)),
            Self::Not(inner) => !inner.holds(of),
            Self::Text(text) => of.text.contains(&text.to_lowercase()),
            Self::Term { operator, value } => term(operator, value, of),
        }
    }
}

fn term(operator: &str, value: &str, of: &Subject<'_>) -> bool {
    let folded = value.to_lowercase();
    let bare = |id: &str| id.trim_matches(['<', '>']).to_owned();
    match operator {
        "rfc822msgid" => bare(value) == bare(of.message_id),
        "from" => of.from.to_lowercase().contains(&folded),
        "to" | "cc" => {
            of.to.to_lowercase().contains(&folded) || of.delivered_to.to_lowercase() == folded
        }
        "deliveredto" => of.delivered_to.to_lowercase() == folded,
        "subject" => of.subject.to_lowercase().contains(&folded),
        "list" => of.list.to_lowercase().contains(&folded),
        "after" | "newer" => moment(value).is_some_and(|at| of.received >= at),
        "before" | "older" => moment(value).is_some_and(|at| of.received < at),
        "newer_than" => span(&folded).is_some_and(|span| of.received >= of.now - span),
        "older_than" => span(&folded).is_some_and(|span| of.received < of.now - span),
        "has" => folded == "attachment" && !of.attachments.is_empty(),
        "filename" => of
            .attachments
            .iter()
            .any(|name| name.to_lowercase().contains(&folded)),
        "in" | "is" | "label" => state(&folded, of),
        _ => false,
    }
}

fn state(value: &str, of: &Subject<'_>) -> bool {
    let has = |label: &str| of.labels.iter().any(|one| one.eq_ignore_ascii_case(label));
    match value {
        "anywhere" => true,
        "drafts" => has("DRAFT"),
        "read" => !has("UNREAD"),
        other => {
            let spaced = |text: &str| text.to_lowercase().replace([' ', '/'], "-");
            of.labels.iter().any(|label| spaced(label) == spaced(other))
        }
    }
}

fn moment(value: &str) -> Option<DateTime<Utc>> {
    if let Ok(seconds) = value.parse::<i64>() {
        return DateTime::from_timestamp(seconds, 0);
    }
    let date = NaiveDate::parse_from_str(&value.replace('-', "/"), "%Y/%m/%d").ok()?;
    // plain dates mean midnight Pacific time; standard time is close enough
    Some(date.and_hms_opt(8, 0, 0)?.and_utc())
}

fn span(value: &str) -> Option<TimeDelta> {
    let number: i64 = value.get(..value.len().checked_sub(1)?)?.parse().ok()?;
    match value.chars().last()? {
        'h' => TimeDelta::try_hours(number),
        'd' => TimeDelta::try_days(number),
        'm' => TimeDelta::try_days(number.checked_mul(30)?),
        'y' => TimeDelta::try_days(number.checked_mul(365)?),
        _ => None,
    }
}

const DEEPEST: usize = 32;

impl Reader<'_> {
    fn skip(&mut self) {
        let mut chars = self.rest.trim_start().chars();
        chars.next();
        self.rest = chars.as_str();
    }

    fn takes(&mut self, mark: char) -> bool {
        let trimmed = self.rest.trim_start();
        match trimmed.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn takes_or(&mut self) -> bool {
        let trimmed = self.rest.trim_start();
        let Some(rest) = trimmed.strip_prefix("OR") else {
            return false;
        };
        let ends = rest.is_empty() || rest.starts_with([' ', '(', '{', '"']);
        if ends {
            self.rest = rest;
        }
        ends
    }

    /// Parts up to a closing mark or the end; `OR` binds its two neighbours.
    fn sequence(&mut self, depth: usize) -> Vec<Search> {
        let mut parts: Vec<Search> = Vec::new();
        loop {
            let trimmed = self.rest.trim_start();
            if trimmed.is_empty() || trimmed.starts_with([')', '}']) {
                return parts;
            }
            if self.takes_or() {
                let right = self.unit(depth);
                match (parts.pop(), right) {
                    (Some(Search::Any(mut any)), Some(right)) => {
                        any.push(right);
                        parts.push(Search::Any(any));
                    }
                    (Some(left), Some(right)) => parts.push(Search::Any(vec![left, right])),
                    (left, right) => parts.extend(left.into_iter().chain(right)),
                }
            } else if let Some(unit) = self.unit(depth) {
                parts.push(unit);
            } else {
                return parts;
            }
        }
    }

    fn unit(&mut self, depth: usize) -> Option<Search> {
        if depth > DEEPEST {
            self.rest = "";
            return None;
        }
        if self.takes('-') {
            return self.unit(depth + 1).map(|unit| Search::Not(Box::new(unit)));
        }
        if self.takes('(') {
            let parts = self.sequence(depth + 1);
            self.takes(')');
            return Some(Search::All(parts));
        }
        if self.takes('{') {
            let parts = self.sequence(depth + 1);
            self.takes('}');
            return Some(Search::Any(parts));
        }
        if self.takes('"') {
            return Some(Search::Text(self.quoted()));
        }
        let word = self.word();
        let Some((operator, value)) = word.split_once(':') else {
            return (!word.is_empty()).then(|| Search::Text(word.to_owned()));
        };
        let operator = operator.to_lowercase();
        if !OPERATORS.contains(&operator.as_str()) {
            return Some(Search::Text(word.to_owned()));
        }
        if !value.is_empty() {
            let value = value.to_owned();
            return Some(Search::Term { operator, value });
        }
        Some(self.value_of(operator, depth))
    }

    /// The value after `operator:` when it is quoted or in brackets.
    fn value_of(&mut self, operator: String, depth: usize) -> Search {
        if self.rest.starts_with('"') {
            self.takes('"');
            let value = self.quoted();
            return Search::Term { operator, value };
        }
        let many = self.rest.starts_with('{');
        if many || self.rest.starts_with('(') {
            self.takes(if many { '{' } else { '(' });
            let parts = self.sequence(depth + 1);
            self.takes(if many { '}' } else { ')' });
            let parts = parts
                .into_iter()
                .map(|part| under(&operator, part))
                .collect();
            return if many {
                Search::Any(parts)
            } else {
                Search::All(parts)
            };
        }
        Search::Term {
            operator,
            value: String::new(),
        }
    }

    fn quoted(&mut self) -> String {
        let (value, rest) = self.rest.split_once('"').unwrap_or((self.rest, ""));
        self.rest = rest;
        value.to_owned()
    }

    fn word(&mut self) -> &str {
        let trimmed = self.rest.trim_start();
        let end = trimmed
            .find(|c: char| c.is_whitespace() || "(){}\"".contains(c))
            .unwrap_or(trimmed.len());
        let (word, rest) = trimmed.split_at(end);
        self.rest = rest;
        word
    }
}

/// Turns text inside `operator:(...)` into terms of the operator.
fn under(operator: &str, part: Search) -> Search {
    let all = |parts: Vec<Search>| parts.into_iter().map(|p| under(operator, p)).collect();
    match part {
        Search::Text(value) => Search::Term {
            operator: operator.to_owned(),
            value,
        },
        Search::All(parts) => Search::All(all(parts)),
        Search::Any(parts) => Search::Any(all(parts)),
        Search::Not(inner) => Search::Not(Box::new(under(operator, *inner))),
        term @ Search::Term { .. } => term,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(q: &str) -> bool {
        Search::parse(q).holds(&Subject {
            message_id: "<abc+1@mail.example>",
            from: "IT Desk <it@evil.example>".into(),
            to: "ann@x.example".into(),
            delivered_to: "bob@x.example",
            subject: "Action required",
            text: "action required\nvisit https://login.evil.example/a?b=1 now",
            list: String::new(),
            attachments: &[],
            labels: vec!["UNREAD".into(), "INBOX".into(), "My Projects".into()],
            received: DateTime::from_timestamp(1000, 0).expect("time"),
            now: DateTime::from_timestamp(2000, 0).expect("time"),
        })
    }

    #[test]
    fn the_operators_find_what_they_should() {
        for q in [
            "",
            "rfc822msgid:abc+1@mail.example",
            "rfc822msgid:<abc+1@mail.example>",
            "from:it@evil.example to:bob@x.example",
            "subject:(action required)",
            "subject:\"action required\"",
            "\"LOGIN.evil.example\" after:999 before:1001",
            "{rfc822msgid:nope@x \"login.evil.example\"} in:anywhere",
            "(rfc822msgid:nope OR rfc822msgid:abc+1@mail.example OR zzz) in:inbox",
            "-in:sent is:unread label:my-projects",
            "from:{nobody it}",
            "newer_than:1d -older_than:1d",
            "visit now",
        ] {
            assert!(holds(q), "{q}");
        }
    }

    #[test]
    fn and_do_not_find_what_they_should_not() {
        for q in [
            "rfc822msgid:abc@mail.example",
            "rfc822msgid:abc+1@mail.example in:sent",
            "after:1001",
            "-visit",
            "from:ann@x.example",
            "nope OR never",
            "has:attachment",
            "\"evil.example visit\"",
        ] {
            assert!(!holds(q), "{q}");
        }
    }

    #[test]
    fn nonsense_ends() {
        for q in [
            "((((", "))))", "}{", "-", "OR", "a OR", "from:", "\"", "- -( ",
        ] {
            let _ = Search::parse(q);
        }
        let _ = Search::parse(&"-(".repeat(10_000));
        assert!(Search::parse("in:anywhere x").looks_everywhere());
        assert!(!Search::parse("x in:inbox").looks_everywhere());
    }
}
