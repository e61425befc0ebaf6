//! The part of the Kusto query language that advanced hunting is asked with
//! here: one table, then `where`, `project`, `distinct`, `take`, `order by` and
//! `serialize N = row_number()` in any order. Anything else is refused, as a syntax error is.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// A value in a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Cell {
    Text(String),
    Time(DateTime<Utc>),
    Number(i64),
}

/// A row: one cell for each column of the table.
pub(super) type Row = Vec<Cell>;

/// The query cannot be read or names what is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadQuery(pub String);

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Time(DateTime<Utc>),
    Mark(&'static str),
}

const MARKS: [&str; 13] = [
    "==", "=~", "!=", ">=", "<=", ">", "<", "(", ")", ",", "|", ";", "=",
];

/// A parsed query.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub table: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Where(Condition),
    Project(Vec<String>, bool),
    Take(usize),
    Order(String, bool),
    Number(String),
}

#[derive(Debug, Clone)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Test {
        column: String,
        how: How,
        values: Vec<Cell>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Is,
    IsFold,
    IsNot,
    Contains,
    Has,
    StartsWith,
    EndsWith,
    Above,
    AtLeast,
    Below,
    AtMost,
}

fn tokens(text: &str, now: DateTime<Utc>) -> Result<Vec<Token>, BadQuery> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let verbatim = rest
            .strip_prefix('@')
            .filter(|r| r.starts_with(['\'', '"']));
        if first == '\'' || first == '"' || verbatim.is_some() {
            let (value, after) = literal(verbatim.unwrap_or(rest), verbatim.is_some())?;
            found.push(Token::Text(value));
            rest = after;
        } else if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            found.push(Token::Mark(mark));
            rest = rest.get(mark.len()..).unwrap_or_default();
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || "_~!".contains(c)))
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let call = after.strip_prefix('(').and_then(|r| r.split_once(')'));
            match (word, call) {
                ("datetime", Some((value, after))) => {
                    found.push(Token::Time(moment(value)?));
                    rest = after;
                }
                ("ago", Some((value, after))) => {
                    found.push(Token::Time(now - span(value)?));
                    rest = after;
                }
                _ => {
                    found.push(Token::Word(word.to_owned()));
                    rest = after;
                }
            }
        } else {
            return Err(BadQuery(format!("Syntax error: unexpected '{first}'.")));
        }
        rest = rest.trim_start();
    }
    Ok(found)
}

fn literal(text: &str, verbatim: bool) -> Result<(String, &str), BadQuery> {
    let mut chars = text.chars();
    let quote = chars.next().unwrap_or('\'');
    let mut value = String::new();
    while let Some(c) = chars.next() {
        if c == quote {
            let again = chars.as_str().starts_with(quote);
            if !(verbatim && again) {
                return Ok((value, chars.as_str()));
            }
            chars.next();
            value.push(quote);
        } else if c == '\\' && !verbatim {
            match chars.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(plain @ ('\\' | '\'' | '"')) => value.push(plain),
                _ => return Err(BadQuery("Syntax error: unknown escape.".into())),
            }
        } else if c == '\n' || c == '\r' {
            break;
        } else {
            value.push(c);
        }
    }
    Err(BadQuery("Syntax error: a string does not end.".into()))
}

fn moment(text: &str) -> Result<DateTime<Utc>, BadQuery> {
    let text = text.trim().trim_matches(['\'', '"']);
    let day = || {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some(date.and_hms_opt(0, 0, 0)?.and_utc())
    };
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .ok()
        .or_else(day)
        .ok_or_else(|| BadQuery(format!("Syntax error: '{text}' is no datetime.")))
}

fn span(text: &str) -> Result<TimeDelta, BadQuery> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = split
        .and_then(|at| text.split_at_checked(at))
        .unwrap_or((text, ""));
    let number: i64 = number
        .parse()
        .map_err(|_| BadQuery("Syntax error: no timespan.".into()))?;
    let span = match unit {
        "d" => TimeDelta::try_days(number),
        "h" => TimeDelta::try_hours(number),
        "m" => TimeDelta::try_minutes(number),
        "s" => TimeDelta::try_seconds(number),
        _ => None,
    };
    span.ok_or_else(|| BadQuery("Syntax error: no timespan.".into()))
}

