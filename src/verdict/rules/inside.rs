//! Evidence class `attachments`: what taking the files apart has shown.

use crate::{
    file::{FileKind, FileReport, Note, NoteKind},
    verdict::case::Case,
};

/// Calls of macros that fetch something from elsewhere.
const FETCHING: [&str; 10] = [
    "urldownloadtofile",
    "downloadstring",
    "downloadfile",
    "downloaddata",
    "invoke-webrequest",
    "start-bitstransfer",
    "bitsadmin",
    "msxml2.xmlhttp",
    "msxml2.serverxmlhttp",
    "winhttp.winhttprequest",
];

pub(super) fn run(case: &mut Case<'_>) {
    let facts = case.facts;
    for file in facts.files.iter().flat_map(FileReport::all) {
        notes(case, file);
        hidden_program(case, file);
        if let Some(hit) = file.rules.first() {
            let said = hit.description.as_deref().unwrap_or(&hit.rule);
            case.find(
                "file.rule",
                &file.place,
                format!(
                    "YARA rule {}: {}",
                    Case::shown(&hit.rule),
                    Case::shown(said)
                ),
            );
        }
    }
}

fn notes(case: &mut Case<'_>, file: &FileReport) {
    let has = |kind| file.notes.iter().any(|note| note.kind == kind);
    for note in &file.notes {
        let detail = Case::shown(note.detail.exposed());
        let (id, words) = match note.kind {
            NoteKind::TestVirus => ("file.test_virus", "the EICAR test file".to_owned()),
            NoteKind::MacroAutoexec if has(NoteKind::MacroSuspicious) => (
                "file.macro_runs",
                format!("a macro that runs by itself and reaches out: {detail}"),
            ),
            NoteKind::MacroSuspicious if !has(NoteKind::MacroAutoexec) && fetches(note) => (
                "file.macro_download",
                format!("a macro that fetches something from elsewhere: {detail}"),
            ),
            NoteKind::HtmlSmuggling => (
                "file.smuggling",
                format!("a page that builds a file in the browser: {detail}"),
            ),
            NoteKind::PasswordFromMessage => (
                "file.password_in_mail",
                "an encrypted file with its password in the mail".to_owned(),
            ),
            NoteKind::ExternalTemplate => (
                "file.external_template",
                format!("a document that loads its template from {detail}"),
            ),
            NoteKind::Dde => (
                "file.dde",
                format!("a document field that runs a program: {detail}"),
            ),
            NoteKind::PdfLaunch => (
                "file.pdf_launch",
                format!("a PDF that starts a program: {detail}"),
            ),
            NoteKind::PasswordForm => (
                "file.password_form",
                "a file with a form that asks for a password".to_owned(),
            ),
            NoteKind::ReorderedName => (
                "file.reordered_name",
                "a file name that reorders itself to hide its ending".to_owned(),
            ),
            NoteKind::ObfuscatedScript => (
                "file.obfuscated",
                format!("a script that hides what it does: {detail}"),
            ),
            NoteKind::QrCode => ("file.qr_code", format!("a QR code: {detail}")),
            _ => continue,
        };
        case.find(id, &file.place, words);
    }
}

fn fetches(note: &Note) -> bool {
    let call = note.detail.exposed().to_ascii_lowercase();
    FETCHING.iter().any(|known| call.contains(known))
}

/// A program, script or shortcut that lies inside another file.
fn hidden_program(case: &mut Case<'_>, file: &FileReport) {
    // its place has a level below the attachment's
    let inside = file
        .place
        .rsplit_once("attachment:")
        .is_some_and(|(_, tail)| tail.contains('/'));
    let runs = matches!(
        file.kind,
        FileKind::Program | FileKind::Script | FileKind::Shortcut
    );
    if inside && runs {
        let name = file.name.as_ref().map_or("", |n| n.exposed().as_str());
        case.find(
            "file.hidden_program",
            &file.place,
            format!("a program inside another file: {}", Case::shown(name)),
        );
    }
}
