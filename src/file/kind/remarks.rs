//! Notes on a file's name and type.

use super::{FileKind, inside, names, signs};
use crate::file::{
    archive,
    open::Open,
    report::{NoteKind, Stop},
};

/// The test file of the European Institute for Computer Antivirus Research, in two
/// parts, so that no scanner takes this program for it.
const EICAR: [&str; 2] = [
    "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-",
    "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*",
];

/// The whole of it.
pub(super) fn eicar() -> String {
    EICAR.concat()
}

/// Notes what is remarkable about name and type, and opens a ZIP that hides behind
/// another type.
pub(in crate::file) fn remarks(file: &mut Open<'_, '_>, name: Option<&str>) {
    let kind = file.report.kind;
    let claimed = file.report.claimed.clone();
    let ending = name.map(names::trimmed).as_deref().map(names::ending);
    let ending = ending.unwrap_or_default();
    let found = signs::all(file.bytes, &ending, &claimed);
    if let Some(name) = name {
        on_name(file, name, &ending);
    }
    mismatch(file, &ending, &claimed);
    if found.len() > 1 {
        let words: Vec<&str> = found.iter().map(|kind| kind.word()).collect();
        file.note(NoteKind::Polyglot, &words.join(" and "));
    }
    on_kind(file, name.unwrap_or_default(), &ending);
    let start = file.bytes.get(..128).unwrap_or(file.bytes);
    if memchr::memmem::find(start, eicar().as_bytes()).is_some() {
        file.note(NoteKind::TestVirus, "EICAR");
    }
    if kind != FileKind::Zip && !kind.is_office() && found.iter().skip(1).any(|k| is_zip(*k)) {
        archive::zip(file);
    }
}

/// Notes what a name alone shows, of a file that cannot be read.
pub(in crate::file) fn remarks_on_unread(file: &mut Open<'_, '_>, name: &str) {
    let ending = names::ending(&names::trimmed(name));
    on_name(file, name, &ending);
    if names::fits(&ending, FileKind::Program) == Some(true) || ending == "msi" {
        file.note(NoteKind::Executable, name);
    } else if names::is_script(&ending) {
        file.note(NoteKind::Script, name);
    }
}

/// Whether a kind is stored as ZIP.
fn is_zip(kind: FileKind) -> bool {
    matches!(
        kind,
        FileKind::Zip | FileKind::OfficeXml | FileKind::OpenDocument
    )
}

fn on_name(file: &mut Open<'_, '_>, name: &str, ending: &str) {
    if name
        .chars()
        .any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    {
        file.note(NoteKind::ReorderedName, name);
    }
    let shown = names::trimmed(name);
    let before = shown
        .rsplit_once('.')
        .map(|(stem, _)| names::ending(stem.trim_end()))
        .unwrap_or_default();
    if names::runs(ending) && names::looks_harmless(&before) && ending != before {
        file.note(NoteKind::DoubleExtension, name);
    }
    if names::is_launcher(ending) {
        file.note(NoteKind::Script, name);
    }
}

fn mismatch(file: &mut Open<'_, '_>, ending: &str, claimed: &str) {
    let kind = file.report.kind;
    if matches!(kind, FileKind::Unknown | FileKind::Empty) {
        return;
    }
    if names::fits(ending, kind) == Some(false) {
        let detail = format!(".{ending} is {}", kind.word());
        file.note(NoteKind::TypeMismatch, &detail);
        return;
    }
    let wrong = match claimed.split_once('/') {
        Some(("image", "svg+xml")) => !matches!(kind, FileKind::Svg | FileKind::Xml),
        Some(("image" | "audio" | "video", _)) => !kind.is_picture() && kind != FileKind::Media,
        Some(("text", _)) => !kind.is_textual(),
        Some(("application", "pdf")) => kind != FileKind::Pdf,
        Some(("application", "zip" | "x-zip-compressed")) => !is_zip(kind),
        _ => false,
    };
    if wrong {
        file.note(
            NoteKind::TypeMismatch,
            &format!("{claimed} is {}", kind.word()),
        );
    }
}

fn on_kind(file: &mut Open<'_, '_>, name: &str, ending: &str) {
    match file.report.kind {
        FileKind::Program => file.note(NoteKind::Executable, name),
        FileKind::CompoundFile
            if matches!(ending, "msi" | "msp" | "mst") || inside::is_installer(file.bytes) =>
        {
            file.note(NoteKind::Executable, "Windows Installer");
        }
        FileKind::Zip if matches!(ending, "jar" | "apk" | "appx" | "msix" | "appxbundle") => {
            file.note(NoteKind::Executable, name);
        }
        FileKind::Html | FileKind::Xml | FileKind::Text if names::is_script(ending) => {
            file.note(NoteKind::Script, name);
        }
        FileKind::Iso | FileKind::DiskImage => file.note(NoteKind::DiskImage, name),
        FileKind::Cryptographic => cryptographic(file, ending),
        FileKind::Unknown => {
            if let Some(form) = signs::packed_otherwise(file.bytes) {
                file.stop(Stop::Unsupported);
                if form.to_ascii_lowercase().contains("disk") {
                    file.note(NoteKind::DiskImage, &form);
                }
            }
        }
        _ => {}
    }
}

/// What is encrypted cannot be read; what is signed in an envelope is not read.
fn cryptographic(file: &mut Open<'_, '_>, ending: &str) {
    let head = file.bytes.get(..64).unwrap_or(file.bytes);
    let has = |mark: &[u8]| memchr::memmem::find(head, mark).is_some();
    // RFC 5652: enveloped data is 1.2.840.113549.1.7.3, authenticated enveloped
    // data 1.2.840.113549.1.9.16.1.23
    let enveloped = has(b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03")
        || has(b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17");
    if enveloped || has(b"BEGIN PGP MESSAGE") {
        let form = if enveloped { "S/MIME" } else { "PGP" };
        file.note(NoteKind::Encrypted, form);
    } else if ending == "p7m" {
        file.stop(Stop::Unsupported);
    }
}
