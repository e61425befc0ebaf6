//! PDF: where it leads, what it does by itself, what it carries.
//!
//! `lopdf` reads the objects. It bounds nesting and the bytes of each stream, not
//! their sum nor the memory of small objects, so both are counted over the raw
//! bytes first; what is past the bounds, or too damaged, is read as raw bytes.

mod actions;
mod cost;
mod drawn;
mod images;
mod raw;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use lopdf::{
    DecompressError, Dictionary, Document, Error, LoadOptions, Object, ObjectId, Stream,
    xref::XrefEntry,
};

use super::{
    html,
    open::Open,
    report::{LinkSource, NoteKind, Stop},
    script,
};

/// Bytes that one stream of objects may have.
const OBJECT_STREAM: usize = 8 << 20;
/// Bytes of drawing operators that are read of one page, and of all pages.
const PAGE_CONTENT: usize = 1 << 20;
const ALL_CONTENT: usize = 8 << 20;
/// Pages whose text is read.
const MAX_PAGES: usize = 50;
/// Fonts of a page; more are no page.
const MAX_FONTS: usize = 64;
/// References followed from one object to the next.
const MAX_HOPS: usize = 8;

/// What the first walk over the objects finds for the second.
#[derive(Debug, Default)]
struct Found {
    /// Embedded files and their names.
    embedded: BTreeMap<ObjectId, Option<String>>,
    /// Parts of a form in XML.
    forms: BTreeSet<ObjectId>,
}

/// Reads a PDF.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let bytes = file.bytes;
    if !cost::is_bearable(bytes) {
        file.stop(Stop::Member);
        return raw::look(file);
    }
    let Some(document) = load(file) else {
        return raw::look(file);
    };
    if document.is_encrypted() {
        file.note(NoteKind::Encrypted, "password needed");
        return raw::look(file);
    }
    if document.xref_recovery.is_some() {
        file.note(NoteKind::Corrupt, "cross-reference table was rebuilt");
    }
    let listed = document.reference_table.entries.values();
    let listed = listed
        .filter(|entry| matches!(entry, XrefEntry::Normal { .. }))
        .count();
    if listed > document.objects.len() {
        // nested too deep, or damaged
        file.note(NoteKind::Corrupt, "some objects could not be read");
        raw::look(file);
    }
    let mut found = Found::default();
    actions::look(file, &document, &mut found);
    streams(file, &document, &found);
    pages(file, &document);
}

/// Loads the objects: without a password, then with the words of the message.
fn load(file: &mut Open<'_, '_>) -> Option<Document> {
    let bytes = file.bytes;
    let options = |password: Option<&String>| LoadOptions {
        password: password.cloned(),
        max_decompressed_size: Some(OBJECT_STREAM),
        ..LoadOptions::default()
    };
    let plain = match Document::load_mem_with_options(bytes, options(None)) {
        Ok(document) => document,
        Err(error) => {
            refused(file, &error);
            return None;
        }
    };
    if !plain.is_encrypted() {
        return Some(plain);
    }
    let passwords = Rc::clone(&file.run.passwords);
    let tried = passwords.iter().take(file.run.limits.passwords);
    for password in tried {
        if let Ok(document) = Document::load_mem_with_options(bytes, options(Some(password)))
            && !document.is_encrypted()
        {
            file.note(NoteKind::PasswordFromMessage, password);
            return Some(document);
        }
    }
    Some(plain)
}

/// Notes why something was not read.
fn refused(file: &mut Open<'_, '_>, error: &Error) {
    if matches!(
        error,
        Error::Decompress(DecompressError::MemoryLimitExceeded { .. })
    ) {
        file.stop(Stop::Member);
    } else {
        file.note(NoteKind::Corrupt, &error.to_string());
    }
}

