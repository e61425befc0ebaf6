//! Request targets below the Graph root, every part escaped here and nowhere else.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986 unreserved characters is escaped, so that no value
/// can end a segment, a parameter or a quoted OData string.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A path with query, relative to the Graph root: `/users/…/messages?$top=50`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    text: String,
    asked: bool,
}

impl Path {
    /// From segments. A segment that would climb (`.`, `..`) is escaped away by
    /// the ids' own types; literal segments are ours.
    pub(super) fn new(segments: &[&str]) -> Self {
        let mut text = String::new();
        for segment in segments {
            // `$value` is the one literal segment with a sign of its own.
            if *segment == "$value" {
                text.push_str("/$value");
            } else {
                let _ = write!(text, "/{}", utf8_percent_encode(segment, ESCAPED));
            }
        }
        Self { text, asked: false }
    }

    /// With a query parameter; `name` is a literal of ours.
    pub(super) fn ask(mut self, name: &str, value: &str) -> Self {
        let sign = if self.asked { '&' } else { '?' };
        self.asked = true;
        let _ = write!(
            self.text,
            "{sign}{name}={}",
            utf8_percent_encode(value, ESCAPED)
        );
        self
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// An OData string literal.
pub(super) fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attacker_text_stays_inside_its_value() {
        let hostile = "x' or 1 eq 1&$top=9#?<a+b@c>";
        let filter = format!("internetMessageId eq {}", quoted(hostile));
        let path = Path::new(&["users", "a/../b", "messages"]).ask("$filter", &filter);
        assert_eq!(
            path.as_str(),
            "/users/a%2F..%2Fb/messages?$filter=internetMessageId%20eq%20%27x%27%27%20or%201%20eq%201%26%24top%3D9%23%3F%3Ca%2Bb%40c%3E%27"
        );
    }
}
