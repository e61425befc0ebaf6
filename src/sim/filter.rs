//! The part of OData's `$filter` and `$orderby` that Graph takes on messages,
//! users and groups. Anything else is refused, as Graph does.

use chrono::{DateTime, Utc};

/// A value to compare with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Time(DateTime<Utc>),
    Bool(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Ge,
    Gt,
    Le,
    Lt,
    Contains,
    StartsWith,
    /// `path/any(x:x eq 'v')`
    AnyEq,
}

/// A parsed filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Test {
        path: String,
        comparison: Comparison,
        literal: Literal,
    },
}

/// The expression is not of the known form; holds what stood in the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid filter clause: {0}")]
pub(super) struct BadFilter(pub String);

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Colon,
    Word(String),
    Text(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, BadFilter> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => {}
            '(' => found.push(Token::Open),
            ')' => found.push(Token::Close),
            ',' => found.push(Token::Comma),
            '\'' => {
                let mut value = String::new();
                loop {
                    match rest.next() {
                        Some('\'') if rest.peek() == Some(&'\'') => {
                            rest.next();
                            value.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => value.push(other),
                        None => return Err(BadFilter("unterminated string literal".into())),
                    }
                }
                found.push(Token::Text(value));
            }
            // a colon starts a lambda body; inside a time it belongs to the word
            ':' => found.push(Token::Colon),
            _ if word_char(c) => {
                let mut word = String::from(c);
                while let Some(next) = rest.peek() {
                    let in_time = *next == ':' && word.starts_with(|c: char| c.is_ascii_digit());
                    if word_char(*next) || in_time {
                        word.push(*next);
                        rest.next();
                    } else {
                        break;
                    }
                }
                found.push(Token::Word(word));
            }
            other => return Err(BadFilter(format!("unexpected character '{other}'"))),
        }
    }
    Ok(found)
}

fn word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_/.-+@".contains(c)
}

const DEEPEST: usize = 32;

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Filter {
    /// Reads a `$filter`; `known` are the properties it may name.
    pub(super) fn parse(text: &str, known: &[&str]) -> Result<Self, BadFilter> {
        let mut reader = Reader {
            tokens: tokens(text)?,
            at: 0,
        };
        let filter = reader.any_of(known, 0)?;
        match reader.peek() {
            None => Ok(filter),
            Some(token) => Err(BadFilter(format!("unexpected {token:?}"))),
        }
    }

    /// Whether it holds, given the truth of each single test.
    pub(super) fn holds(&self, test: &impl Fn(&str, Comparison, &Literal) -> bool) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.holds(test)),
            Self::Or(any) => any.iter().any(|one| one.holds(test)),
            Self::Not(inner) => !inner.holds(test),
            Self::Test {
                path,
                comparison,
                literal,
            } => test(path, *comparison, literal),
        }
    }

    /// The properties in the order in which they are named.
    pub(super) fn paths(&self) -> Vec<&str> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::paths).collect(),
            Self::Not(inner) => inner.paths(),
            Self::Test { path, .. } => vec![path],
        }
    }
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn expect(&mut self, token: &Token) -> Result<(), BadFilter> {
        match self.next() {
            Some(found) if found == *token => Ok(()),
            other => Err(BadFilter(format!("expected {token:?}, found {other:?}"))),
        }
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(next)) if next == word);
        if found {
            self.at += 1;
        }
        found
    }

    fn any_of(&mut self, known: &[&str], depth: usize) -> Result<Filter, BadFilter> {
        let mut parts = vec![self.all_of(known, depth)?];
        while self.takes_word("or") {
            parts.push(self.all_of(known, depth)?);
        }
        Ok(single(parts, Filter::Or))
    }

    fn all_of(&mut self, known: &[&str], depth: usize) -> Result<Filter, BadFilter> {
        let mut parts = vec![self.one(known, depth)?];
        while self.takes_word("and") {
            parts.push(self.one(known, depth)?);
        }
        Ok(single(parts, Filter::And))
    }

    fn one(&mut self, known: &[&str], depth: usize) -> Result<Filter, BadFilter> {
        if depth > DEEPEST {
            return Err(BadFilter("nested too deeply".into()));
        }
        if self.takes_word("not") {
            return Ok(Filter::Not(Box::new(self.one(known, depth + 1)?)));
        }
        match self.next() {
            Some(Token::Open) => {
                let inner = self.any_of(known, depth + 1)?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Some(Token::Word(word)) if word == "contains" || word == "startswith" => {
                self.expect(&Token::Open)?;
                let path = self.path(known)?;
                self.expect(&Token::Comma)?;
                let literal = self.literal()?;
                self.expect(&Token::Close)?;
                Ok(Filter::Test {
                    path,
                    comparison: if word == "contains" {
                        Comparison::Contains
                    } else {
                        Comparison::StartsWith
                    },
                    literal,
                })
            }
            Some(Token::Word(word)) if word.ends_with("/any") => self.lambda(&word, known),
            Some(Token::Word(word)) => {
                let path = known_path(&word, known)?;
                let comparison = self.comparison()?;
                Ok(Filter::Test {
                    path,
                    comparison,
                    literal: self.literal()?,
                })
            }
            other => Err(BadFilter(format!("expected a property, found {other:?}"))),
        }
    }

    fn lambda(&mut self, word: &str, known: &[&str]) -> Result<Filter, BadFilter> {
        let path = known_path(word.trim_end_matches("/any"), known)?;
        self.expect(&Token::Open)?;
        let Some(Token::Word(variable)) = self.next() else {
            return Err(BadFilter("expected a range variable".into()));
        };
        self.expect(&Token::Colon)?;
        let variable = Token::Word(variable);
        self.expect(&variable)?;
        if self.comparison()? != Comparison::Eq {
            return Err(BadFilter("only eq is supported inside any".into()));
        }
        let literal = self.literal()?;
        self.expect(&Token::Close)?;
        Ok(Filter::Test {
            path,
            comparison: Comparison::AnyEq,
            literal,
        })
    }

    fn path(&mut self, known: &[&str]) -> Result<String, BadFilter> {
        match self.next() {
            Some(Token::Word(word)) => known_path(&word, known),
            other => Err(BadFilter(format!("expected a property, found {other:?}"))),
        }
    }

    fn comparison(&mut self) -> Result<Comparison, BadFilter> {
        match self.next() {
            Some(Token::Word(word)) => match word.as_str() {
                "eq" => Ok(Comparison::Eq),
                "ne" => Ok(Comparison::Ne),
                "ge" => Ok(Comparison::Ge),
                "gt" => Ok(Comparison::Gt),
                "le" => Ok(Comparison::Le),
                "lt" => Ok(Comparison::Lt),
                other => Err(BadFilter(format!("unknown operator {other}"))),
            },
            other => Err(BadFilter(format!("expected an operator, found {other:?}"))),
        }
    }

    fn literal(&mut self) -> Result<Literal, BadFilter> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            Some(Token::Word(word)) if word == "true" => Ok(Literal::Bool(true)),
            Some(Token::Word(word)) if word == "false" => Ok(Literal::Bool(false)),
            Some(Token::Word(word)) => DateTime::parse_from_rfc3339(&word)
                .map(|time| Literal::Time(time.to_utc()))
                .map_err(|_| BadFilter(format!("unknown literal {word}"))),
            other => Err(BadFilter(format!("expected a literal, found {other:?}"))),
        }
    }
}

