//! Links and actions of a PDF (ISO 32000-1 sections 7.11 and 12.6).

use lopdf::{Dictionary, Document, Object};

use super::{
    super::{
        open::Open,
        report::{LinkSource, NoteKind, Stop},
        script,
    },
    Found, decoded, name_of, resolved, text_of, value,
};

/// Objects within objects that are walked.
const MAX_NODES: usize = 2_000_000;
/// Scripts that are read.
const MAX_SCRIPTS: usize = 100;

/// Walks all objects, whether a page shows them or not.
pub(super) fn look(file: &mut Open<'_, '_>, document: &Document, found: &mut Found) {
    let mut nodes = 0usize;
    let mut scripts = 0usize;
    let mut waiting: Vec<&Object> = Vec::new();
    for object in document.objects.values() {
        waiting.push(object);
        while let Some(object) = waiting.pop() {
            nodes += 1;
            if nodes > MAX_NODES {
                return file.stop(Stop::Kept);
            }
            let dictionary = match object {
                Object::Array(items) => {
                    waiting.extend(items);
                    continue;
                }
                Object::Dictionary(dictionary) => dictionary,
                Object::Stream(stream) => &stream.dict,
                _ => continue,
            };
            waiting.extend(dictionary.iter().map(|(_, value)| value));
            action(file, document, dictionary, &mut scripts);
            automatic(file, document, dictionary);
            files(document, dictionary, found);
            form(dictionary, document, found);
        }
    }
}

fn action(
    file: &mut Open<'_, '_>,
    document: &Document,
    dictionary: &Dictionary,
    scripts: &mut usize,
) {
    if let Some(target) = text_of(value(document, dictionary, "URI")) {
        file.link(LinkSource::Click, &target, "");
    }
    let kind = name_of(value(document, dictionary, "S"));
    let code = value(document, dictionary, "JS");
    if kind == b"JavaScript" || !matches!(code, Object::Null) {
        *scripts += 1;
        if *scripts <= MAX_SCRIPTS {
            javascript(file, code);
        } else {
            file.stop(Stop::Kept);
        }
    }
    let target = || target(document, value(document, dictionary, "F"));
    match kind {
        b"Launch" => {
            let windows = match value(document, dictionary, "Win") {
                Object::Dictionary(windows) => ["F", "P"]
                    .iter()
                    .filter_map(|key| text_of(value(document, windows, key)))
                    .collect::<Vec<_>>()
                    .join(" "),
                _ => String::new(),
            };
            let command = format!("{} {windows}", target());
            file.note(NoteKind::PdfLaunch, command.trim());
            script::links(file, LinkSource::Click, &command);
        }
        b"GoToR" | b"GoToE" | b"ImportData" => {
            let target = target();
            if !target.is_empty() {
                file.note(NoteKind::PdfLaunch, &target);
                if target.contains("://") || target.starts_with("\\\\") {
                    file.link(LinkSource::Click, &target, "");
                }
            }
        }
        b"SubmitForm" => {
            let target = target();
            file.note(NoteKind::PdfSubmit, &target);
            file.link(LinkSource::Form, &target, "");
        }
        _ => {}
    }
}

fn javascript(file: &mut Open<'_, '_>, code: &Object) {
    let code = match code {
        Object::Stream(stream) => decoded(file, stream)
            .map(|bytes| script::text_of(&bytes))
            .unwrap_or_default(),
        other => text_of(other).unwrap_or_default(),
    };
    file.note(NoteKind::PdfScript, code.trim());
    script::examine(file, &code);
}

/// Actions that a reader does not start.
fn automatic(file: &mut Open<'_, '_>, document: &Document, dictionary: &Dictionary) {
    if let Object::Dictionary(opening) = value(document, dictionary, "OpenAction") {
        let kind = name_of(value(document, opening, "S"));
        // going to a page is what most programs write
        if kind != b"GoTo" && !kind.is_empty() {
            file.note(NoteKind::PdfOpenAction, &String::from_utf8_lossy(kind));
        }
    }
    if let Object::Dictionary(additional) = value(document, dictionary, "AA") {
        // opening, showing and leaving a page; the others belong to typing
        for event in ["O", "PO", "PV", "PI"] {
            if let Object::Dictionary(action) = value(document, additional, event) {
                let kind = name_of(value(document, action, "S"));
                file.note(NoteKind::PdfOpenAction, &String::from_utf8_lossy(kind));
            }
        }
    }
}

/// The target of a file specification: a string, or a dictionary with one.
fn target(document: &Document, specification: &Object) -> String {
    match specification {
        Object::Dictionary(dictionary) => ["UF", "F", "Unix", "DOS", "Mac"]
            .iter()
            .find_map(|key| text_of(value(document, dictionary, key)))
            .unwrap_or_default(),
        other => text_of(other).unwrap_or_default(),
    }
}

/// Remembers embedded files by the specification that names them.
fn files(document: &Document, dictionary: &Dictionary, found: &mut Found) {
    let Object::Dictionary(streams) = value(document, dictionary, "EF") else {
        return;
    };
    let name = ["UF", "F"]
        .iter()
        .find_map(|key| text_of(value(document, dictionary, key)));
    for (_, stream) in streams.iter() {
        if let Object::Reference(id) = stream {
            found.embedded.insert(*id, name.clone());
        }
    }
}

/// Remembers the parts of an XFA form.
fn form(dictionary: &Dictionary, document: &Document, found: &mut Found) {
    let Ok(form) = dictionary.get(b"XFA") else {
        return;
    };
    if let (Object::Reference(id), Object::Stream(_)) = (form, resolved(document, form)) {
        found.forms.insert(*id);
    }
    if let Object::Array(parts) = resolved(document, form) {
        for part in parts.iter().take(100) {
            if let Object::Reference(id) = part {
                found.forms.insert(*id);
            }
        }
    }
}
