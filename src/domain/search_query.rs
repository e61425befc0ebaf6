//! A query as analysts type it, read into its typed parts.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{MailboxAddress, MessageQuery};

/// Characters of a whole query.
const LONGEST: usize = 4_000;
/// Values of one kind.
const MOST: usize = 20;
/// Days looked back when the query does not say.
const DAYS: i64 = 30;

/// Why a query cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It is too long.
    #[error("the query is longer than {LONGEST} characters")]
    Long,
    /// A quotation mark has no partner.
    #[error("a quotation mark has no partner")]
    Quote,
    /// A part is of no known kind.
    #[error(
        "{0:?} is of no known kind: write id:, from:, subject:, link:, attachment:, after: or before:"
    )]
    Kind(String),
    /// A value cannot be what it is said to be.
    #[error("{0}")]
    Value(String),
    /// More values of one kind than are taken.
    #[error("more than {MOST} values of one kind")]
    Many,
    /// It names nothing to look for.
    #[error("the query names nothing to look for")]
    Empty,
}

impl MessageQuery {
    /// Reads a query such as `from:a@b.example subject:"your invoice" link:evil.example
    /// attachment:bill.zip id:x@y after:2026-11-01 before:2026-11-20`. A message that
    /// fits any of the parts is looked for; without `after:` of the last 30 days.
    ///
    /// # Errors
    /// [`QueryError`], which says what cannot be read.
    pub fn typed(text: &str, now: DateTime<Utc>) -> Result<Self, QueryError> {
        if text.chars().count() > LONGEST {
            return Err(QueryError::Long);
        }
        let mut query = Self::since(now - TimeDelta::days(DAYS));
        for part in parts(text)? {
            query.take(&part)?;
        }
        if query.is_empty() {
            return Err(QueryError::Empty);
        }
        let most = [
            query.message_ids.len(),
            query.senders.len(),
            query.subjects.len(),
            query.phrases.len(),
            query.attachments.len(),
        ];
        if most.into_iter().any(|n| n > MOST) {
            return Err(QueryError::Many);
        }
        Ok(query)
    }

    fn take(&mut self, part: &str) -> Result<(), QueryError> {
        let unknown = || QueryError::Kind(part.chars().take(40).collect());
        let (kind, value) = part.split_once(':').ok_or_else(unknown)?;
        let value = value.trim();
        if value.is_empty() {
            return Err(QueryError::Value(format!("{kind}: has no value")));
        }
        match kind.to_ascii_lowercase().as_str() {
            "id" => self
                .message_ids
                .push(value.trim_matches(['<', '>']).to_owned()),
            "from" => self.senders.push(
                value
                    .parse::<MailboxAddress>()
                    .map_err(|_| QueryError::Value(format!("from: {value:?} is no address")))?,
            ),
            "subject" => self.subjects.push(value.to_owned()),
            "link" => self.phrases.push(value.to_owned()),
            "attachment" => self.attachments.push(value.to_owned()),
            "after" => self.after = day(value)?,
            "before" => self.before = Some(day(value)?),
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

fn day(value: &str) -> Result<DateTime<Utc>, QueryError> {
    if let Ok(at) = value.parse::<DateTime<Utc>>() {
        return Ok(at);
    }
    value
        .parse::<NaiveDate>()
        .ok()
        .and_then(|day| day.and_hms_opt(0, 0, 0))
        .map(|at| at.and_utc())
        .ok_or_else(|| {
            QueryError::Value(format!(
                "{value:?} is no day: write 2026-11-01 or 2026-11-01T08:00:00Z"
            ))
        })
}

/// Parts are apart by spaces; a quoted value may hold some.
fn parts(text: &str) -> Result<Vec<String>, QueryError> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => {
                if !part.is_empty() {
                    parts.push(std::mem::take(&mut part));
                }
            }
            c => part.push(c),
        }
    }
    if quoted {
        return Err(QueryError::Quote);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-20T12:00:00Z".parse().expect("time")
    }

    #[test]
    fn a_query_is_read_into_its_parts() {
        let text = r#"from:A@b.example subject:"your invoice" link:evil.example id:<x@y> after:2026-11-01"#;
        let query = MessageQuery::typed(text, now()).expect("read");
        assert_eq!(query.senders, ["a@b.example".parse().expect("address")]);
        assert_eq!(query.subjects, ["your invoice"]);
        assert_eq!(query.phrases, ["evil.example"]);
        assert_eq!(query.message_ids, ["x@y"]);
        assert_eq!(query.after.to_rfc3339(), "2026-11-01T00:00:00+00:00");
        let month = MessageQuery::typed("subject:invoice", now()).expect("read");
        assert_eq!((now() - month.after).num_days(), 30);
    }

    #[test]
    fn what_cannot_be_read_is_said_and_nothing_is_guessed() {
        let error = |text: &str| MessageQuery::typed(text, now()).expect_err("refused");
        assert_eq!(error(""), QueryError::Empty);
        assert_eq!(error("after:2026-11-01"), QueryError::Empty);
        assert_eq!(error("subject:\"open"), QueryError::Quote);
        assert!(matches!(error("everything"), QueryError::Kind(_)));
        assert!(matches!(error("in:anywhere"), QueryError::Kind(_)));
        assert!(matches!(error("from:nobody"), QueryError::Value(_)));
        assert!(matches!(error("from:"), QueryError::Value(_)));
        assert!(matches!(
            error("subject:x after:soon"),
            QueryError::Value(_)
        ));
        let many = "id:a@b ".repeat(21);
        assert_eq!(error(&many), QueryError::Many);
        assert_eq!(error(&"x".repeat(5_000)), QueryError::Long);
    }
}
