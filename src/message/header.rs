//! One header block: found, bounded, read by mail-parser.

use chrono::{DateTime, Utc};
use mail_parser::{ContentType, Header, HeaderName, HeaderValue, MessageParser};

use super::{Defect, Limits, Person};

/// Fields that may stand once (RFC 5322 section 3.6, RFC 2045).
const ONCE: [HeaderName<'static>; 10] = [
    HeaderName::From,
    HeaderName::Sender,
    HeaderName::ReplyTo,
    HeaderName::To,
    HeaderName::Cc,
    HeaderName::Subject,
    HeaderName::Date,
    HeaderName::MessageId,
    HeaderName::ContentType,
    HeaderName::ContentTransferEncoding,
];

/// A part cut into its header fields and its body.
pub(super) struct Block<'r> {
    bytes: &'r [u8],
    pub headers: Vec<Header<'r>>,
    pub body: &'r [u8],
}

/// Where the header block ends and the body begins. A blank line ends it.
fn header_end(raw: &[u8]) -> (usize, usize) {
    if let [b'\n', ..] = raw {
        return (0, 1);
    }
    if let [b'\r', b'\n', ..] = raw {
        return (0, 2);
    }
    let mut from = 0;
    while let Some(found) = raw
        .get(from..)
        .and_then(|tail| tail.iter().position(|b| *b == b'\n'))
    {
        let next = from + found + 1;
        match raw.get(next..) {
            Some([b'\n', ..]) => return (next, next + 1),
            Some([b'\r', b'\n', ..]) => return (next, next + 2),
            _ => from = next,
        }
    }
    (raw.len(), raw.len())
}