const DEEPEST: usize = 32;

struct Reader {
    tokens: std::vec::IntoIter<Token>,
    next: Option<Token>,
}

impl Reader {
    fn take(&mut self) -> Option<Token> {
        std::mem::replace(&mut self.next, self.tokens.next())
    }

    fn takes(&mut self, mark: &str) -> bool {
        let found = matches!(&self.next, Some(Token::Mark(next)) if *next == mark);
        if found {
            self.take();
        }
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(&self.next, Some(Token::Word(next)) if next == word);
        if found {
            self.take();
        }
        found
    }

    fn word(&mut self) -> Result<String, BadQuery> {
        match self.take() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(BadQuery(format!(
                "Syntax error: a name is expected, not {other:?}."
            ))),
        }
    }

    fn names(&mut self) -> Result<Vec<String>, BadQuery> {
        let mut names = vec![self.word()?];
        while self.takes(",") {
            names.push(self.word()?);
        }
        Ok(names)
    }

    fn any(&mut self, depth: usize) -> Result<Condition, BadQuery> {
        let mut parts = vec![self.all(depth)?];
        while self.takes_word("or") {
            parts.push(self.all(depth)?);
        }
        Ok(Condition::Any(parts))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, BadQuery> {
        let mut parts = vec![self.one(depth)?];
        while self.takes_word("and") {
            parts.push(self.one(depth)?);
        }
        Ok(Condition::All(parts))
    }

    fn one(&mut self, depth: usize) -> Result<Condition, BadQuery> {
        if depth > DEEPEST {
            return Err(BadQuery("Syntax error: nested too deeply.".into()));
        }
        if self.takes("(") {
            let inner = self.any(depth + 1)?;
            return if self.takes(")") {
                Ok(inner)
            } else {
                Err(BadQuery("Syntax error: ')' is missing.".into()))
            };
        }
        let column = self.word()?;
        let how = match self.take() {
            Some(Token::Mark("==")) => How::Is,
            Some(Token::Mark("=~")) => How::IsFold,
            Some(Token::Mark("!=")) => How::IsNot,
            Some(Token::Mark(">")) => How::Above,
            Some(Token::Mark(">=")) => How::AtLeast,
            Some(Token::Mark("<")) => How::Below,
            Some(Token::Mark("<=")) => How::AtMost,
            Some(Token::Word(word)) => match word.as_str() {
                "in" => How::Is,
                "in~" => How::IsFold,
                "contains" => How::Contains,
                "has" | "has_any" => How::Has,
                "startswith" => How::StartsWith,
                "endswith" => How::EndsWith,
                other => return Err(BadQuery(format!("Syntax error: operator '{other}'."))),
            },
            other => {
                return Err(BadQuery(format!(
                    "Syntax error: an operator is expected, not {other:?}."
                )));
            }
        };
        let mut values = Vec::new();
        if self.takes("(") {
            loop {
                values.push(self.value()?);
                if !self.takes(",") {
                    break;
                }
            }
            if !self.takes(")") {
                return Err(BadQuery("Syntax error: ')' is missing.".into()));
            }
        } else {
            values.push(self.value()?);
        }
        Ok(Condition::Test {
            column,
            how,
            values,
        })
    }

    fn value(&mut self) -> Result<Cell, BadQuery> {
        match self.take() {
            Some(Token::Text(text)) => Ok(Cell::Text(text)),
            Some(Token::Time(at)) => Ok(Cell::Time(at)),
            Some(Token::Word(word)) => match word.parse() {
                Ok(number) => Ok(Cell::Number(number)),
                Err(_) => Err(BadQuery(format!("Syntax error: '{word}' is no value."))),
            },
            other => Err(BadQuery(format!(
                "Syntax error: a value is expected, not {other:?}."
            ))),
        }
    }
}

