//! XML that is neither a page nor a picture, and the entities of all XML.

use std::borrow::Cow;

use quick_xml::{
    Reader, XmlVersion,
    events::{Event, attributes::Attribute},
};

use super::{
    super::{
        office,
        open::Open,
        report::{LinkSource, NoteKind},
        script,
    },
    data_uri,
};

/// Elements that are read.
const MAX_ELEMENTS: usize = 200_000;
/// Bytes of the declarations that are searched for entities.
const MAX_DECLARATIONS: usize = 1 << 20;

/// Notes entities that expand or come from elsewhere. Read from the text, so that
/// no parser is asked to do anything about them.
pub(in crate::file) fn entities(file: &mut Open<'_, '_>, text: &str) {
    let end = (0..=MAX_DECLARATIONS.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or_default();
    let head = text.get(..end).unwrap_or_default();
    let mut declared = 0usize;
    for declaration in head.split("<!ENTITY").skip(1) {
        declared += 1;
        // a value in quotes may hold ">"
        let window: String = declaration.chars().take(2_000).collect();
        let mut words = window.split_whitespace().skip_while(|word| *word == "%");
        let name = words.next().unwrap_or_default();
        match words.next() {
            Some(kind @ ("SYSTEM" | "PUBLIC")) => {
                // a public identifier stands before the system identifier
                let literal = if kind == "PUBLIC" { 1 } else { 0 };
                let target = literals(&window).nth(literal).unwrap_or_default();
                file.note(NoteKind::ExternalEntity, &format!("{name} {target}"));
                if target.contains("://") {
                    file.link(LinkSource::Load, target, "");
                }
            }
            Some(value) if value.starts_with(['"', '\'']) => {
                let quote = value.chars().next().unwrap_or('"');
                let value = window.split(quote).nth(1).unwrap_or_default();
                let refers = value.split('&').skip(1).any(|part| !part.starts_with('#'));
                let used = text.matches(&format!("&{name};")).take(1_000).count();
                if refers || (value.len() * used > 100_000) {
                    file.note(NoteKind::EntityExpansion, name);
                }
            }
            _ => {}
        }
        if declared > 200 {
            file.note(NoteKind::EntityExpansion, "more than 200 entities");
            return;
        }
    }
}

/// The quoted strings of a declaration.
fn literals(declaration: &str) -> impl Iterator<Item = &str> {
    let mut rest = declaration;
    std::iter::from_fn(move || {
        let at = rest.find(['"', '\''])?;
        let quote = rest.get(at..)?.chars().next()?;
        let (literal, tail) = rest.get(at + 1..)?.split_once(quote)?;
        rest = tail;
        Some(literal)
    })
}

/// The value of an attribute; as written where it refers to unknown entities.
pub(in crate::file) fn plain<'a>(attribute: &Attribute<'a>) -> Cow<'a, str> {
    attribute
        .normalized_value(XmlVersion::Explicit1_0)
        .unwrap_or_else(|_| attribute.value.clone())
}

/// Reads other XML: text, and links in attributes.
pub(super) fn look(file: &mut Open<'_, '_>, text: &str) {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut words = String::new();
    for _ in 0..MAX_ELEMENTS {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                for attribute in element.attributes().with_checks(false).flatten().take(64) {
                    let name = attribute.key.as_ref();
                    if name.starts_with("xmlns") || name.ends_with("schemaLocation") {
                        continue;
                    }
                    let value = plain(&attribute);
                    if data_uri(file, &value) || !value.contains("://") {
                        continue;
                    }
                    let source = if name.ends_with("href") {
                        LinkSource::Click
                    } else {
                        LinkSource::Load
                    };
                    file.link(source, &value, "");
                }
            }
            Ok(Event::PI(instruction)) => {
                if instruction.contains("stylesheet") {
                    script::links(file, LinkSource::Load, &instruction);
                }
            }
            Ok(Event::Text(part)) => {
                words.push_str(&part);
                words.push('\n');
            }
            Ok(Event::CData(part)) => {
                words.push_str(&part);
                words.push('\n');
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => {
                file.note(NoteKind::Corrupt, &error.to_string());
                break;
            }
        }
    }
    let folded = text.get(..100_000).unwrap_or(text).to_ascii_lowercase();
    if folded.contains("msxsl:script") || folded.contains("<script") {
        file.note(NoteKind::Script, "script in XML");
        script::examine(file, text);
    }
    if folded.contains("schemas.microsoft.com/office") || folded.contains("opendocument") {
        // an office document in one piece
        office::markup(file, text);
    }
    file.text(&words);
    script::links(file, LinkSource::Text, &words);
}