/// The content of a stream, within the allowance and counted. An unfinished stream
/// counts whole: the work was done.
fn decoded(file: &mut Open<'_, '_>, stream: &Stream) -> Option<Vec<u8>> {
    let allowance = file.allowance();
    if allowance == 0 {
        file.stop(Stop::Produced);
        return None;
    }
    match stream.get_plain_content_with_limit(allowance) {
        Ok(bytes) => {
            file.run.produced_left = file.run.produced_left.saturating_sub(bytes.len());
            Some(bytes)
        }
        Err(error) => {
            if matches!(error, Error::Decompress(_)) {
                file.run.produced_left = file.run.produced_left.saturating_sub(allowance);
            }
            refused(file, &error);
            None
        }
    }
}

/// An object, references followed.
fn resolved<'d>(document: &'d Document, object: &'d Object) -> &'d Object {
    let mut object = object;
    for _ in 0..MAX_HOPS {
        match object {
            Object::Reference(id) => match document.objects.get(id) {
                Some(next) => object = next,
                None => return &Object::Null,
            },
            _ => return object,
        }
    }
    &Object::Null
}

/// A value of a dictionary, references followed.
fn value<'d>(document: &'d Document, dictionary: &'d Dictionary, key: &str) -> &'d Object {
    dictionary
        .get(key.as_bytes())
        .map_or(&Object::Null, |object| resolved(document, object))
}

/// The name of an object that is one.
fn name_of(object: &Object) -> &[u8] {
    match object {
        Object::Name(name) => name,
        _ => &[],
    }
}

/// The text of an object that is a string.
fn text_of(object: &Object) -> Option<String> {
    match object {
        Object::String(bytes, _) => Some(script::text_of(bytes)),
        _ => None,
    }
}

/// Reads the streams that carry files, forms and pictures.
fn streams(file: &mut Open<'_, '_>, document: &Document, found: &Found) {
    for (id, object) in &document.objects {
        let Object::Stream(stream) = object else {
            continue;
        };
        let kind = name_of(value(document, &stream.dict, "Type"));
        let subtype = name_of(value(document, &stream.dict, "Subtype"));
        if let Some(name) = found.embedded.get(id) {
            embedded(file, stream, name.as_deref(), subtype);
        } else if kind == b"EmbeddedFile" {
            embedded(file, stream, None, subtype);
        } else if found.forms.contains(id) {
            if let Some(bytes) = decoded(file, stream) {
                html::markup(file, &script::text_of(&bytes));
            }
        } else if subtype == b"Image" {
            images::look(file, document, stream);
        }
    }
}

fn embedded(file: &mut Open<'_, '_>, stream: &Stream, name: Option<&str>, subtype: &[u8]) {
    let Some(bytes) = decoded(file, stream) else {
        return;
    };
    file.note(NoteKind::EmbeddedObject, name.unwrap_or("a file"));
    let claimed = String::from_utf8_lossy(subtype).to_ascii_lowercase();
    file.member(name, &claimed, &bytes);
}

/// Reads the text of the first pages, and the codes that are drawn on them.
fn pages(file: &mut Open<'_, '_>, document: &Document) {
    let mut left = ALL_CONTENT;
    let mut text = String::new();
    for (at, page) in document.page_iter().enumerate() {
        if at == MAX_PAGES || text.len() > file.run.limits.text {
            file.stop(Stop::Kept);
            break;
        }
        let allowance = left.min(PAGE_CONTENT).min(file.allowance());
        let content = match document.get_page_content_with_limit(page, allowance) {
            Ok(content) => content,
            Err(error) => {
                // the allowance was spent on finding that out
                left = left.saturating_sub(allowance);
                file.run.produced_left = file.run.produced_left.saturating_sub(allowance);
                refused(file, &error);
                continue;
            }
        };
        left = left.saturating_sub(content.len());
        file.run.produced_left = file.run.produced_left.saturating_sub(content.len());
        drawn::look(file, document, &content);
        if document.get_page_fonts(page).map_or(0, |fonts| fonts.len()) > MAX_FONTS {
            file.stop(Stop::Kept);
            continue;
        }
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        if let Ok(page) = document.extract_text_with_limit(&[number], allowance) {
            text.push_str(&page);
            text.push('\n');
        }
    }
    file.text(&text);
    script::links(file, LinkSource::Text, &text);
}

#[cfg(test)]
mod tests;
