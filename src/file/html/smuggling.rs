//! Pages that build a file in the browser, so that no file crosses the gateway.

use super::super::{open::Open, report::NoteKind};

/// Base64 of this length in a script is a payload, not a setting.
const PAYLOAD: usize = 1_000;
/// Calls that make a file of bytes.
const MAKERS: [&str; 6] = [
    "new blob",
    "new file(",
    "blob(",
    "mssaveoropenblob",
    "mssaveblob",
    "uint8array",
];
/// Calls that hand the file to the reader.
const HANDERS: [&str; 8] = [
    "createobjecturl",
    "mssaveoropenblob",
    "mssaveblob",
    ".download",
    "'download'",
    "\"download\"",
    "showsavefilepicker",
    "navigator.save",
];

/// Notes HTML smuggling: code that makes a file and hands it over, or a payload in
/// code or in a link beside a `download` attribute.
pub(super) fn look(file: &mut Open<'_, '_>, html: &str, code: &str) {
    let folded = code.to_ascii_lowercase();
    let first = |words: &[&'static str]| {
        words
            .iter()
            .copied()
            .find(|word| memchr::memmem::find(folded.as_bytes(), word.as_bytes()).is_some())
    };
    let makes = first(&MAKERS);
    let hands = first(&HANDERS);
    let payload = longest_base64(code) >= PAYLOAD;
    let data_link = folded.contains("data:application/") || html.contains("href=\"data:");
    let detail = match (makes, hands) {
        (Some(makes), Some(hands)) => format!("{makes}, {hands}"),
        (None, Some(hands)) if payload || data_link => format!("payload, {hands}"),
        (Some(makes), None) if payload && folded.contains("atob") => format!("payload, {makes}"),
        _ => return,
    };
    file.note(NoteKind::HtmlSmuggling, &detail);
}

fn longest_base64(code: &str) -> usize {
    code.as_bytes()
        .split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')))
        .map(<[u8]>::len)
        .max()
        .unwrap_or_default()
}
