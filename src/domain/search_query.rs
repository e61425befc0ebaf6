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
    /// It names days alone.
    #[error("days alone are too wide: name an id, a sender, a subject, a link or a file too")]
    DaysAlone,
    /// It ends before it begins, or begins tomorrow.
    #[error("{0}")]
    Window(&'static str),
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
            return Err(if text.trim().is_empty() {
                QueryError::Empty
            } else {
                QueryError::DaysAlone
            });
        }
        if query.after > now {
            return Err(QueryError::Window("after: lies in the future"));
        }
        if query.before.is_some_and(|before| before <= query.after) {
            return Err(QueryError::Window("before: is not later than after:"));
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
            "from" => self
                .senders
                .push(address(value).parse::<MailboxAddress>().map_err(|_| {
                    QueryError::Value(format!(
                        "from: {value:?} is no address; a domain alone is looked for by link:"
                    ))
                })?),
            "subject" => self.subjects.push(telling(kind, value)?),
            "link" => self.phrases.push(telling(kind, &host(value))?),
            "attachment" => self.attachments.push(telling(kind, value)?),
            "after" => self.after = day(value)?,
            "before" => self.before = Some(day(value)?),
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

/// An address as reports show it: made harmless, or with a name before it.
fn address(value: &str) -> String {
    let inside = value.rsplit_once('<').map_or(value, |(_, inside)| inside);
    let inside = inside.trim_end_matches('>');
    inside.replace("[@]", "@").replace("[.]", ".")
}

/// The host of a link, whatever form it was pasted in (`hxxps[:]//evil[.]example/x`):
/// its path differs from copy to copy. What is no link stays as it is.
fn host(value: &str) -> String {
    let plain = value
        .replace("[.]", ".")
        .replace("(.)", ".")
        .replace("[:]", ":");
    let Some((scheme, rest)) = plain.split_once("://") else {
        return plain;
    };
    if !["http", "https", "hxxp", "hxxps", "ftp"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return plain;
    }
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    host.split(':').next().unwrap_or(host).to_owned()
}

/// A value that a platform can look for.
fn telling(kind: &str, value: &str) -> Result<String, QueryError> {
    if value.chars().filter(|c| c.is_alphanumeric()).count() < 3 {
        return Err(QueryError::Value(format!(
            "{kind}: {value:?} is too short to look for: at least three letters or digits, no wildcards"
        )));
    }
    Ok(value.to_owned())
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
    fn what_is_pasted_from_a_report_is_looked_for_as_it_was() {
        for link in [
            "login.evil.example",
            "login[.]evil[.]example",
            "https://login.evil.example/x?y",
            "hxxps[:]//user@login[.]evil[.]example:8443/session",
        ] {
            let query = MessageQuery::typed(&format!("link:{link}"), now()).expect(link);
            assert_eq!(query.phrases, ["login.evil.example"], "{link}");
        }
        for from in ["\"Ann <a@b.example>\"", "a[@]b[.]example"] {
            let query = MessageQuery::typed(&format!("from:{from}"), now()).expect(from);
            assert_eq!(query.senders, ["a@b.example".parse().expect("address")]);
        }
    }

    #[test]
    fn what_cannot_be_read_is_said_and_nothing_is_guessed() {
        let error = |text: &str| MessageQuery::typed(text, now()).expect_err("refused");
        assert_eq!(error(""), QueryError::Empty);
        assert_eq!(error("after:2026-11-01"), QueryError::DaysAlone);
        assert!(matches!(error("subject:ab"), QueryError::Value(_)));
        assert!(matches!(
            error("attachment:*.zip* link:*"),
            QueryError::Value(_)
        ));
        for window in ["after:2026-12-01", "after:2026-11-10 before:2026-11-09"] {
            let text = format!("subject:invoice {window}");
            assert!(matches!(error(&text), QueryError::Window(_)), "{text}");
        }
        assert_eq!(error("subject:\"open"), QueryError::Quote);
        assert!(matches!(error("everything"), QueryError::Kind(_)));
        assert!(matches!(error("in:anywhere"), QueryError::Kind(_)));
        assert!(matches!(error("from:nobody"), QueryError::Value(_)));
        assert!(matches!(error("from:"), QueryError::Value(_)));
        assert!(matches!(
            error("subject:invoice after:soon"),
            QueryError::Value(_)
        ));
        let many = "id:a@b ".repeat(21);
        assert_eq!(error(&many), QueryError::Many);
        assert_eq!(error(&"x".repeat(5_000)), QueryError::Long);
    }
}
