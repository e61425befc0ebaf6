//! Office documents of all generations: macros, what they load from elsewhere,
//! what is embedded, where they lead.
//!
//! `cfb` and `zip` open the containers. Macros are decompressed here: `ovba`
//! trusts offsets and sizes of the file.

mod carve;
mod compound;
mod excel;
mod macros;
mod markup;
mod ooxml;
mod opendocument;
mod package;
mod relations;
mod rtf;
mod vba;
mod zipped;

use super::{
    kind::FileKind,
    open::Open,
    report::{LinkSource, NoteKind},
};

pub(super) use markup::look as markup;

/// Reads an office document or another compound file.
pub(super) fn look(file: &mut Open<'_, '_>) {
    match file.report.kind {
        FileKind::OfficeXml => ooxml::look(file),
        FileKind::OpenDocument => opendocument::look(file),
        FileKind::Rtf => rtf::look(file),
        _ => compound::look(file),
    }
}

/// Reads the code of one field: a link, something to load, a program to run.
fn field(file: &mut Open<'_, '_>, code: &str) {
    let code = code.trim();
    let folded = code.to_ascii_uppercase();
    if folded.starts_with("DDE ") || folded.contains("DDEAUTO") {
        file.note(NoteKind::Dde, code);
    }
    for (word, source, kind) in [
        ("HYPERLINK", LinkSource::Click, None),
        (
            "INCLUDEPICTURE",
            LinkSource::Load,
            Some(NoteKind::ExternalReference),
        ),
        (
            "INCLUDETEXT",
            LinkSource::Load,
            Some(NoteKind::ExternalReference),
        ),
        (
            "IMPORT",
            LinkSource::Load,
            Some(NoteKind::ExternalReference),
        ),
    ] {
        let Some(at) = folded.find(word) else {
            continue;
        };
        let target = argument(code.get(at + word.len()..).unwrap_or_default());
        if target.is_empty() || target.starts_with('#') {
            continue;
        }
        if let Some(kind) = kind
            && is_elsewhere(target)
        {
            file.note(kind, target);
        }
        if kind.is_none() || is_elsewhere(target) {
            file.link(source, target, "");
        }
    }
}

/// The first argument of a field that is no switch.
fn argument(code: &str) -> &str {
    let code = code.trim_start_matches([' ', '(', '\t']);
    if let Some(quoted) = code.strip_prefix(['"', '\u{201c}']) {
        return quoted.split(['"', '\u{201d}']).next().unwrap_or_default();
    }
    // \l "place" names a place in the document itself
    code.split([' ', ',', ')'])
        .find(|word| !word.is_empty())
        .filter(|word| !word.starts_with('\\') || word.starts_with("\\\\"))
        .unwrap_or_default()
}

/// Whether a target lies outside the document and the machine.
fn is_elsewhere(target: &str) -> bool {
    target.contains("://")
        || target.starts_with("\\\\")
        || target.to_ascii_lowercase().starts_with("mhtml:")
}

#[cfg(test)]
mod tests;
