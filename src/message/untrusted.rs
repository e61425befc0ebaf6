//! Text that a stranger wrote, and the only ways to show it.

use std::fmt;

/// A value taken from a mail. It has no `Display`, and `Debug` hides it, so that
/// it cannot slip into a log, a page or a query by itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Untrusted<T>(T);

impl<T> Untrusted<T> {
    /// Marks a value as a stranger's.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value as it came, for analysis and for templates that escape.
    pub const fn exposed(&self) -> &T {
        &self.0
    }
}

impl<T: AsRef<str>> Untrusted<T> {
    /// The text fit to stand in a sentence of ours: control, bidirectional and
    /// invisible characters gone, white space folded, links and host names
    /// defanged, at most `max_chars` characters (an ellipsis marks a cut).
    #[must_use]
    pub fn neutral(&self, max_chars: usize) -> String {
        neutral(self.0.as_ref(), max_chars)
    }
}

impl<T> fmt::Debug for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Untrusted(..)")
    }
}

/// Serialization of a stranger's text where it crosses a border of our own (a
/// process, a column) and comes back typed: `#[serde(with = "exposed")]`. Nothing
/// that people read is written with it.
pub mod exposed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Untrusted;

    /// Writes the text as it is.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(
        value: &Untrusted<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.exposed().serialize(serializer)
    }

    /// Reads the text back.
    ///
    /// # Errors
    /// When it is no text.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Untrusted<String>, D::Error> {
        String::deserialize(deserializer).map(Untrusted::new)
    }

    /// The same for text that may be absent.
    pub mod option {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        use super::super::Untrusted;

        /// Writes the text as it is, or null.
        ///
        /// # Errors
        /// The serializer's own.
        pub fn serialize<S: Serializer>(
            value: &Option<Untrusted<String>>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            value.as_ref().map(Untrusted::exposed).serialize(serializer)
        }

        /// Reads the text back.
        ///
        /// # Errors
        /// When it is neither text nor null.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Untrusted<String>>, D::Error> {
            Ok(Option::<String>::deserialize(deserializer)?.map(Untrusted::new))
        }
    }
}

/// A link that shows where it leads and cannot be clicked: `hxxps://a[.]example/x`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct DefangedUrl(String);

impl DefangedUrl {
    /// Defangs a link, host name or address, at most `max_chars` characters.
    #[must_use]
    pub fn new(raw: &str, max_chars: usize) -> Self {
        Self(neutral(raw, max_chars))
    }

    /// The defanged text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DefangedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Characters that show nothing, reorder text or steer a terminal.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

fn neutral(raw: &str, max_chars: usize) -> String {
    let mut plain = String::new();
    let mut length = 0;
    let mut cut = false;
    let mut gap = false;
    for c in raw.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = !plain.is_empty();
            continue;
        }
        if is_invisible(c) {
            continue;
        }
        let needed = if gap { 2 } else { 1 };
        if length + needed > max_chars {
            cut = true;
            break;
        }
        if gap {
            plain.push(' ');
            gap = false;
        }
        plain.push(c);
        length += needed;
    }
    let mut shown = defang(&plain);
    if shown.chars().count() > max_chars {
        shown = shown.chars().take(max_chars.saturating_sub(1)).collect();
        cut = true;
    }
    if cut && max_chars > 0 {
        if shown.chars().count() >= max_chars {
            shown.pop();
        }
        shown.push('…');
    }
    shown
}

/// Breaks schemes, host names and addresses so that no program links them.
fn defang(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        match c {
            '.' | '。' | '．' if before.is_alphanumeric() && after.is_alphanumeric() => {
                // a number stays a number, an address of four numbers does not
                if before.is_ascii_digit() && after.is_ascii_digit() && !looks_like_ip(text) {
                    out.push('.');
                } else {
                    out.push_str("[.]");
                }
            }
            ':' if after == '/' || script_scheme(&out) => out.push_str("[:]"),
            '@' if before.is_alphanumeric() && after.is_alphanumeric() => out.push_str("[@]"),
            _ => out.push(c),
        }
        before = c;
    }
    for (from, to) in [
        ("https[:]//", "hxxps[:]//"),
        ("http[:]//", "hxxp[:]//"),
        ("HTTPS[:]//", "hxxps[:]//"),
        ("HTTP[:]//", "hxxp[:]//"),
    ] {
        out = out.replace(from, to);
    }
    out
}

fn looks_like_ip(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .any(|run| run.split('.').filter(|part| !part.is_empty()).count() == 4)
}

fn script_scheme(so_far: &str) -> bool {
    let tail: String = so_far
        .chars()
        .rev()
        .take_while(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    ["tpircsavaj", "atad", "tpircsbv", "otliam", "elif", "let"].contains(&tail.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neutral_text_holds_no_link_and_no_steering() {
        let evil = Untrusted::new(
            "\u{202e}Hi\r\nBcc: x@y.example\u{200b} see https://evil.example/a.html?x=1 javascript:alert(1) 10.0.0.1 v1.5",
        );
        assert_eq!(
            evil.neutral(200),
            "Hi Bcc: x[@]y[.]example see hxxps[:]//evil[.]example/a[.]html?x=1 javascript[:]alert(1) 10[.]0[.]0[.]1 v1[.]5"
        );
        assert_eq!(evil.neutral(4), "Hi …");
        assert_eq!(format!("{evil:?}"), "Untrusted(..)");
    }

    #[test]
    fn the_cap_holds_for_any_text() {
        for text in ["", "a", "a.b.c.d.e.f", "😀😀😀😀", "http://a.b/"] {
            for max in 0..12 {
                assert!(Untrusted::new(text).neutral(max).chars().count() <= max);
            }
        }
    }
}