impl Query {
    /// Reads a query.
    pub(super) fn parse(text: &str, now: DateTime<Utc>) -> Result<Self, BadQuery> {
        let mut tokens = tokens(text, now)?.into_iter();
        let next = tokens.next();
        let mut reader = Reader { tokens, next };
        let table = reader.word()?;
        let mut steps = Vec::new();
        while reader.takes("|") {
            steps.push(match reader.word()?.as_str() {
                "where" => Step::Where(reader.any(0)?),
                "project" => Step::Project(reader.names()?, false),
                "distinct" => Step::Project(reader.names()?, true),
                "take" | "limit" => match reader.value()? {
                    Cell::Number(n) => Step::Take(usize::try_from(n).unwrap_or(0)),
                    _ => return Err(BadQuery("Syntax error: a number is expected.".into())),
                },
                "order" | "sort" if reader.takes_word("by") => {
                    let column = reader.word()?;
                    let rising = reader.takes_word("asc");
                    if !rising {
                        reader.takes_word("desc");
                    }
                    Step::Order(column, rising)
                }
                "serialize" => {
                    let name = reader.word()?;
                    let numbers = reader.takes("=")
                        && reader.takes_word("row_number")
                        && reader.takes("(")
                        && reader.takes(")");
                    if !numbers {
                        return Err(BadQuery("Syntax error: row_number() is expected.".into()));
                    }
                    Step::Number(name)
                }
                other => return Err(BadQuery(format!("Syntax error: operator '{other}'."))),
            });
        }
        reader.takes(";");
        match reader.next {
            None => Ok(Self { table, steps }),
            Some(token) => Err(BadQuery(format!("Syntax error: unexpected {token:?}."))),
        }
    }

    /// The texts one of which a column must equal for a row to pass, so that
    /// only those need be looked at.
    pub(super) fn wanted(&self, name: &str) -> Option<Vec<String>> {
        self.steps.iter().find_map(|step| match step {
            Step::Where(condition) => condition.wanted(name),
            _ => None,
        })
    }

    /// The columns and rows that remain.
    pub(super) fn run(
        &self,
        columns: &[&str],
        rows: impl Iterator<Item = Row>,
    ) -> Result<(Vec<String>, Vec<Row>), BadQuery> {
        let mut columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
        let mut rows: Vec<Row> = rows.collect();
        for step in &self.steps {
            match step {
                Step::Where(condition) => {
                    condition.check(&columns)?;
                    rows.retain(|row| condition.holds(&columns, row));
                }
                Step::Project(names, distinct) => {
                    let places: Vec<usize> = names
                        .iter()
                        .map(|name| place(&columns, name))
                        .collect::<Result<_, _>>()?;
                    for row in &mut rows {
                        *row = places
                            .iter()
                            .filter_map(|at| row.get(*at).cloned())
                            .collect();
                    }
                    if *distinct {
                        let mut seen = HashSet::new();
                        rows.retain(|row| seen.insert(row.clone()));
                    }
                    columns.clone_from(names);
                }
                Step::Take(n) => rows.truncate(*n),
                Step::Number(name) => {
                    for (row, number) in rows.iter_mut().zip(1..) {
                        row.push(Cell::Number(number));
                    }
                    columns.push(name.clone());
                }
                Step::Order(name, rising) => {
                    let at = place(&columns, name)?;
                    rows.sort_by(|a, b| a.get(at).cmp(&b.get(at)));
                    if !rising {
                        rows.reverse();
                    }
                }
            }
        }
        Ok((columns, rows))
    }
}

fn place(columns: &[String], name: &str) -> Result<usize, BadQuery> {
    columns
        .iter()
        .position(|column| column == name)
        .ok_or_else(|| {
            BadQuery(format!(
                "Semantic error: failed to resolve column named '{name}'."
            ))
        })
}

