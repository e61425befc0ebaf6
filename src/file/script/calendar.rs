//! Calendars (RFC 5545) and contacts (RFC 6350): their links, texts and files.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    super::{
        html,
        open::Open,
        report::{LinkSource, NoteKind},
    },
    links,
};
use crate::message::{split_property, unescape};

/// Lines that are read.
const MAX_LINES: usize = 20_000;

/// Reads a calendar or a contact.
pub(super) fn look(file: &mut Open<'_, '_>, raw: &str) {
    for line in unfolded(raw).lines().take(MAX_LINES) {
        let Some((name, value)) = split_property(line) else {
            continue;
        };
        let mut parameters = name.split(';');
        let property = parameters.next().unwrap_or_default().to_ascii_uppercase();
        // vCard groups: "item1.URL"
        let property = property.rsplit('.').next().unwrap_or_default();
        let parameters: Vec<&str> = parameters.collect();
        match property {
            "URL" | "ATTACH" | "SOURCE" | "CONFERENCE" | "PHOTO" | "LOGO" | "SOUND" | "KEY"
            | "FBURL" | "CALURI" => target(file, property, &parameters, value),
            "X-ALT-DESC" => {
                let page = unescape(value);
                if page.contains('<') {
                    html::page(file, &page);
                } else {
                    written(file, &page);
                }
            }
            "SUMMARY" | "LOCATION" | "DESCRIPTION" | "COMMENT" | "NOTE" | "TITLE" | "ORG"
            | "FN" | "CONTACT" => written(file, &unescape(value)),
            _ if property.starts_with("X-") => {
                links(file, LinkSource::Text, &unescape(value));
            }
            _ => {}
        }
    }
}

fn written(file: &mut Open<'_, '_>, text: &str) {
    file.text(text);
    links(file, LinkSource::Text, text);
}

/// A property whose value is a link or a file.
fn target(file: &mut Open<'_, '_>, property: &str, parameters: &[&str], value: &str) {
    let parameter = |wanted: &str| {
        parameters.iter().find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.eq_ignore_ascii_case(wanted)
                .then(|| value.trim_matches('"'))
        })
    };
    let encoded = parameter("ENCODING")
        .is_some_and(|kind| ["BASE64", "B"].iter().any(|b| kind.eq_ignore_ascii_case(b)));
    if encoded {
        let data: Vec<u8> = value.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        let name = parameter("FILENAME").or_else(|| parameter("X-FILENAME"));
        match BASE64_STANDARD.decode(data) {
            Ok(bytes) => {
                if let Some(bytes) = file.produce(bytes.as_slice()) {
                    let claimed = parameter("FMTTYPE")
                        .unwrap_or_default()
                        .to_ascii_lowercase();
                    file.member(name, &claimed, &bytes);
                }
            }
            Err(_) => file.note(NoteKind::Corrupt, property),
        }
        return;
    }
    if html::data_uri(file, value) {
        return;
    }
    let source = match property {
        "PHOTO" | "LOGO" | "SOUND" => LinkSource::Load,
        _ => LinkSource::Click,
    };
    let value = unescape(value);
    if value.contains(':') && !value.to_ascii_lowercase().starts_with("cid:") {
        file.link(source, &value, "");
    } else {
        links(file, LinkSource::Text, &value);
    }
}

/// Folded lines put together (RFC 5545 section 3.1).
fn unfolded(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for line in raw.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if let Some(more) = line.strip_prefix([' ', '\t']) {
            out.push_str(more);
        } else {
            out.push('\n');
            out.push_str(line);
        }
    }
    out
}
