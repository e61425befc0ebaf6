//! Office Open XML (ECMA-376).

use super::{
    super::{
        open::Open,
        report::{LinkSource, NoteKind},
        script::{self, printable, text_of},
    },
    macros, markup, relations, vba,
    zipped::Zipped,
};

/// Parts whose text no reader sees and that hold no code.
const SILENT: [&str; 9] = [
    "/theme/",
    "styles",
    "fonttable",
    "websettings",
    "numbering.xml",
    "slidelayouts/",
    "slidemasters/",
    "/charts/",
    "docprops/",
];

/// Reads the parts of a document.
pub(super) fn look(file: &mut Open<'_, '_>) {
    let Some(mut document) = Zipped::open(file) else {
        return;
    };
    let parts = document.parts.clone();
    for (at, name) in &parts {
        if name.to_ascii_lowercase().ends_with(".rels")
            && let Some(bytes) = document.read(file, *at)
        {
            relations::look(file, &text_of(&bytes));
        }
    }
    for (at, name) in &parts {
        let folded = name.to_ascii_lowercase();
        let markup = [".xml", ".vml"].iter().any(|e| folded.ends_with(e));
        if folded.ends_with(".rels")
            || (markup && SILENT.iter().any(|part| folded.contains(part)))
            || folded.contains("printersettings")
            || folded.contains("thumbnail")
            || folded.ends_with(".odttf")
            || folded.ends_with(".fntdata")
        {
            continue;
        }
        let Some(bytes) = document.read(file, *at) else {
            continue;
        };
        part(file, name, &folded, &bytes, markup);
    }
}

fn part(file: &mut Open<'_, '_>, name: &str, folded: &str, bytes: &[u8], markup: bool) {
    if folded.contains("vbaproject") && !markup {
        if !folded.contains("signature") {
            vba::look(file, bytes);
        }
    } else if folded.contains("/macrosheets/") || folded.contains("/dialogsheets/") {
        file.note(NoteKind::Macro, "Excel 4 macro sheet");
        if markup {
            markup::look(file, &text_of(bytes));
        } else {
            let words = printable(bytes, file.run.limits.text);
            macros::look(file, &words);
        }
    } else if markup {
        markup::look(file, &text_of(bytes));
    } else if folded.starts_with("xl/")
        && folded.ends_with(".bin")
        && !folded.contains("/embeddings/")
        && !folded.contains("/activex/")
    {
        // binary workbooks: the words of their records
        let words = printable(bytes, file.run.limits.text);
        file.text(&words);
        script::links(file, LinkSource::Text, &words);
    } else {
        if folded.contains("/embeddings/") || folded.contains("/activex/") {
            file.note(NoteKind::EmbeddedObject, name);
        }
        file.member(name.rsplit('/').next(), "", bytes);
    }
}