fn known_path(word: &str, known: &[&str]) -> Result<String, BadFilter> {
    known
        .iter()
        .find(|path| path.eq_ignore_ascii_case(word))
        .map(|path| (*path).to_owned())
        .ok_or_else(|| BadFilter(format!("could not find a property named '{word}'")))
}

fn single(mut parts: Vec<Filter>, many: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

/// One property of an `$orderby`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub path: String,
    pub descending: bool,
}

/// Reads an `$orderby`.
pub(super) fn order(text: &str, known: &[&str]) -> Result<Vec<Order>, BadFilter> {
    text.split(',')
        .map(|part| {
            let mut words = part.split_whitespace();
            let path = known_path(words.next().unwrap_or_default(), known)?;
            let descending = match words.next() {
                None | Some("asc") => false,
                Some("desc") => true,
                Some(other) => return Err(BadFilter(format!("unknown direction {other}"))),
            };
            Ok(Order { path, descending })
        })
        .collect()
}

/// Exchange's rule: every ordered property is in the filter, first and in the
/// same order; otherwise the query is answered with `InefficientFilter`.
pub(super) fn is_efficient(filter: Option<&Filter>, order: &[Order]) -> bool {
    let Some(filter) = filter else {
        return true;
    };
    let mut paths: Vec<&str> = Vec::new();
    for path in filter.paths() {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    order
        .iter()
        .enumerate()
        .all(|(at, order)| paths.get(at).is_some_and(|path| *path == order.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = [
        "internetMessageId",
        "subject",
        "receivedDateTime",
        "proxyAddresses",
    ];

    #[test]
    fn conjunctions_bind_tighter_and_quotes_double() {
        let filter = Filter::parse(
            "subject eq 'it''s' or internetMessageId eq '<a+b@x>' and receivedDateTime ge 2026-01-01T00:00:00Z",
            &KNOWN,
        )
        .expect("filter");
        assert!(matches!(&filter, Filter::Or(parts) if parts.len() == 2));
        assert!(filter.holds(
            &|path, _, literal| path == "subject" && *literal == Literal::Text("it's".into())
        ));
        assert!(!filter.holds(&|path, _, _| path == "internetMessageId"));
    }

    #[test]
    fn calls_lambdas_and_brackets_are_read() {
        for good in [
            "contains(subject,'x')",
            "not (startswith(subject, 'x'))",
            "proxyAddresses/any(p:p eq 'smtp:a@b.example')",
            "(subject eq 'a' or subject eq 'b') and receivedDateTime lt 2026-01-01T00:00:00.5Z",
        ] {
            assert!(Filter::parse(good, &KNOWN).is_ok(), "{good}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "subject",
            "subject eq",
            "subject eq 'x",
            "subject like 'x'",
            "unknown eq 'x'",
            "subject eq 'x' subject eq 'y'",
            "subject eq 'x')",
            "receivedDateTime ge yesterday",
            "proxyAddresses/any(p:q eq 'x')",
            "subject eq \"x\"",
        ] {
            assert!(Filter::parse(bad, &KNOWN).is_err(), "{bad}");
        }
        assert!(Filter::parse(&"(".repeat(5000), &KNOWN).is_err());
    }

    #[test]
    fn order_must_lead_the_filter() {
        let by_time = order("receivedDateTime desc", &KNOWN).expect("order");
        let filter = |text| Filter::parse(text, &KNOWN).expect("filter");
        assert!(is_efficient(None, &by_time));
        assert!(is_efficient(
            Some(&filter(
                "receivedDateTime ge 2026-01-01T00:00:00Z and subject eq 'x'"
            )),
            &by_time
        ));
        assert!(!is_efficient(Some(&filter("subject eq 'x'")), &by_time));
        assert!(order("subject sideways", &KNOWN).is_err());
    }
}
