//! Invitations: the few fields of a calendar entry (RFC 5545) that people see.

use super::{Person, Untrusted};

/// Bytes of a calendar file that are read.
const MAX_BYTES: usize = 256 << 10;

/// A calendar entry. All of it is the sender's own words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invite {
    /// `METHOD`, upper case: `REQUEST`, `CANCEL`, `PUBLISH`.
    pub method: Option<String>,
    /// `UID`, at most 500 characters: what calendars tell entries apart by.
    pub uid: Option<Untrusted<String>>,
    /// `ORGANIZER`.
    pub organizer: Option<Person>,
    /// `SUMMARY`, at most 500 characters.
    pub summary: Option<Untrusted<String>>,
    /// `LOCATION`, at most 500 characters: often the link to a meeting.
    pub location: Option<Untrusted<String>>,
    /// The whole entry with folded lines joined and escapes undone: where links
    /// are looked for.
    pub text: Untrusted<String>,
}

impl Invite {
    /// Whether calendars make an entry of it: a request, or what is published to all
    /// (RFC 5546); an answer or a cancellation makes none.
    #[must_use]
    pub fn makes_entry(&self) -> bool {
        matches!(self.method.as_deref(), None | Some("REQUEST" | "PUBLISH"))
    }
}

/// Reads a calendar file; `None` when it holds no entry.
pub(super) fn read(text: &str) -> Option<Invite> {
    let end = text.floor_char_boundary(MAX_BYTES);
    let text = text.get(..end).unwrap_or_default();
    let whole = unfold(text);
    if !whole.contains("BEGIN:V") {
        return None;
    }
    let mut invite = Invite::default();
    for line in whole.lines() {
        let Some((property, value)) = split_property(line) else {
            continue;
        };
        let name = property.split(';').next().unwrap_or_default();
        let brief = || Untrusted::new(unescape(value).chars().take(500).collect::<String>());
        match name.to_ascii_uppercase().as_str() {
            "METHOD" if invite.method.is_none() => {
                invite.method = Some(
                    value
                        .trim()
                        .chars()
                        .take(20)
                        .collect::<String>()
                        .to_uppercase(),
                );
            }
            "ORGANIZER" if invite.organizer.is_none() => {
                let address = value.trim();
                let address = match address.get(..7) {
                    Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => {
                        address.get(7..).unwrap_or_default()
                    }
                    _ => address,
                };
                let shown = property
                    .split(';')
                    .find_map(|p| p.strip_prefix("CN="))
                    .map(|cn| cn.trim_matches('"'));
                invite.organizer = Some(Person::of(Some(address), shown, 200));
            }
            "UID" if invite.uid.is_none() => {
                let uid: String = unescape(value.trim()).chars().take(500).collect();
                invite.uid = (!uid.is_empty()).then(|| Untrusted::new(uid));
            }
            "SUMMARY" if invite.summary.is_none() => invite.summary = Some(brief()),
            "LOCATION" if invite.location.is_none() => invite.location = Some(brief()),
            _ => {}
        }
    }
    invite.text = Untrusted::new(unescape(&whole));
    Some(invite)
}

/// Joins folded lines: a line that begins with a blank continues the one before.
fn unfold(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    for line in text.lines() {
        match line.strip_prefix([' ', '\t']) {
            Some(more) => whole.push_str(more),
            None => {
                if !whole.is_empty() {
                    whole.push('\n');
                }
                whole.push_str(line);
            }
        }
    }
    whole
}

/// Name with parameters, and value: the first colon outside quotation marks.
pub(crate) fn split_property(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let at = line.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == ':' && !quoted).then_some(at)
    })?;
    Some((line.get(..at)?, line.get(at + 1..)?))
}

/// Text with the escapes of RFC 5545 section 3.3.11 undone.
pub(crate) fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n' | 'N') => out.push('\n'),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_gives_organiser_place_and_whole_links() {
        let invite = read("BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:0400-00\r\n 82@evil.example\r\nORGANIZER;CN=\"Pay: Roll\":MAILTO:Boss@Evil.example\r\nSUMMARY:Bonus\\, today\r\nLOCATION:https://meet.evil.example/a/very/lo\r\n ng/path\r\nDESCRIPTION:line\\nhttps://two.example/x\r\nEND:VEVENT\r\n").unwrap();
        assert_eq!(invite.method.as_deref(), Some("REQUEST"));
        assert!(invite.makes_entry());
        assert_eq!(invite.uid.unwrap().exposed(), "0400-0082@evil.example");
        let organizer = invite.organizer.unwrap();
        assert_eq!(organizer.address, "boss@evil.example");
        assert_eq!(organizer.name.unwrap().exposed(), "Pay: Roll");
        assert_eq!(invite.summary.unwrap().exposed(), "Bonus, today");
        assert_eq!(
            invite.location.unwrap().exposed(),
            "https://meet.evil.example/a/very/long/path"
        );
        assert!(
            invite
                .text
                .exposed()
                .contains("line\nhttps://two.example/x")
        );
        assert_eq!(read("hello"), None);
    }

    #[test]
    fn an_answer_or_a_cancellation_makes_no_entry() {
        for (method, makes) in [
            ("METHOD:request\n", true),
            ("METHOD:PUBLISH\n", true),
            ("", true),
            ("METHOD:REPLY\n", false),
            ("METHOD:CANCEL\n", false),
        ] {
            let text = format!("BEGIN:VCALENDAR\n{method}BEGIN:VEVENT\nUID: \nEND:VEVENT\n");
            let invite = read(&text).unwrap();
            assert_eq!(invite.makes_entry(), makes, "{method}");
            assert_eq!(invite.uid, None, "an empty one is none");
        }
        let long = format!("BEGIN:VEVENT\nUID:{}\n", "u".repeat(900));
        assert_eq!(read(&long).unwrap().uid.unwrap().exposed().len(), 500);
    }
}