impl Condition {
    fn wanted(&self, name: &str) -> Option<Vec<String>> {
        match self {
            Self::All(parts) => parts.iter().find_map(|part| part.wanted(name)),
            Self::Any(parts) => match parts.as_slice() {
                [only] => only.wanted(name),
                _ => None,
            },
            Self::Test {
                column,
                how: How::Is,
                values,
            } if column == name => values
                .iter()
                .map(|value| match value {
                    Cell::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            Self::Test { .. } => None,
        }
    }

    fn check(&self, columns: &[String]) -> Result<(), BadQuery> {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().try_for_each(|part| part.check(columns))
            }
            Self::Test { column, .. } => place(columns, column).map(|_| ()),
        }
    }

    fn holds(&self, columns: &[String], row: &Row) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(columns, row)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(columns, row)),
            Self::Test {
                column,
                how,
                values,
            } => {
                let cell = place(columns, column).ok().and_then(|at| row.get(at));
                cell.is_some_and(|cell| match how {
                    How::IsNot => values.iter().all(|value| cell != value),
                    _ => values.iter().any(|value| how.holds(cell, value)),
                })
            }
        }
    }
}

impl How {
    fn holds(self, cell: &Cell, value: &Cell) -> bool {
        let folded = |within: fn(&str, &str) -> bool| match (cell, value) {
            (Cell::Text(cell), Cell::Text(value)) => {
                within(&cell.to_lowercase(), &value.to_lowercase())
            }
            _ => false,
        };
        match self {
            Self::Is => cell == value,
            Self::IsNot => cell != value,
            Self::IsFold => folded(|a, b| a == b),
            Self::Contains | Self::Has => folded(|a, b| a.contains(b)),
            Self::StartsWith => folded(|a, b| a.starts_with(b)),
            Self::EndsWith => folded(|a, b| a.ends_with(b)),
            Self::Above => cell > value,
            Self::AtLeast => cell >= value,
            Self::Below => cell < value,
            Self::AtMost => cell <= value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("time")
    }

    fn ask(text: &str) -> Result<Vec<Row>, BadQuery> {
        let rows = [("<a'b@x>", 100), ("<c@x>", 200), ("<c@x>", 300)];
        let rows = rows
            .iter()
            .map(|(id, time)| vec![Cell::Text((*id).to_owned()), Cell::Time(at(*time))]);
        let query = Query::parse(text, at(1000))?;
        Ok(query.run(&["Id", "Timestamp"], rows)?.1)
    }

    #[test]
    fn rows_are_picked_in_any_order_of_steps() {
        for (text, count) in [
            ("T", 3),
            ("T | where Id == '<c@x>'", 2),
            (r"T | where Id == '<a\'b@x>' | project Id", 1),
            ("T | where Id == @'<a''b@x>'", 1),
            ("T | project Id | where Id in ('<c@x>', \"<z@x>\")", 2),
            (
                "T | where Timestamp > datetime(1970-01-01T00:02:00Z) and Id has 'C@X'",
                2,
            ),
            ("T | where Timestamp > ago(850s)", 2),
            ("T | where (Id == 'x' or Id =~ '<C@X>') | distinct Id", 1),
            ("T | order by Timestamp desc | take 1;", 1),
            ("T | where Id != '<c@x>'", 1),
            (
                "T | serialize N = row_number() | where N > 1 | project N",
                2,
            ),
        ] {
            assert_eq!(ask(text).map(|rows| rows.len()), Ok(count), "{text}");
        }
        let query = Query::parse("T | where Id in ('a', 'b') and Timestamp > ago(1d)", at(9));
        assert_eq!(
            query.expect("query").wanted("Id"),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in [
            "",
            "T |",
            "T | where",
            "T | where Id == 'open",
            "T | where Id == 'a'b'",
            "T | where Nope == 'a'",
            "T | summarize count()",
            "T | where Id == 'a\nb'",
            "T | where Id like 'a'",
            "T where Id == 'a'",
        ] {
            assert!(ask(text).is_err(), "{text}");
        }
        let deep = format!("T | where {}", "(".repeat(10_000));
        assert!(ask(&deep).is_err());
    }
}
