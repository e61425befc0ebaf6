//! OpenDocument (ISO/IEC 26300).

use quick_xml::{Reader, events::Event};

use super::{
    super::{
        html,
        open::Open,
        report::{LinkSource, NoteKind, Stop},
        script::{self, text_of},
    },
    macros,
    zipped::Zipped,
};

/// Events that are read of one part.
const MAX_EVENTS: usize = 2_000_000;

/// Reads the parts of a document.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let Some(mut document) = Zipped::open(file) else {
        return;
    };
    for (at, name) in document.parts.clone() {
        let folded = name.to_ascii_lowercase();
        if folded == "mimetype"
            || folded == "meta.xml"
            || folded == "settings.xml"
            || folded.starts_with("thumbnails/")
            || folded.starts_with("configurations2/")
        {
            continue;
        }
        let Some(bytes) = document.read(file, at) else {
            continue;
        };
        if folded == "meta-inf/manifest.xml" {
            if memchr::memmem::find(&bytes, b"encryption-data").is_some() {
                file.note(NoteKind::Encrypted, "document with a password");
            }
        } else if folded.starts_with("basic/") || folded.starts_with("scripts/") {
            code(file, &folded, &bytes);
        } else if folded.ends_with(".xml") {
            part(file, &text_of(&bytes));
        } else {
            if !folded.starts_with("pictures/") && !folded.starts_with("objectreplacements/") {
                file.note(NoteKind::EmbeddedObject, &name);
            }
            file.member(name.rsplit('/').next(), "", &bytes);
        }
    }
}

/// A module of a macro library, or a script.
fn code(file: &mut Open<'_, '_>, name: &str, bytes: &[u8]) {
    // the lists of libraries and modules
    if name.ends_with("-lc.xml") || name.ends_with("-lb.xml") {
        return;
    }
    file.note(NoteKind::Macro, name);
    let text = text_of(bytes)
        .replace("&apos;", "'")
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    macros::look(file, &text);
}

fn part(file: &mut Open<'_, '_>, xml: &str) {
    html::declarations(file, xml);
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    let mut text = String::new();
    for read in 0.. {
        if read == MAX_EVENTS || text.len() > file.run.limits.text {
            file.stop(Stop::Kept);
            break;
        }
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                let name = element.name();
                let name = name.as_ref();
                if ["text:p", "text:h", "table:table-row", "text:line-break"].contains(&name) {
                    text.push('\n');
                }
                for attribute in element.attributes().with_checks(false).flatten().take(64) {
                    let value = html::plain(&attribute);
                    reference(file, name, attribute.key.as_ref(), &value);
                }
            }
            Ok(Event::Text(words)) => text.push_str(&words),
            Ok(Event::GeneralRef(entity)) => text.push_str(match entity.as_ref() {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                _ => " ",
            }),
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => {
                file.note(NoteKind::Corrupt, &error.to_string());
                break;
            }
        }
    }
    file.text(&text);
    script::links(file, LinkSource::Text, &text);
}

/// One attribute: a link, an event, an exchange.
fn reference(file: &mut Open<'_, '_>, element: &str, key: &str, value: &str) {
    let local = key.rsplit(':').next().unwrap_or_default();
    match (element, local) {
        ("script:event-listener", "event-name")
            if value.ends_with(":load") || value.ends_with("OnLoad") =>
        {
            file.note(NoteKind::MacroAutoexec, value);
        }
        ("script:event-listener", "href") => file.note(NoteKind::Macro, value),
        (_, "dde-application" | "dde-topic" | "dde-item") => file.note(NoteKind::Dde, value),
        (_, "formula") => {
            if value.to_ascii_uppercase().contains("DDE(") {
                file.note(NoteKind::Dde, value);
            }
            script::links(file, LinkSource::Load, value);
        }
        ("text:a" | "draw:a" | "form:button", "href") if value.contains(':') => {
            file.link(LinkSource::Click, value, "");
        }
        (_, "href") if super::is_elsewhere(value) => {
            file.note(NoteKind::ExternalReference, value);
            file.link(LinkSource::Load, value, "");
        }
        _ => {}
    }
}