impl<'r> Block<'r> {
    pub fn split(part: &'r [u8], limits: &Limits, defects: &mut Vec<Defect>) -> Self {
        let (end, start) = header_end(part);
        let whole = part.get(..end).unwrap_or_default();
        let bytes = whole.get(..limits.header_bytes).unwrap_or(whole);
        let mut headers = MessageParser::new()
            .parse_headers(bytes)
            .and_then(|message| message.parts.into_iter().next())
            .map(|part| part.headers)
            .unwrap_or_default();
        if bytes.len() < whole.len() || headers.len() > limits.headers {
            headers.truncate(limits.headers);
            defects.push(Defect::TooManyHeaders);
        }
        // a bare CR starts a new header for some programs and none for others
        let bare = |at: usize| bytes.get(at) == Some(&b'\r') && bytes.get(at + 1) != Some(&b'\n');
        if (0..bytes.len().saturating_sub(1)).any(bare) {
            defects.push(Defect::AmbiguousMime);
        }
        for name in ONCE {
            if headers.iter().filter(|h| h.name == name).count() > 1 {
                defects.push(Defect::DuplicateHeader(name.as_str().to_ascii_lowercase()));
            }
        }
        // of two ids in one field each program takes another
        let several = |h: &Header<'_>| {
            h.name == HeaderName::MessageId
                && matches!(&h.value, HeaderValue::TextList(ids) if ids.len() > 1)
        };
        if headers.iter().any(several) {
            defects.push(Defect::DuplicateHeader("message-id".to_owned()));
        }
        // text without any header field is all body
        let start = if headers.is_empty() && end > 0 {
            0
        } else {
            start
        };
        Self {
            bytes,
            headers,
            body: part.get(start..).unwrap_or_default(),
        }
    }

    /// Lines of a block without a body that are no header fields: where the blank
    /// line is missing, programs disagree whether they are the body.
    pub fn stray(&self) -> String {
        if !self.body.is_empty() {
            return String::new();
        }
        let mut in_field = false;
        let mut stray = String::new();
        for line in String::from_utf8_lossy(self.bytes).lines() {
            let begins = line.split_once(':').is_some_and(|(name, _)| {
                let name = name.trim_end();
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic())
            });
            in_field = begins || (in_field && line.starts_with([' ', '\t']));
            if !in_field && !line.trim().is_empty() {
                stray.push_str(line);
                stray.push('\n');
            }
        }
        stray
    }

    fn values(&self, name: &HeaderName<'_>) -> impl Iterator<Item = &HeaderValue<'r>> {
        let name = name.to_owned();
        self.headers
            .iter()
            .filter(move |h| h.name == name)
            .map(|h| &h.value)
    }

    /// The raw values of a field, unfolded, at most `max_chars` characters each.
    pub fn raw(&self, name: &str, max_chars: usize) -> Vec<String> {
        self.headers
            .iter()
            .filter(|h| h.name.as_str().eq_ignore_ascii_case(name))
            .filter_map(|h| {
                let range = h.offset_start as usize..h.offset_end as usize;
                let raw = self.bytes.get(range)?;
                let raw = raw.get(..max_chars * 4).unwrap_or(raw);
                let text = String::from_utf8_lossy(raw);
                let flat: Vec<&str> = text.split_whitespace().collect();
                Some(flat.join(" ").chars().take(max_chars).collect())
            })
            .collect()
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|h| h.name.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether this is the header block of a mail: a field every mail has.
    pub fn is_mail(&self) -> bool {
        self.headers.iter().any(|h| {
            matches!(
                h.name,
                HeaderName::From
                    | HeaderName::To
                    | HeaderName::Subject
                    | HeaderName::Date
                    | HeaderName::MessageId
                    | HeaderName::Received
                    | HeaderName::ReturnPath
                    | HeaderName::MimeVersion
                    | HeaderName::ContentType
            )
        })
    }

    pub fn people(&self, name: &HeaderName<'_>, limits: &Limits) -> Vec<Person> {
        self.values(name)
            .filter_map(|value| value.as_address())
            .flat_map(|address| address.iter())
            .take(limits.addresses)
            .map(|a| Person::of(a.address.as_deref(), a.name.as_deref(), limits.value_chars))
            .collect()
    }

    pub fn text(&self, name: &HeaderName<'_>, limits: &Limits) -> Option<String> {
        let text = self.values(name).find_map(|value| value.as_text())?;
        Some(
            text.chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .take(limits.value_chars)
                .collect::<String>()
                .trim()
                .to_owned(),
        )
    }

    /// Message ids without brackets, at most 998 characters each.
    pub fn ids(&self, name: &HeaderName<'_>, most: usize) -> Vec<String> {
        self.values(name)
            .flat_map(|value| match value {
                HeaderValue::Text(id) => vec![id.as_ref()],
                HeaderValue::TextList(ids) => ids.iter().map(AsRef::as_ref).collect(),
                _ => Vec::new(),
            })
            .take(most)
            .filter_map(bare_id)
            .collect()
    }

    pub fn date(&self) -> Option<DateTime<Utc>> {
        let date = self
            .values(&HeaderName::Date)
            .find_map(|value| value.as_datetime())?;
        date.is_valid()
            .then(|| DateTime::from_timestamp(date.to_timestamp(), 0))
            .flatten()
    }

    /// The content types given; more than one is a defect noted elsewhere.
    pub fn content_types(&self) -> Vec<&ContentType<'r>> {
        self.values(&HeaderName::ContentType)
            .filter_map(|value| value.as_content_type())
            .take(8)
            .collect()
    }

    pub fn disposition(&self) -> Option<&ContentType<'r>> {
        self.values(&HeaderName::ContentDisposition)
            .find_map(|value| value.as_content_type())
    }

    pub fn transfer_encoding(&self) -> Option<String> {
        self.text(
            &HeaderName::ContentTransferEncoding,
            &Limits {
                value_chars: 40,
                ..Limits::default()
            },
        )
        .map(|name| name.to_ascii_lowercase())
    }
}

/// A message id without brackets, white space and controls; `None` when nothing
/// is left or it is longer than a header line may be.
#[must_use]
pub fn bare_id(raw: &str) -> Option<String> {
    let id = raw
        .trim()
        .trim_start_matches('<')
        .trim_end_matches('>')
        .trim();
    let sound = !id.is_empty()
        && id.len() <= 998
        && !id.chars().any(|c| c.is_control() || c.is_whitespace());
    sound.then(|| id.to_owned())
}
